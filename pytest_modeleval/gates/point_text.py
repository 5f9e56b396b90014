"""The sentences of a gate over operating points."""

from __future__ import annotations

from math import ceil, log
from statistics import NormalDist

from pytest_modeleval.gates.gate import Gate
from pytest_modeleval.gates.kinds import KINDS
from pytest_modeleval.gates.measurement import Measurement
from pytest_modeleval.gates.number_text import p_text
from pytest_modeleval.gates.point_finding import PointFinding
from pytest_modeleval.gates.point_format import percent
from pytest_modeleval.results import CANNOT_JUDGE, FAILED, PASSED

# More requests than this are no advice.
_MOST_ADVISED = 1_000_000


def explain_points(
    found: Measurement, verdict: str, *, p: float, alpha: float, family: int, detectable: float | None
) -> str:
    """The sentence of a gate over points; the parameters are those of verdict_text.explain."""
    gate, worst = found.gate, found.points[0]
    explain = KINDS[gate.kind].explain_point
    seen = explain(gate, worst) if explain is not None else worst.point
    tests = f"alpha {alpha:g}" + (f", Holm over {family} gates" if family > 1 else "")
    end = _both_ways(found, verdict, p, tests, alpha) if found.p_held is not None else None
    end = end or _compared(found, verdict, p, tests, detectable)
    return f"{seen}; {end}{_other_points(found, alpha)}."


def _both_ways(found: Measurement, verdict: str, p: float, tests: str, alpha: float) -> str:
    """What is shown of a promise, and by which p-value."""
    held = found.p_held if found.p_held is not None else 1.0
    if verdict == FAILED:
        return f"broken beyond chance (one-sided p {p_text(p)}, {tests})"
    if verdict == PASSED:
        return f"shown to be kept (one-sided p of the contrary {p_text(held)}, alpha {alpha:g})"
    if found.doubt and held <= alpha:
        return "kept at the points that can be judged"
    advice = next(filter(None, (_requests_wanted(found.gate, point, alpha) for point in found.points)), "")
    return f"shown neither to be broken (one-sided p {p_text(p)}, {tests}) nor to be kept (p {p_text(held)}){advice}"


def _requests_wanted(gate: Gate, found: PointFinding, alpha: float) -> str:
    """How many requests would decide it if the share stayed what it is; "" where that is not known, or decided."""
    share, held = found.share, found.p_held
    if share is None or held is None or held <= alpha:
        return ""
    z = NormalDist().inv_cdf(1.0 - alpha)
    distance = abs(share.share - share.limit)
    each = found.num / share.effective
    if distance > 0.0:
        normal = z * z * share.limit * (1.0 - share.limit) / distance**2
        wanted = ceil(1.2 * each * max(normal, log(alpha) / log(1.0 - share.limit)))
        if found.num < wanted <= _MOST_ADVISED:
            return f"; if the share stays what it is, about {_round_up(wanted):,} requests at {found.point} decide it"
    return "; its share lies too close to the limit for any number of requests to decide it soon"


def _round_up(number: int) -> int:
    """To two significant figures."""
    step = int(10 ** max(0, len(str(number)) - 2))
    return ceil(number / step) * step


def _compared(found: Measurement, verdict: str, p: float, tests: str, detectable: float | None) -> str:
    gate, change = found.gate, found.points[0].change
    beyond = f"the margin of {percent(gate.limit)}" if gate.limit else "chance"
    if verdict == FAILED:
        said = f"beyond {beyond}"
    else:
        is_worse = change is not None and change.share > 0.0
        said = f"not shown to be beyond {beyond}" if is_worse else "no worsening"
    return f"{said} (one-sided p {p_text(p)}, {tests}){_sensitivity(gate, verdict, found, detectable)}{_unseen(gate)}"


def _sensitivity(gate: Gate, verdict: str, found: Measurement, detectable: float | None) -> str:
    if detectable is None:
        return "; no worsening, however large, would be found four times in five"
    text = f"; a true worsening of {percent(detectable)} is the smallest found four times in five"
    if gate.detect is None or verdict != CANNOT_JUDGE or detectable <= gate.detect:
        return text
    room = gate.detect - gate.limit
    if room <= 0.0:
        return f"{text}, but detect = {percent(gate.detect)} is no more than the margin"
    wanted = requests_to_find(gate.detect, detectable, gate.limit, found.points[0].num)
    return f"{text}, but it must find {percent(gate.detect)} (detect): measure about {wanted:,} requests on both sides"


def requests_to_find(change: float, detectable: float, margin: float, measured: int) -> int:
    """As many requests, on both sides, find a change four times in five as `measured` ones find a detectable one.

    The error of a comparison falls with the root of their number. A third is added, as the error itself is estimated.
    """
    return _round_up(ceil(1.33 * ((detectable - margin) / (change - margin)) ** 2 * measured))


def _unseen(gate: Gate) -> str:
    """What no comparison of two starts of a server can see."""
    if gate.against:
        return "; each server was started once, and what differs between two starts of one is not in this test"
    if gate.run_spread is not None:
        return f"; runs of an unchanged deployment are taken to differ by {percent(gate.run_spread)} (run_spread)"
    return "; what differs between two runs of an unchanged deployment is not in this test: give run_spread"


def _other_points(found: Measurement, alpha: float) -> str:
    """The other points of a gate over several, by what is known of each."""
    count = sum(not point.obstacle for point in found.points)
    grouped: dict[str, list[str]] = {}
    for point in found.points[1:]:
        if not point.obstacle:
            grouped.setdefault(_standing(point, alpha, count), []).append(point.point)
    said = [f"; {standing}: {', '.join(names)}" for standing, names in grouped.items()]
    return "".join(said) + (f"; cannot be judged: {found.doubt}" if found.doubt else "")


def _standing(point: PointFinding, alpha: float, count: int) -> str:
    if point.p * count <= alpha:
        return "fails too"
    if point.p_held is None:
        return "not shown to be worse"
    return "kept" if point.p_held <= alpha else "not decided"
