"""Tests on values that resemble their neighbours in time, by splitting them into blocks. Pure.

Requests that were in a server at the same time share its queue, so that a hundred of them say less than a hundred
independent ones. The mean of a block resembles that of the next one far less (batch means: Law and Carson 1979,
Operations Research 27:1011). Where the blocks still resemble each other, nothing is tested: see `alikeness`.

A share of requests is judged like a share in a clustered survey (Korn and Graubard 1998, Survey Methodology 24:193):
exact binomial with the number of requests divided by how much more the blocks vary than independent requests would,
and less for the few blocks that say so. scipy is imported inside of functions, as in exact_tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, log, sqrt

import numpy as np

from pytest_modeleval.gates.exact_tests import Floats
from pytest_modeleval.gates.measurement import Detectable

BLOCKS = 20
LEAST_BLOCKS = 8
# Blocks of independent requests are more alike than this one time in fifty.
_ALIKE = 2.0
_SMALLEST_P = 1e-12
_POWER = 0.8


@dataclass(frozen=True, slots=True)
class Requests:
    """What the requests of a point say, in the order of sending."""

    hits: Floats
    """Trials of each request that count: 1 for a request above a limit, or its token intervals above it."""

    trials: Floats
    """1, or the token intervals of each request."""

    levels: Floats
    """The latency of each request, infinite for one that failed: what neighbours resemble each other in."""

    @property
    def share(self) -> float:
        """Hits among all trials."""
        return float(self.hits.sum() / self.trials.sum())


@dataclass(frozen=True, slots=True)
class ShareTest:
    """A share of requests against a limit."""

    share: float
    limit: float

    effective: float
    """As many independent trials would say as much."""

    p_above: float
    """Of the claim "the true share is at most the limit"."""

    p_below: float
    """Of the claim "the true share is at least the limit"."""


def alikeness(blocks: Floats) -> float:
    """How much blocks resemble the one before: their correlation in units of what chance makes of it.

    Above 1, a test of these blocks would not hold its level: the point is short against the memory of its server's
    queue, or the queue grew throughout.
    """
    centred = blocks - blocks.mean()
    scatter = float(np.dot(centred, centred))
    if scatter <= 1e-18 * max(1.0, float(np.dot(blocks, blocks))):
        return 0.0
    correlation = float(np.dot(centred[1:], centred[:-1])) / scatter
    number = len(blocks)
    return (correlation + 1.0 / number) / (_ALIKE / sqrt(number))


def block_means(values: Floats, number: int) -> Floats:
    """The mean of each of so many blocks of neighbours, of the same length but for one."""
    return np.asarray([float(part.mean()) for part in np.array_split(values, number)])


def ranks(levels: Floats) -> Floats:
    """The rank of each value; equal values share theirs."""
    _, place, counts = np.unique(levels, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2.0)[place], dtype=np.float64)


def share_test(requests: Requests, limit: float, *, blocks: int = BLOCKS) -> ShareTest:
    """The share of hits against a limit, both ways. There must be at least as many requests as blocks."""
    sums = [np.add.reduceat(column, _starts(len(column), blocks)) for column in (requests.hits, requests.trials)]
    share, trials = requests.share, float(requests.trials.sum())
    excess = sums[0] - share * sums[1]
    variance = float(np.dot(excess, excess)) * blocks / (blocks - 1) / trials**2
    independent = share * (1.0 - share) / trials
    by_hits = variance / independent if independent > 0.0 else 1.0
    effective = trials / max(1.0, by_hits, _design_effect(ranks(requests.levels), blocks))
    bound = (trials, effective, blocks)
    return ShareTest(share, limit, effective, _p(share, limit, *bound), _p(1.0 - share, 1.0 - limit, *bound))


def _starts(length: int, blocks: int) -> list[int]:
    """Where each block begins, as np.array_split cuts them."""
    return [0, *np.cumsum([len(part) for part in np.array_split(np.empty(length), blocks)])[:-1].tolist()]


def _design_effect(values: Floats, blocks: int) -> float:
    """How much more the mean of the values varies than with independent ones."""
    independent = float(values.var()) / len(values)
    return float(block_means(values, blocks).var(ddof=1)) / blocks / independent if independent > 0.0 else 1.0


def _p(share: float, limit: float, trials: float, effective: float, blocks: int) -> float:
    """P-value of "the true share is at most the limit": the smallest level at which it is rejected, by bisection."""
    from scipy.special import betainc, stdtrit  # noqa: PLC0415 - see the module's first lines

    def is_rejected(level: float) -> bool:
        few = float(stdtrit(trials - 1.0, 1.0 - level) / stdtrit(blocks - 1.0, 1.0 - level)) ** 2
        number = effective * min(1.0, few)
        return float(betainc(share * number, (1.0 - share) * number + 1.0, limit)) <= level

    if share <= limit or share <= 0.0 or not is_rejected(0.499):
        return 1.0
    low, high = log(_SMALLEST_P), log(0.499)
    for _ in range(40):
        middle = (low + high) / 2.0
        low, high = (low, middle) if is_rejected(float(np.exp(middle))) else (middle, high)
    return float(np.exp(high))


def mean_p_values(values: Floats, weights: Floats, limit: float, *, blocks: int = BLOCKS) -> tuple[float, float]:
    """P-values of "the true weighted mean is at most the limit" and "at least", by Student's t over blocks."""
    starts = _starts(len(values), blocks)
    sums, totals = np.add.reduceat(values * weights, starts), np.add.reduceat(weights, starts)
    total = float(totals.sum())
    mean = float(sums.sum()) / total
    excess = sums - mean * totals
    error = sqrt(float(np.dot(excess, excess)) * blocks / (blocks - 1)) / total
    above = _t_p((mean - limit) / error if error > 0.0 else inf * np.sign(mean - limit), blocks - 1.0)
    return above, 1.0 - above


