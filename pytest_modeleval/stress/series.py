"""Values of one measure in the order of time, and how many independent requests would say as much."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import ceil, floor, sqrt

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Series:
    """Values with the requests that they belong to."""

    values: Floats

    owners: Ints
    """The request of each value, in ascending order, which is the order of sending."""

    weights: Ints
    """How often each value counts: eight for an interval that stands for eight tokens."""

    @classmethod
    def of_requests(cls, values: Floats) -> Series:
        """One value for each request; those without one (NaN) are left out."""
        present = values[~np.isnan(values)]
        return cls(present, np.arange(present.size), np.ones(present.size, dtype=np.int64))

    @cached_property
    def num(self) -> int:
        """Values, each counted as often as its weight says."""
        return int(self.weights.sum())

    @cached_property
    def starts(self) -> Ints:
        """The positions at which the values of another request begin."""
        return np.flatnonzero(np.diff(self.owners, prepend=-1))

    @cached_property
    def ascending(self) -> tuple[Floats, Ints]:
        """The values sorted, and for each how many it is at least as large as, by weight."""
        order = np.argsort(self.values, kind="stable")
        return self.values[order], np.cumsum(self.weights[order])

    @cached_property
    def is_constant(self) -> bool:
        """All values are the same, to nine digits."""
        return bool(np.ptp(self.values) <= 1e-9 * np.abs(self.values).max())

    def mean(self) -> float:
        """The weighted mean. The series must not be empty."""
        return float(np.dot(self.values, self.weights) / self.num)

    @cached_property
    def effective_of_mean(self) -> float:
        """As many independent values would give the mean the same variance."""
        return self.effective(self.values - self.mean())

    def effective(self, deviations: Floats) -> float:
        """As many independent values would give the mean of `deviations` the same variance; from 1 to num.

        With one value a request that is n / (1 + 2 * sum of autocorrelations): requests that were in the server at
        the same time share its state, so n of them say less than n independent ones. Values of one request (its
        inter-token intervals) are summed first, as clusters are. Where nothing varies but the last digits of the
        floating-point numbers: the number of requests.
        """
        sums = np.add.reduceat(deviations * self.weights, self.starts)
        squares = float(np.dot(deviations**2, self.weights))
        scatter = float(np.dot(sums, sums)) * inefficiency(sums)
        if self.is_constant or scatter <= 1e-12 * squares:
            return float(sums.size)
        return min(float(self.num), max(1.0, self.num * squares / scatter))

    def quantile(self, q: float) -> float:
        """The weighted quantile, linear between neighbours: what numpy.quantile gives for the values repeated."""
        position = q * (self.num - 1)
        low, high = self.order_statistics((floor(position) + 1, ceil(position) + 1))
        return low + (high - low) * (position - floor(position))

    def order_statistics(self, ranks: tuple[int, int]) -> tuple[float, float]:
        """The values at two ranks, from 1 to num, in ascending order."""
        values, ends = self.ascending
        low, high = values[np.searchsorted(ends, np.subtract(ranks, 1), side="right")]
        return float(low), float(high)

    def between(self, first: int, last: int) -> Series:
        """The values of the requests from the first (included) to the last (excluded)."""
        chosen = (self.owners >= first) & (self.owners < last)
        return Series(self.values[chosen], self.owners[chosen], self.weights[chosen])


def inefficiency(values: Floats) -> float:
    """1 + 2 * sum of the autocorrelations of a series: by how much its mean varies more than with independent values.

    The larger of two estimates: from the values, and from the means of about n ** (2 / 3) blocks of them, in which a
    slow common movement (a queue that fills and empties) shows through the noise of single requests. 1 where neither
    is above 1 by more than its standard error, and never less: neighbours that differ more than by chance are not
    counted as more than independent ones.
    """
    n = values.size
    if n < 4 or not np.any(values != values[0]):
        return 1.0
    length = round(n ** (1 / 3))
    blocks = values[n % length :].reshape(-1, length).mean(axis=1)
    ratio = length * float(blocks.var(ddof=1)) / float(values.var())
    of_blocks = ratio * _sum_of_correlations(blocks) if ratio > 1 + sqrt(2 / blocks.size) else 1.0
    return max(_sum_of_correlations(values), of_blocks)


def _sum_of_correlations(values: Floats) -> float:
    """1 + 2 * sum of the autocorrelations, cut by Geyer's initial positive sequence.

    The sum ends at the first pair of neighbouring lags that is not positive together (Geyer 1992, Statistical Science
    7:473, section 3.3).
    """
    n = values.size
    centred = values - values.mean()
    if n < 4 or not np.any(centred):
        return 1.0
    spectrum = np.abs(np.fft.rfft(centred, 2 * n)) ** 2
    correlations = np.fft.irfft(spectrum, 2 * n)[:n]
    correlations = correlations / correlations[0]
    pairs = correlations[: n - n % 2].reshape(-1, 2).sum(axis=1)
    ends = np.flatnonzero(pairs <= 0)
    kept = pairs[: ends[0]] if ends.size else pairs
    found = float(2 * kept.sum() - 1)
    return found if found > 1 + 2 * sqrt(2 * kept.size / n) else 1.0
