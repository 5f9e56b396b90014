"""Is the true drop larger than a margin? An exact test for single right/wrong answers, and its rejection region.

Asking "is the drop significant, and is it also larger than the margin?" alarms in up to half of the runs whose true
drop equals the margin. Here the null hypothesis is "the true drop is at most the margin" itself.

With margin 0 the test is McNemar's exact one, which is free of nuisance parameters. With a margin above 0 the rate of
flips matters, and the p-value is the worst one over all rates that the data leave plausible.
"""

from __future__ import annotations

from functools import lru_cache
from statistics import NormalDist

import numpy as np

from pytest_modeleval.gates.exact_tests import Floats, Ints, at_least, binomial_interval, mcnemar

# Chance, added to every p-value, that the true flip rate lies outside the plausible ones (Berger and Boos 1994).
_OUTSIDE = 1e-6
_RATES = 160
_REGION_RATES = 72


def score_statistic(losses: Floats, flips: Floats, n: int, margin: float) -> Floats:
    """Tango's score statistic for a difference of paired shares (1998, Statistics in Medicine 17), elementwise.

    (losses - gains - n margin) over its standard error, the latter at the most likely rates whose difference is the
    margin. Large values speak for a drop beyond the margin. -1 < margin < 1.
    """
    gains = flips - losses
    beyond = losses - gains - n * margin
    half = losses * (1.0 + margin) + gains * (1.0 - margin) - 2.0 * n * margin
    gain_rate = (half + np.sqrt(np.maximum(0.0, half**2 + 8.0 * n * gains * margin * (1.0 - margin)))) / (4.0 * n)
    variance = n * (2.0 * np.maximum(gain_rate, 0.0) + margin - margin**2)
    return np.where(variance > 1e-12, beyond / np.sqrt(np.maximum(variance, 1e-12)), np.where(beyond > 0, 1e9, 0.0))


def _needed(flips: Ints, statistic: Floats, n: int, margin: float) -> Ints:
    """Fewest losses whose score statistic reaches `statistic`, for each number of flips; flips + 1 where none do."""
    low = np.zeros(np.broadcast_shapes(flips.shape, statistic.shape), dtype=np.int64)
    high = np.broadcast_to(flips + 1, low.shape).copy()
    for _ in range(int(np.ceil(np.log2(n + 2))) + 1):
        middle = (low + high) // 2
        reached = score_statistic(middle.astype(float), np.broadcast_to(flips, low.shape).astype(float), n, margin)
        open_ = low < high
        is_reached = reached >= statistic - 1e-9
        high = np.where(open_ & is_reached, middle, high)
        low = np.where(open_ & ~is_reached, middle + 1, low)
    return low


def _window(n: int, rate: float) -> Ints:
    """The numbers of flips that occur with a chance worth counting at this rate."""
    spread = 8.0 * np.sqrt(n * rate * (1.0 - rate)) + 8.0
    return np.arange(max(0, int(n * rate - spread)), min(n, int(n * rate + spread)) + 1, dtype=np.int64)


def chance(n: int, loss_rate: float, gain_rate: float, needed: Floats | Ints, flips: Ints | None = None) -> float:
    """Chance that a region rejects when samples are lost and gained at these rates.

    needed: fewest losses that reject, for each number of flips in `flips` (0 to n unless given).
    """
    rate = min(1.0, loss_rate + gain_rate)
    if rate <= 0.0:
        return float(np.asarray(needed)[0] <= 0)
    window = _window(n, rate)
    fewest = np.asarray(needed)
    if flips is None:
        fewest = fewest[window]
    else:
        window = flips
    chances = at_least(window, n, rate) - at_least(window + 1, n, rate)
    return float(np.sum(chances * at_least(fewest, window, min(1.0, loss_rate / rate))))


def _tail(n: int, rate: float, margin: float, needed: Ints) -> float:
    """Chance of the region at the edge of the null hypothesis, where the drop is the margin and flips have a rate."""
    return chance(n, (rate + margin) / 2.0, (rate - margin) / 2.0, needed)


