"""A gate's verdict as one full sentence: what was seen, against what, how sure, and what could have been seen."""

from __future__ import annotations

from pytest_modeleval.gates.kinds import KINDS
from pytest_modeleval.gates.measure_text import measure_sensitivity, measure_text
from pytest_modeleval.gates.measurement import Measurement
from pytest_modeleval.gates.number_text import p_text, points
from pytest_modeleval.gates.point_text import explain_points
from pytest_modeleval.results import CANNOT_JUDGE


def explain(
    found: Measurement,
    verdict: str,
    *,
    p: float | None = None,
    alpha: float = 0.0,
    family: int = 1,
    looks: int = 1,
    detectable: float | None = None,
) -> str:
    """The sentence for a gate that could be measured.

    p: adjusted p-value, None for a bare comparison; alpha: what it is held against; family: tests of the run that
    share alpha; looks: how often the run is looked at; detectable: smallest effect found four times in five.
    """
    if found.points:
        return explain_points(
            found, verdict, p=1.0 if p is None else p, alpha=alpha, family=family, detectable=detectable
        )
    text = KINDS[found.gate.kind].explain(found, verdict) if found.measure is None else measure_text(found, verdict)
    if p is None:
        return f"{text} (bare numbers compared: chance alone can do this)."
    text += f" (one-sided p {p_text(p)}, alpha {alpha:g}"
    text += f", Holm over {family} gates" if family > 1 else ""
    text += f", {looks} looks" if looks > 1 else ""
    text += ", valid at any look" if found.is_early else ""
    return f"{text}); {_sensitivity(found, verdict, detectable)}."


def _sensitivity(found: Measurement, verdict: str, detectable: float | None) -> str:
    gate = found.gate
    kind = KINDS[gate.kind]
    if detectable is None:
        missing = f"no {kind.effect}, however large, would be found four times in five"
        return f"{missing}: so few questions prove nothing" if verdict == CANNOT_JUDGE else missing
    text = kind.sensitivity(gate, detectable) if found.measure is None else measure_sensitivity(found, detectable)
    if verdict != CANNOT_JUDGE:
        return text
    wanted = f"{points(gate.detect)} (detect)" if gate.detect is not None else f"the {points(found.beyond)} seen here"
    return f"{text}, but it must find {wanted}: ask more questions or repeats"
