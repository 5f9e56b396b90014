"""What one gate saw, before all gates are decided together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pytest_modeleval.gates.evidence import Pairs
from pytest_modeleval.gates.gate import Gate
from pytest_modeleval.gates.power import Noise

NO_NOISE = Noise()


def finds_nothing(_alpha: float) -> float | None:
    """For a gate that can find no drop at any level, or that only compares bare numbers."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What a gate saw.

    obstacle: why it cannot be judged, a full sentence, "" if it can; is_undecided: more data could help.
    seen: the score, share or quantile, with low and high as its 95 % interval where there is one; n: questions.
    p: one-sided p-value; None for a bare comparison, whose result is is_beyond.
    detectable: level -> smallest drop found four times in five. most_detectable: no drop can be larger than this.
    is_early: p is anytime-valid, from a run that was allowed to stop. pairs: for a regression, the paired questions;
    noise: how they would move in an unchanged deployment.
    """

    gate: Gate
    obstacle: str = ""
    is_undecided: bool = False
    seen: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    p: float | None = None
    is_beyond: bool = False
    is_early: bool = False
    detectable: Callable[[float], float | None] = finds_nothing
    most_detectable: float = 1.0
    pairs: Pairs | None = None
    noise: Noise = NO_NOISE
    metric: str = ""


def cannot_judge(gate: Gate, obstacle: str, *, n: int = 0, is_undecided: bool = False) -> Measurement:
    """A finding that says why there is none. obstacle: a sentence; its full stop is added."""
    return Measurement(gate=gate, obstacle=obstacle.rstrip(".") + ".", n=n, is_undecided=is_undecided)
