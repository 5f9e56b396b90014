"""The search for the highest rate that keeps a service level objective. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import sqrt

from pytest_modeleval.stress.loads import Load
from pytest_modeleval.stress.point import PointResult

MOST_POINTS = 12


@dataclass(frozen=True, slots=True)
class FoundRate:
    """The highest rate that keeps the objective, with its interval."""

    rate: float
    low: float
    """The highest rate at which it was kept."""
    high: float
    """The lowest rate at which it was missed."""


@dataclass(slots=True)
class RateSearch:
    """Which rate to measure next, from the points so far: `next_load`, measure it, `enter` its result, and again.

    The objective is kept at a rate if the figure `goodput` of its point is at least `share`.
    """

    share: float = 0.95
    start: float = 1.0
    """The rate of the first point, requests a second."""

    most_points: int = MOST_POINTS
    tolerance: float = 0.02
    """The search ends when the bracket is narrower than this share of the rate."""

    points: list[tuple[float, float]] = field(default_factory=list)
    """Rate and goodput of every point, in the order of measuring."""

    def next_load(self) -> Load | None:
        """The load of the next point; None when the search is over."""
        if len(self.points) >= self.most_points or (self.found and self._is_narrow(self.found)):
            return None
        return Load(rate=float(f"{self._next_rate():.4g}"))

    def enter(self, load: Load, result: PointResult) -> None:
        """Takes the result of a point. Raises ValueError where it has no goodput."""
        figure = result.figures.get("goodput")
        if load.rate is None or figure is None or figure.value is None:
            raise ValueError(f"expected a point of an open loop with the figure goodput, found {result.point}")
        self.points.append((load.rate, figure.value))

    @property
    def found(self) -> FoundRate | None:
        """The rate so far; None until one point kept the objective and one missed it."""
        kept, missed = self._kept(), self._missed()
        return FoundRate(sqrt(kept * missed), kept, missed) if kept and missed else None

    def _is_narrow(self, found: FoundRate) -> bool:
        return found.high - found.low <= self.tolerance * found.rate

    def _kept(self) -> float | None:
        missed = self._missed()
        return max((r for r, good in self.points if good >= self.share and (not missed or r < missed)), default=None)

    def _missed(self) -> float | None:
        return min((rate for rate, good in self.points if good < self.share), default=None)

    def _next_rate(self) -> float:
        kept, missed = self._kept(), self._missed()
        if kept and missed:
            return sqrt(kept * missed)
        return kept * 2 if kept else missed / 2 if missed else self.start
