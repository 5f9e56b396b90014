"""A gate's verdict as one full sentence: what was seen, against what, how sure, and what could have been seen."""

from __future__ import annotations

from pytest_modeleval.gates.gate import FIGURES, Gate
from pytest_modeleval.gates.measurement import Measurement
from pytest_modeleval.results import CANNOT_JUDGE, FAILED, PASSED, Baseline


def reason(
    found: Measurement,
    verdict: str,
    baseline: Baseline | None,
    *,
    p: float | None = None,
    alpha: float = 0.0,
    family: int = 1,
    looks: int = 1,
    detectable: float | None = None,
) -> str:
    """The sentence for a gate that could be measured.

    p: adjusted p-value, None for a bare comparison; alpha: what it is held against; family: tests of the run that
    share alpha; looks: how often the run is looked at; detectable: smallest drop found four times in five.
    """
    if found.gate.kind == "regression":
        text = _regression(found, verdict, baseline)
    elif found.gate.kind == "floor":
        text = _floor(found, verdict)
    else:
        text = _ceiling(found, verdict)
    if p is None:
        return f"{text} (bare numbers compared: chance alone can do this)."
    text += f" (p {p_text(p)}, alpha {alpha:g}"
    text += f", Holm over {family} gates" if family > 1 else ""
    text += f", {looks} looks" if looks > 1 else ""
    text += ", valid at any look" if found.is_early else ""
    return f"{text}); {_sensitivity(found, verdict, detectable)}."


def _sensitivity(found: Measurement, verdict: str, detectable: float | None) -> str:
    gate = found.gate
    if detectable is None:
        what = "drop" if gate.kind == "regression" else "distance beyond the limit"
        missing = f"no {what}, however large, would be found four times in five"
        return f"{missing}: so few questions prove nothing" if verdict == CANNOT_JUDGE else missing
    size = points(detectable)
    if gate.kind == "regression":
        text = f"a true drop of {size} is the smallest found four times in five"
    elif gate.kind == "floor":
        text = f"a true score {size} below the floor is the nearest found four times in five"
    elif gate.of in FIGURES:
        share = 100.0 * (detectable + 1.0 - gate.quantile)
        text = f"this is found four times in five once {share:.1f} % of the items are truly above the ceiling"
    else:
        text = f"a true share {size} above the ceiling is the nearest found four times in five"
    if verdict == CANNOT_JUDGE and gate.detect is not None:
        text += f", but it must find {points(gate.detect)} (detect): ask more questions or repeats"
    return text


def _regression(found: Measurement, verdict: str, baseline: Baseline | None) -> str:
    pairs = found.pairs
    assert pairs is not None
    against = f"{baseline.label} ({baseline.made_utc[:10]})" if baseline is not None else "the baseline"
    moved = "unchanged"
    if abs(pairs.drop) > 5e-6:
        moved = f"{'a drop' if pairs.drop > 0 else 'a rise'} of {points(abs(pairs.drop))}"
    margin = f" the margin of {points(found.gate.limit)}" if found.gate.limit else ""
    if verdict == FAILED:
        judged = f"{moved}, beyond{margin or ' chance'}"
    elif verdict == PASSED and pairs.drop > 5e-6:
        judged = f"{moved}, not shown to be beyond{margin or ' chance'}"
    else:
        judged = moved
    unpaired = f", {pairs.unpaired} more not paired" if pairs.unpaired else ""
    return (
        f"{_score(found)}{unpaired} against {pairs.before or 0.0:.4f} in {against}:"
        f" {pairs.losses} newly wrong, {pairs.gains} newly right, {judged}"
    )


def _floor(found: Measurement, verdict: str) -> str:
    floor = f"its floor {found.gate.limit:.4f}"
    if verdict == FAILED:
        judged = f"is below {floor}" + (" beyond chance" if found.p is not None else "")
    elif found.is_beyond:
        judged = f"is below {floor}, which chance can explain"
    else:
        judged = f"is not below {floor}"
    return f"{_score(found)} {judged}"


def _ceiling(found: Measurement, verdict: str) -> str:
    gate = found.gate
    seen = found.seen or 0.0
    what = gate.of.replace("_", " ")
    if gate.of in FIGURES:
        unit = " s" if gate.of == "latency_s" else ""
        name = "latency" if gate.of == "latency_s" else what
        value = f"{quantile_text(gate)} {name} {seen:g}{unit} (n={found.n})"
        ceiling = f"its ceiling {gate.limit:g}{unit}"
    else:
        value = f"{what} share {seen:.4f} {_interval(found)}"
        ceiling = f"its ceiling {gate.limit:.4f}"
    if verdict == FAILED:
        judged = f"is above {ceiling}" + (" beyond chance" if found.p is not None else "")
    elif found.is_beyond:
        judged = f"is above {ceiling}, which chance can explain"
    else:
        judged = f"is not above {ceiling}"
    return f"{gate.scope} {value} {judged}"


def _score(found: Measurement) -> str:
    return f"{found.gate.scope} {found.metric} {found.seen or 0.0:.4f} {_interval(found)}"


def _interval(found: Measurement) -> str:
    if found.low is None or found.high is None:
        return f"(n={found.n})"
    return f"(95 % {found.low:.3f}-{found.high:.3f}, n={found.n})"


def quantile_text(gate: Gate) -> str:
    """The quantile as people call it: "median", "95th percentile"."""
    return "median" if gate.quantile == 0.5 else f"{100 * gate.quantile:g}th percentile"


def points(fraction: float) -> str:
    """A fraction as percentage points: "2.4 points"."""
    number = f"{100 * fraction:.1f}" if abs(fraction) >= 0.0005 else f"{100 * fraction:.2g}"
    number = number if float(number) else "0"
    return f"{number} point{'' if number == '1.0' else 's'}"


def signed_points(fraction: float) -> str:
    """A change in percentage points with its sign: "-2.4", "+0.3"; "0.0" has none."""
    number = f"{100 * fraction:+.1f}"
    return number if float(number) else "0.0"


def p_text(p: float) -> str:
    """A p-value with as many figures as it is worth."""
    return f"{p:.2g}" if p >= 0.0001 else ("below 1e-12" if p < 1e-12 else f"{p:.1e}")
