"""Intervals of quantiles, means and shares from values that resemble their neighbours in time."""

from __future__ import annotations

from functools import lru_cache
from math import ceil, floor, lgamma, log, sqrt
from typing import NamedTuple

import numpy as np

from pytest_modeleval._support.distributions import score_interval, t_expansion
from pytest_modeleval.stress.series import Floats, Series

CONFIDENCE = 0.95


class Estimate(NamedTuple):
    """A value with its interval."""

    value: float
    low: float | None
    high: float | None
    effective: float
    """As many independent requests would say as much."""


def needed_for(q: float, confidence: float = CONFIDENCE) -> int:
    """As many independent values as it takes for an interval of the quantile q: 59 for the 95th, 299 for the 99th.

    With fewer, the largest value lies below the true quantile more often than 1 - confidence (Wilks 1941), so that
    no two order statistics enclose it. For a quantile near the middle both ends count.
    """
    number = max(1, ceil(log(1 - confidence) / log(max(q, 1 - q))))
    while q**number + (1 - q) ** number > 1 - confidence:
        number += 1
    return number


@lru_cache(maxsize=512)
def ranks(number: int, q: float, confidence: float = CONFIDENCE) -> tuple[int, int] | None:
    """The ranks (from 1) of the order statistics that enclose the quantile q of so many independent values.

    Free of any assumption on the distribution: the number of values below the quantile is binomial (David and Nagaraja
    2003, Order Statistics, section 7.1). Both tails get half of what may be missed; where one tail cannot be that
    small with so few values, it gets what it needs and the other the rest. None where no two ranks will do.
    """
    missed = 1 - confidence
    if number < needed_for(q, confidence):
        return None
    first, chances = _binomial(number, q)
    below = np.cumsum(chances)
    budget_low, budget_high = _budgets(missed, lowest=(1 - q) ** number, highest=q**number)
    # X(l) lies above the quantile if fewer than l values lie below it; X(u) lies below it if at least u do.
    low = first + int(np.searchsorted(below, budget_low * (1 + 1e-9), side="right"))
    above = np.cumsum(chances[::-1])
    high = first + chances.size - int(np.searchsorted(above, budget_high * (1 + 1e-9), side="right"))
    return max(1, low), min(number, high)


def _budgets(missed: float, *, lowest: float, highest: float) -> tuple[float, float]:
    """How often the interval may lie above and below the quantile: half of `missed` each, if both tails can."""
    if highest > missed / 2:
        return missed - highest, highest
    if lowest > missed / 2:
        return lowest, missed - lowest
    return missed / 2, missed / 2


def _binomial(number: int, q: float) -> tuple[int, Floats]:
    """The chances of a binomial variable, from the first count that matters on; all others together are below 1e-20."""
    middle, spread = number * q, 10 * sqrt(number * q * (1 - q)) + 10
    first, last = max(0, floor(middle - spread)), min(number, ceil(middle + spread))
    start = lgamma(number + 1) - lgamma(first + 1) - lgamma(number - first + 1)
    start += first * log(q) + (number - first) * log(1 - q)
    counts = np.arange(first + 1, last + 1, dtype=np.float64)
    steps = np.log((number - counts + 1) / counts) + log(q) - log(1 - q)
    return first, np.exp(np.concatenate([[start], start + np.cumsum(steps)]))


def quantile(series: Series, q: float, confidence: float = CONFIDENCE) -> Estimate | None:
    """The quantile with the order statistics that enclose it; None where the values cannot carry it."""
    if series.num == 0:
        return None
    value = series.quantile(q)
    effective = effective_at(series, value)
    enclosing = ranks(floor(effective + 1e-9), q, confidence)
    if enclosing is None:
        return None
    scale = series.num / floor(effective + 1e-9)
    low_rank = max(1, floor(enclosing[0] * scale + 1e-9))
    high_rank = min(series.num, ceil(enclosing[1] * scale - 1e-9))
    low, high = series.order_statistics((low_rank, high_rank))
    return Estimate(value, min(low, value), max(high, value), effective)


def effective_at(series: Series, value: float) -> float:
    """The effective number of values for the share that is at most `value`.

    That of the series "at most the value, or above" in the order of time (Heidelberger and Lewis 1984, Operations
    Research 32:185; Doss et al. 2014, Electronic Journal of Statistics 8:2448), and not more than that of the mean:
    far out in the tail the first misses a queue that fills seldom, and the interval of the 95th percentile at 80 % of
    capacity would hold the truth in three runs of four only (docs/stress.md).
    """
    is_below = (series.values <= value).astype(np.float64)
    own = series.effective(is_below - np.dot(is_below, series.weights) / series.num)
    return min(own, series.effective_of_mean)


def mean(series: Series, confidence: float = CONFIDENCE) -> Estimate | None:
    """The mean with an interval of Student's t, with the effective number less one degrees of freedom.

    None without values; without an interval below five effective values.
    """
    if series.num == 0:
        return None
    value = series.mean()
    deviations = series.values - value
    effective = series.effective_of_mean
    if effective < 5:
        return Estimate(value, None, None, effective)
    variance = float(np.dot(deviations**2, series.weights)) / series.num * effective / (effective - 1)
    half = t_expansion(confidence, effective - 1) * sqrt(variance / effective)
    return Estimate(value, value - half, value + half, effective)


def share(is_true: Floats, cause: Floats | None = None, confidence: float = CONFIDENCE) -> Estimate | None:
    """A share of requests (1.0 or 0.0 each, in the order of time) with Wilson's interval at the effective number.

    cause: a latency of the same requests that decides on true and false; its effective number is an upper bound.
    """
    if is_true.size == 0:
        return None
    series = Series.of_requests(is_true)
    effective = series.effective_of_mean
    if cause is not None:
        effective = min(effective, Series.of_requests(cause).effective_of_mean)
    low, high = score_interval(series.mean(), effective, confidence)
    return Estimate(series.mean(), low, high, effective)
