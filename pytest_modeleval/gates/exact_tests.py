"""Exact tests without a model of the noise: binomial tails, McNemar, sign flips, Holm. Pure.

Everywhere a *drop* is baseline minus run: positive is worse. Every p-value is one-sided, towards worse, unless its
name says two-sided. scipy.special is imported inside functions: it costs tens of milliseconds, and most runs have no
gates.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Differences of question means are fractions with small denominators; the first of these that makes all of them whole
# is used, and then nothing is rounded.
_DENOMINATORS = (*range(1, 145), 240)
# Longest null distribution that is worked out, in lattice steps; beyond it differences are rounded to a coarser one.
_LONGEST_LATTICE = 2**18
_MOST_SIZES = 512
_WHOLE = 1e-9


def at_least(successes: Any, trials: Any, chance: Any) -> Any:
    """P(X >= successes) for X ~ Binomial(trials, chance). Numbers or arrays; 1 where successes <= 0."""
    from scipy.special import betainc  # noqa: PLC0415 - see the module's first lines

    k, n, p = np.asarray(successes, float), np.asarray(trials, float), np.asarray(chance, float)
    inside = (k > 0) & (k <= n)
    # P(X >= k) is the regularised incomplete beta function I_p(k, n - k + 1) (DLMF 8.17.5).
    tail = betainc(np.where(inside, k, 1.0), np.where(inside, n - k + 1.0, 1.0), p)
    result = np.where(k <= 0, 1.0, np.where(inside, tail, 0.0))
    return float(result) if result.ndim == 0 else result


def at_most(successes: Any, trials: Any, chance: Any) -> Any:
    """P(X <= successes) for X ~ Binomial(trials, chance). Numbers or arrays."""
    trials = np.asarray(trials)
    return at_least(trials - np.asarray(successes), trials, 1.0 - np.asarray(chance, float))


def binomial_interval(successes: int, trials: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """The exact two-sided interval of Clopper and Pearson 1934 (Biometrika 26) for a share. (0, 1) without trials."""
    from scipy.special import betaincinv  # noqa: PLC0415

    tail = (1.0 - confidence) / 2.0
    low = 0.0 if successes == 0 else float(betaincinv(successes, trials - successes + 1, tail))
    high = 1.0 if successes == trials else float(betaincinv(successes + 1, trials - successes, 1.0 - tail))
    return low, high


def mcnemar(losses: int, gains: int) -> float:
    """One-sided exact McNemar test: chance of at least so many losses among the flips if both directions are equal.

    losses, gains: samples newly wrong and newly right. McNemar 1947 (Psychometrika 12) in its exact, conditional
    form. 1.0 where nothing flipped.
    """
    return float(at_least(losses, losses + gains, 0.5))


def mcnemar_two_sided(losses: int, gains: int) -> float:
    """Twice the smaller tail of the exact McNemar test, at most 1."""
    return min(1.0, 2.0 * float(at_least(max(losses, gains), losses + gains, 0.5)))


def lattice(differences: Sequence[float] | Floats) -> Ints:
    """The differences in whole steps, signs kept.

    Any odd function of the differences keeps their symmetry under the null hypothesis, so that the sign-flip test on
    rounded differences is as exact as on the unrounded ones (it then tests a slightly different statistic).
    """
    values = np.asarray(differences, dtype=np.float64)
    if not values.size or not np.any(values):
        return np.zeros(values.shape, dtype=np.int64)
    # Sums of whole numbers that a weight divides, as those of a ratio, are multiples of the smallest one.
    for denominator in (*_DENOMINATORS, 1.0 / float(np.abs(values[values != 0]).min())):
        scaled = values * denominator
        steps = np.rint(scaled)
        if np.all(np.abs(scaled - steps) <= _WHOLE * denominator) and np.abs(steps).sum() <= _LONGEST_LATTICE:
            whole: Ints = steps.astype(np.int64)
            return whole
    # Not on a common lattice (weights of an aggregate, say): as fine as the longest distribution allows. Rounding
    # can add half a step a difference, hence the room left for them.
    step = np.abs(values).sum() / max(1, _LONGEST_LATTICE - values.size)
    step = max(step, float(np.abs(values).max()) / _MOST_SIZES)
    rounded: Ints = np.rint(values / step).astype(np.int64)
    return rounded


def sign_flip(differences: Sequence[float] | Floats) -> float:
    """Exact one-sided sign-flip (paired permutation) test of differences that are symmetric about 0 if nothing changed.

    differences: one for each independent question or cluster, baseline minus run. The p-value is the share of all
    2^n assignments of signs whose sum is at least the observed one (Fisher 1935, "The Design of Experiments", 21;
    Pitman 1937), worked out from the whole distribution, not from random draws. With differences of -1, 0 and 1 it is
    the exact McNemar test. 1.0 where nothing differs.
    """
    steps = lattice(differences)
    sizes, counts = np.unique(np.abs(steps[steps != 0]), return_counts=True)
    if not sizes.size:
        return 1.0
    return float(sign_flip_many(sizes, counts[np.newaxis, :], np.asarray([steps.sum()]))[0])


def sign_flip_two_sided(differences: Sequence[float] | Floats) -> float:
    """Twice the smaller tail of the sign-flip test, at most 1."""
    values = np.asarray(differences, dtype=np.float64)
    return min(1.0, 2.0 * min(sign_flip(values), sign_flip(-values)))


def sign_flip_many(sizes: Ints, counts: Ints, sums: Ints) -> Floats:
    """Sign-flip p-values of many data sets over the same sizes of difference.

    sizes: the distinct absolute differences, whole and > 0, shape (sizes,). counts: how many differences of each
    size, shape (sets, sizes). sums: signed sum of each set, shape (sets,).

    The sum of sizes that came out positive, W, has characteristic function
    exp(i t T / 2) prod cos(t size / 2)^count, with T the sum of all sizes; a discrete Fourier transform long enough
    for W to fit gives its probabilities to about 1e-15. No p-value below 2^-n is given.
    """
    sizes = np.asarray(sizes, dtype=np.int64)
    counts = np.asarray(counts, dtype=np.int64)
    totals = counts @ sizes
    flips = counts.sum(axis=1)
    if sizes.size == 1:
        return np.asarray(at_least((np.asarray(sums) // sizes[0] + flips) // 2, flips, 0.5), dtype=np.float64)
    result = np.ones(len(totals))
    length = int(2 ** np.ceil(np.log2(totals.max() + 1.0))) if totals.size and totals.max() > 0 else 1
    angles = np.pi * np.arange(length // 2 + 1) / length
    chunk = max(1, 2**21 // len(angles))
    for start in range(0, len(totals), chunk):
        part = slice(start, start + chunk)
        spectrum = _product(sizes, counts[part], angles) * np.exp(-1j * np.outer(totals[part], angles))
        chances = np.fft.irfft(spectrum, n=length, axis=1) if length > 1 else np.ones((len(spectrum), 1))
        needed = (np.asarray(sums[part]) + totals[part]) // 2
        upper = np.cumsum(chances[:, ::-1], axis=1)[:, ::-1]
        tail = np.take_along_axis(upper, needed[:, np.newaxis], axis=1)[:, 0]
        result[part] = np.clip(tail, np.exp2(-np.minimum(flips[part], 1000).astype(float)), 1.0)
    return result


def _product(sizes: Ints, counts: Ints, angles: Floats) -> Floats:
    """Products over sizes of cos(size * angle)^count: (sets, angles). In blocks, so that memory stays small."""
    logs = np.zeros((len(counts), len(angles)))
    negatives = np.zeros((len(counts), len(angles)))
    block = max(1, 2**21 // len(angles))
    for start in range(0, len(sizes), block):
        cosines = np.cos(np.outer(sizes[start : start + block], angles))
        inside = counts[:, start : start + block].astype(np.float64)
        logs += inside @ np.log(np.maximum(np.abs(cosines), 1e-300))
        negatives += inside @ (cosines < 0).astype(np.float64)
    return np.exp(logs) * np.where(negatives % 2 == 1, -1.0, 1.0)


def bounded_mean(total: float, n: int, floor: float) -> float:
    """One-sided p-value of "the mean of n independent values in [0, 1] is at least floor", from their sum.

    The smaller of Hoeffding's bound (1963, theorem 1) and Bentkus' (2004, Annals of Probability 32: e times the
    binomial tail), as in Bates et al. 2021 (arXiv:2101.02703, section 3.1). Holds for any distribution, hence for
    question means over repeats, for partial credit, and for questions of unequal difficulty. It costs some power
    against an exact binomial test, which needs right/wrong values.
    """
    if not n or floor <= 0.0 or total >= n * floor:
        return 1.0
    mean = total / n
    # Floating sums such as 0.1 * 3 must not climb to the next whole number.
    bentkus = math.e * float(at_most(math.ceil(total - 1e-9), n, min(floor, 1.0)))
    if floor >= 1.0:
        return 0.0
    entropy = (mean * math.log(mean / floor) if mean > 0 else 0.0) + (1 - mean) * math.log((1 - mean) / (1 - floor))
    return min(1.0, bentkus, math.exp(-n * entropy))


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Holm's step-down adjustment (1979, Scandinavian Journal of Statistics 6), by name.

    Rejecting where the adjusted value is at most alpha keeps the chance of any false alarm among all the tests within
    alpha, however they depend on one another.
    """
    adjusted: dict[str, float] = {}
    running = 0.0
    for rank, (name, value) in enumerate(sorted(p_values.items(), key=lambda entry: entry[1])):
        running = max(running, min(1.0, (len(p_values) - rank) * value))
        adjusted[name] = running
    return {name: adjusted[name] for name in p_values}