def margin_test(losses: int, gains: int, n: int, margin: float = 0.0) -> float:
    """P-value of "the true drop is at most margin", from n samples judged in both runs.

    losses, gains: samples newly wrong and newly right; margin: a fraction from 0 to below 1.

    Above 0: exact unconditional test on the score statistic, its p-value the largest over the flip rates inside a
    confidence interval, plus the chance of 1e-6 that the rate lies outside (Berger and Boos 1994, JASA 89; for paired
    shares see Lloyd and Moldovan 2008, Statistics in Medicine 27). For a given flip rate a smaller drop only makes
    rejection rarer, so that the edge of the hypothesis is its worst place. The largest value is sought on 160 rates.
    """
    if margin <= 0.0:
        return mcnemar(losses, gains)
    if n == 0:
        return 1.0
    flips = losses + gains
    observed = score_statistic(np.float64(losses), np.float64(flips), n, margin)  # type: ignore[arg-type]
    needed = _needed(np.arange(n + 1, dtype=np.int64), np.asarray(observed), n, margin)
    low, high = binomial_interval(flips, n, confidence=1.0 - _OUTSIDE)
    rates = np.linspace(max(low, margin), max(high, margin), _RATES)
    return min(1.0, max(_tail(n, float(rate), margin, needed) for rate in rates) + _OUTSIDE)


@lru_cache(maxsize=64)
def rejection_region(n: int, margin: float, alpha: float) -> tuple[int, ...]:
    """Fewest losses that reject at alpha, for 0 to n flips; flips + 1 where nothing does.

    The same test as `margin_test`, turned round and on a coarser grid of rates; for power and for simulation, where a
    p-value each would be slow.
    """
    flips = np.arange(n + 1, dtype=np.int64)
    if margin <= 0.0:
        return tuple(int(value) for value in _mcnemar_region(flips, alpha))
    if alpha <= _OUTSIDE:
        return tuple(int(value) for value in flips + 1)
    # Even spacing of arcsin(sqrt(rate)) puts the rates as close together as their estimates are sharp.
    angles = np.linspace(np.arcsin(np.sqrt(margin)), np.pi / 2.0, _REGION_RATES)
    rates = np.sin(angles) ** 2
    critical = np.asarray([_critical(n, float(rate), margin, alpha - _OUTSIDE) for rate in rates])
    low, high = _plausible_rates(flips, n)
    first = np.maximum(np.searchsorted(rates, low) - 1, 0)
    last = np.maximum(np.minimum(np.searchsorted(rates, high) + 1, len(rates)), first + 1)
    worst = np.asarray([critical[start:stop].max() for start, stop in zip(first, last, strict=True)])
    needed = _needed(flips, worst, n, margin)
    return tuple(int(value) for value in needed)


def _plausible_rates(flips: Ints, n: int) -> tuple[Floats, Floats]:
    """The interval of binomial_interval at a confidence of 1 - 1e-6, for many counts at once."""
    from scipy.special import betaincinv  # noqa: PLC0415 - as in exact.py

    low = np.where(flips == 0, 0.0, betaincinv(np.maximum(flips, 1), n - flips + 1.0, _OUTSIDE / 2.0))
    high = np.where(flips == n, 1.0, betaincinv(flips + 1.0, np.maximum(n - flips, 1), 1.0 - _OUTSIDE / 2.0))
    return low, high


def _mcnemar_region(flips: Ints, alpha: float) -> Ints:
    low = np.zeros(flips.shape, dtype=np.int64)
    high = flips + 1
    for _ in range(int(np.ceil(np.log2(len(flips) + 2))) + 1):
        middle = (low + high) // 2
        is_rejected = np.asarray(at_least(middle, flips, 0.5)) <= alpha
        open_ = low < high
        high = np.where(open_ & is_rejected, middle, high)
        low = np.where(open_ & ~is_rejected, middle + 1, low)
    return low


def _critical(n: int, rate: float, margin: float, alpha: float) -> float:
    """The smallest score statistic that is reached with a chance of at most alpha at this flip rate."""
    window = _window(n, rate)
    start = NormalDist().inv_cdf(1.0 - alpha)
    low, high = max(0.0, start - 1.0), start + 1.0
    while low > 0.0 and _rejects(n, rate, margin, window, low) <= alpha:
        low, high = max(0.0, low - 1.0), low
    while _rejects(n, rate, margin, window, high) > alpha:
        low, high = high, high + 2.0
    for _ in range(12):
        middle = (low + high) / 2.0
        if _rejects(n, rate, margin, window, middle) <= alpha:
            high = middle
        else:
            low = middle
    return high


def _rejects(n: int, rate: float, margin: float, window: Ints, statistic: float) -> float:
    needed = _needed(window, np.asarray(statistic), n, margin)
    return chance(n, (rate + margin) / 2.0, (rate - margin) / 2.0, needed, window)