def _t_p(statistic: float, freedom: float) -> float:
    """The chance of a larger value of Student's t."""
    from scipy.special import stdtr  # noqa: PLC0415

    return float(stdtr(freedom, -statistic))


@dataclass(frozen=True, slots=True)
class Worsening:
    """By how much a figure became worse, as a fraction of what it was; below 0 where it became better."""

    share: float

    error: float
    """The standard error of `share`."""

    freedom: float
    """Degrees of freedom of the error."""

    def p(self, margin: float) -> float:
        """Of "it became worse by at most the margin"."""
        if self.error <= 0.0:
            return 0.0 if self.share > margin else 1.0
        return _t_p((self.share - margin) / self.error, self.freedom)

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """The two-sided interval of the worsening."""
        half = self._quantile(0.5 + confidence / 2.0) * self.error
        return self.share - half, self.share + half

    def detectable(self, margin: float) -> Detectable:
        """Level -> the smallest true worsening that is found four times in five."""
        return lambda alpha: margin + (self._quantile(1.0 - alpha) + self._quantile(_POWER)) * self.error

    def _quantile(self, chance: float) -> float:
        from scipy.special import stdtrit  # noqa: PLC0415

        return float(stdtrit(self.freedom, chance))


def worsening(
    then: Floats,
    now: Floats,
    *,
    is_higher_better: bool,
    run_spread: float = 0.0,
    errors: tuple[float, float] = (0.0, 0.0),
) -> Worsening:
    """From the blocks of a baseline to those of a run (Welch's t test on the change relative to the baseline's mean).

    run_spread: standard deviation of the figure between two runs of the unchanged deployment, as a fraction of it.
    errors: standard errors of the two figures that are known otherwise; the larger counts, as neighbouring blocks may
    still resemble each other a little.
    """
    sign = -1.0 if is_higher_better else 1.0
    before, ratio = float(then.mean()), float(now.mean() / then.mean())
    of_blocks = (float(side.var(ddof=1)) / len(side) for side in (then, now))
    of_then, of_now = (max(found, known**2) for found, known in zip(of_blocks, errors, strict=True))
    parts = [ratio**2 * of_then, of_now]
    variance = sum(parts)
    squares = sum(part**2 / (len(side) - 1) for part, side in zip(parts, (then, now), strict=True))
    freedom = variance**2 / squares if squares > 0.0 else float(len(then) + len(now) - 2)
    within = variance / before**2
    return Worsening(sign * (ratio - 1.0), sqrt(within + 2.0 * run_spread**2), freedom)


def paired_worsening(then: Floats, now: Floats, *, is_higher_better: bool) -> Worsening:
    """From one server to another that was measured in turn with it, block by block (paired t test on log ratios)."""
    sign = -1.0 if is_higher_better else 1.0
    ratios = np.log(now / then)
    mean = float(ratios.mean())
    return Worsening(
        sign * float(np.expm1(mean)),
        float(np.exp(mean)) * float(ratios.std(ddof=1)) / sqrt(len(ratios)),
        len(ratios) - 1.0,
    )
