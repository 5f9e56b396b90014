"""What one gate saw, before all gates are decided together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pytest_modeleval.gates.evidence import Pairs
from pytest_modeleval.gates.gate import Gate
from pytest_modeleval.gates.point_finding import PointFinding
from pytest_modeleval.metrics import Measure

# Level -> the smallest effect that is found four times in five; None where none is.
Detectable = Callable[[float], float | None]


def finds_nothing(_alpha: float) -> float | None:
    """For a gate that can find no effect at any level, or that only compares bare numbers."""
    return None


def finds_nothing_early(_planned: int, _alpha: float) -> float | None:
    """The same for a run that may stop early."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What a gate saw."""

    gate: Gate

    obstacle: str = ""
    """Why it cannot be judged, a full sentence; "" if it can."""

    is_undecided: bool = False
    """More repeats or questions could remove the obstacle."""

    lacks_baseline: bool = False
    """The obstacle is that there is nothing yet to compare with."""

    statement: str = ""
    """The full sentence of its verdict "passed", where that needs no further test; "" otherwise."""

    seen: float | None = None
    """The score, share or quantile."""

    low: float | None = None
    high: float | None = None
    """The 95 % interval of `seen`, where there is one."""

    n: int = 0
    """Questions."""

    p: float | None = None
    """One-sided p-value; None for a bare comparison, whose result is is_beyond."""

    is_beyond: bool = False
    """The bare number is beyond the limit."""

    beyond: float = 0.0
    """By how much, as a fraction of questions; for gates that compare with a fixed limit."""

    detectable: Detectable = finds_nothing

    detectable_early: Callable[[int, float], float | None] = finds_nothing_early
    """The same for a run that may stop early: (planned questions, level) -> effect."""

    most_detectable: float = 1.0
    """No effect can be larger than this."""

    is_early: bool = False
    """p is anytime-valid, from a run that was allowed to stop."""

    pairs: Pairs | None = None
    """The questions that run and baseline have in common, for gates that compare."""

    against: str = ""
    """The baseline as messages call it, for gates that compare."""

    metric: str = ""

    measure: Measure | None = None
    """The named measure that it is about; None for credit, shares and figures of items."""

    before: float | None = None
    """The figure of the measure in the baseline, on the paired questions."""

    points: tuple[PointFinding, ...] = ()
    """What was seen of each operating point, the one with the smallest p-value first; empty for other gates."""

    p_held: float | None = None
    """Of the contrary, "it is beyond the limit": where it is there, the gate passes only if this is at most alpha."""

    doubt: str = ""
    """Why the gate cannot pass, though it may fail; "" if it can."""


def cannot_judge(gate: Gate, obstacle: str, *, n: int = 0, is_undecided: bool = False) -> Measurement:
    """A measurement that says why there is none. obstacle: a sentence; its full stop is added."""
    return Measurement(gate=gate, obstacle=obstacle.rstrip(".") + ".", n=n, is_undecided=is_undecided)
