"""The sentences of a gate over a named measure."""

from __future__ import annotations

from pytest_modeleval.gates.gate import Side
from pytest_modeleval.gates.kinds import KINDS
from pytest_modeleval.gates.measurement import Measurement
from pytest_modeleval.gates.number_text import bound_text
from pytest_modeleval.results import FAILED, PASSED, Scale

_NO_CHANGE = 5e-6


def measure_text(found: Measurement, verdict: str) -> str:
    """What was seen against what: "ifeval loose 0.8000 (95 % 0.780-0.820, n=541) is below its floor 0.9000"."""
    gate, measure = found.gate, found.measure
    assert measure is not None
    scale = measure.scale
    name = gate.scope if gate.measure else f"{gate.scope} {measure.name}"
    seen = f"{name} {_value(found.seen or 0.0, scale)} ({_interval(found, scale)}n={found.n})"
    side = KINDS[gate.kind].side
    if side is not Side.WORSE:
        limit = f"{'below its floor' if side is Side.BELOW else 'above its ceiling'} {_value(gate.limit, scale)}"
        return f"{seen} {bound_text(found, verdict, limit)}"
    direction = "" if scale.is_higher_better else ", lower is better"
    before = f"{_value(found.before or 0.0, scale)} in {found.against}"
    return f"{seen} against {before}: {_change(found, verdict, scale)}{direction}"


def _change(found: Measurement, verdict: str, scale: Scale) -> str:
    change = (found.seen or 0.0) - (found.before or 0.0)
    is_same = abs(change) <= _NO_CHANGE
    said = "unchanged" if is_same else f"{'a rise' if change > 0 else 'a fall'} of {_value(abs(change), scale)}"
    beyond = f"the margin of {found.gate.limit:g} of its range" if found.gate.limit else "chance"
    is_worse = (change < 0) == scale.is_higher_better and not is_same
    if verdict == FAILED:
        return f"{said}, beyond {beyond}"
    return f"{said}, not shown to be beyond {beyond}" if verdict == PASSED and is_worse else said


def measure_sensitivity(found: Measurement, effect: float) -> str:
    """The smallest change that the gate finds; effect: a fraction of the range, or of the baseline's figure."""
    assert found.measure is not None
    of = "its range" if found.measure.high is not None else "the figure in the baseline"
    if found.measure.method == "quantile" and KINDS[found.gate.kind].side is not Side.WORSE:
        of = "the items more beyond the limit"
    return f"a true change of {100.0 * effect:.1f} % of {of} is the smallest found four times in five"


def _value(value: float, scale: Scale) -> str:
    return f"{value:.4f}" if scale.is_share else f"{value:.4g} {scale.unit}".rstrip()


def _interval(found: Measurement, scale: Scale) -> str:
    if found.low is None or found.high is None:
        return ""
    ends = [f"{end:.3f}" if scale.is_share else f"{end:.4g}" for end in (found.low, found.high)]
    return f"95 % {ends[0]}-{ends[1]}, "
