"""The search for the highest rate that keeps a service level objective."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import exp, log, sqrt
from typing import NamedTuple

import numpy as np

from pytest_modeleval._support.distributions import score_interval
from pytest_modeleval.stress.loads import Load
from pytest_modeleval.stress.point import PointResult
from pytest_modeleval.stress.series import Floats

MOST_POINTS = 12
TOLERANCE = 0.015
GROWTH = 4.0
"""Factor between points for as long as all of them keep the objective, or all miss it."""

MOST_EFFECTIVE = 100.0
"""A point counts as so many independent requests at most: near capacity the effective number is uncertain."""

_SLOPES = np.geomspace(4.0, 100.0, 16)
_STEPS = 600
_NEAR = 0.35


@dataclass(frozen=True, slots=True)
class FoundRate:
    """The highest rate that keeps the objective, with its 95 % interval."""

    rate: float
    low: float
    high: float


class _Point(NamedTuple):
    """What one measured rate says."""

    rate: float
    good: float
    effective: float
    served: float | None
    """Responses a second in the steady window."""

    def interval(self) -> tuple[float, float]:
        """Of the share of good requests."""
        return score_interval(self.good, self.effective)


@dataclass(slots=True)
class RateSearch:
    """Which rate to measure next, from the points so far: `next_load`, measure it, `enter` its result, and again.

    The objective is kept at a rate if the share of good requests (`goodput`) is at least `share` there. Rates first
    grow fourfold until the objective is missed; a rate that the server could not serve shows its capacity, and the
    next point lies below it. From then on each point is measured at the rate that seems to be the highest one, and
    all points together estimate it: the odds of a bad request are a power of the rate near there, with an exponent
    that is estimated as well. So a point that was lucky is outvoted, where a plain bisection would follow it.
    """

    share: float = 0.95
    start: float = 1.0
    """The rate of the first point, requests a second."""

    most_points: int = MOST_POINTS
    tolerance: float = TOLERANCE
    """The search ends when the interval reaches at most this far from the rate, as a share of it, to both sides."""

    num_points: int = 0
    """Points that were entered."""

    unjudged_rate: float | None = None
    """The lowest rate at which nothing could be judged; the search stays below it."""

    _points: list[_Point] = field(default_factory=list)

    def next_load(self) -> Load | None:
        """The load of the next point; None when the search is over."""
        if self.num_points >= self.most_points or self._is_found():
            return None
        rate = self._next_rate()
        if self.unjudged_rate is not None and rate >= self.unjudged_rate:
            below = max((point.rate for point in self._points), default=self.unjudged_rate / GROWTH)
            rate = sqrt(below * self.unjudged_rate)
            if rate < below * (1 + self.tolerance):
                return None
        return Load(rate=float(f"{rate:.4g}"))

    def enter(self, load: Load, result: PointResult) -> None:
        """Takes the result of a point. Raises ValueError where it has no goodput."""
        if load.rate is None:
            raise ValueError(f"expected a point of an open loop, found {result.point}")
        self.num_points += 1
        if result.unjudged:
            self.unjudged_rate = min(load.rate, self.unjudged_rate or load.rate)
            return
        figure = result.figures.get("goodput")
        if figure is None or figure.value is None:
            raise ValueError(
                f"expected a point with the figure goodput, found {result.point} without: give an objective"
            )
        served = result.figures.get("req_s")
        effective = min(MOST_EFFECTIVE, figure.effective or figure.num)
        self._points.append(_Point(load.rate, figure.value, effective, served.value if served else None))

    @property
    def found(self) -> FoundRate | None:
        """The rate so far; None until one point kept the objective and one missed it."""
        kept, missed = self._kept(), self._missed()
        if kept is None or missed is None:
            return None
        low, middle, high = self._rates_at(0.025, 0.5, 0.975)
        # It lies between the rates that kept and missed it beyond chance, whatever the form of the curve.
        middle = min(max(middle, self._surely_kept()), missed)
        return FoundRate(middle, min(low, middle), max(high, middle))

    def _rates_at(self, *quantiles: float) -> list[float]:
        """Quantiles of the posterior distribution of the rate."""
        rates, chances = self._posterior()
        below = np.cumsum(chances)
        return [float(rates[np.searchsorted(below, q * below[-1])]) for q in quantiles]

    def _is_found(self) -> bool:
        found = self.found
        return found is not None and max(found.high - found.rate, found.rate - found.low) <= self.tolerance * found.rate

    def _missed(self) -> float | None:
        """The lowest rate at which the objective was missed beyond chance: a few slow requests do not turn a search."""
        return min((point.rate for point in self._points if point.interval()[1] < self.share), default=None)

    def _kept(self) -> float | None:
        """The highest rate below that: it was kept, or it may have been."""
        missed = self._missed()
        return max((p.rate for p in self._points if missed is None or p.rate < missed), default=None)

    def _surely_kept(self) -> float:
        """The highest rate below a missed one at which the objective was kept beyond chance; 0 without one."""
        missed = self._missed() or 0.0
        kept = [p.rate for p in self._points if p.rate < missed and p.interval()[0] >= self.share]
        return max(kept, default=0.0)

    def _next_rate(self) -> float:
        kept, missed = self._kept(), self._missed()
        if kept is None and missed is None:
            return self.start
        capacity = self._capacity()
        if missed is None:
            return (kept or self.start) * GROWTH
        if capacity is not None and self._is_between(kept, 0.8 * capacity, missed):
            return 0.8 * capacity
        if kept is None:
            return missed / GROWTH
        (rate,) = self._rates_at(0.5)
        is_outside = missed > kept * 1.03 and not self._surely_kept() * 1.005 < rate < missed / 1.005
        return sqrt(kept * missed) if is_outside or missed > kept * 2 else rate

    def _capacity(self) -> float | None:
        """The most that the server answered at a rate that was too high for it; None if none was."""
        return max((p.served for p in self._points if p.served is not None and p.served < 0.9 * p.rate), default=None)

    @staticmethod
    def _is_between(kept: float | None, rate: float, missed: float) -> bool:
        """Whether a rate would tell more than the middle: far from both points."""
        return (kept is None or rate > kept * 1.1) and missed > rate * 1.1 and (kept is None or missed > kept * 1.5)

    def _posterior(self) -> tuple[Floats, Floats]:
        """Rates, and the chance that each is the highest one that keeps the objective.

        A uniform prior over the logarithm of the rate and that of the exponent. Points count less the farther they are
        from the best rate, which is found twice for that reason; all have the same number of requests, since weights
        by their own effective numbers would prefer the lucky ones.
        """
        points = np.array([(point.rate, point.good) for point in self._points])
        weights = np.full(len(points), np.median([point.effective for point in self._points]))
        rates: Floats = np.geomspace(points[:, 0].min() / 2, points[:, 0].max() * 2, _STEPS)
        best = exp(float(np.dot(self._fit(rates, points, weights)[0], np.log(rates))))
        weights = weights * np.exp(-((np.log(points[:, 0] / best) / _NEAR) ** 2))
        rates = np.geomspace(best / 1.6, best * 1.6, _STEPS)
        chances, dispersion = self._fit(rates, points, weights)
        if dispersion > 1:
            chances, _ = self._fit(rates, points, weights / dispersion)
        return rates, chances

    def _fit(self, rates: Floats, points: Floats, weights: Floats) -> tuple[Floats, float]:
        """The chance of each rate; and how much more the points scatter about the best curve than they should."""
        target = log((1 - self.share) / self.share)
        total = np.zeros((_SLOPES.size, rates.size))
        for (rate, good), weight in zip(points.tolist(), weights.tolist(), strict=True):
            odds = np.clip(target + np.outer(_SLOPES, log(rate) - np.log(rates)), -30, 30)
            # The log-likelihood of a share of good and bad requests; log(1 + exp(x)) = logaddexp(0, x).
            total -= weight * (good * np.logaddexp(0, odds) + (1 - good) * np.logaddexp(0, -odds))
        slope, best = np.unravel_index(int(total.argmax()), total.shape)
        odds = np.clip(target + _SLOPES[slope] * (np.log(points[:, 0]) - log(rates[best])), -30, 30)
        bad = 1 / (1 + np.exp(-odds))
        scatter = weights * (1 - points[:, 1] - bad) ** 2 / (bad * (1 - bad))
        chances = np.exp(total - total.max()).sum(axis=0)
        return chances / chances.sum(), float(scatter.sum()) / max(1, len(points) - 2)
