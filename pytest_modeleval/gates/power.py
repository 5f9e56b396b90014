"""How small a drop a gate can see: power, and the drop that is found four times in five. Pure and seeded.

The drop that is looked for: some share of the questions, drawn at random, is lost outright, whatever their value was,
and all others go on flipping at the rate at which an unchanged deployment flips. The textbook shortcut
(z_alpha + z_power) sqrt(flips / n) falls short for exact tests at every n, so the exact test itself is solved for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from pytest_modeleval.gates.betting import log_growth, log_wealth
from pytest_modeleval.gates.exact_tests import Floats, Ints, at_least, at_most, bounded_mean, lattice, sign_flip_many
from pytest_modeleval.gates.margin import chance, rejection_region

POWER = 0.80
_SEED = 20260101
_DRAWS = 600
_LOOKS = 250
_FEW_FLIPS = 40
# Twelve fine values (average precision, say) would take eight seconds on the test's own lattice; on one of a hundred
# steps the drop that is found moves by 0.002.
_MOST_STEPS = 100
# Thirds must be seen to be thirds: differences that lie on no common lattice take two hundred times as long.
_DIGITS = 12
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Noise:
    """How far question values move between two runs of an unchanged deployment."""

    sizes: tuple[float, ...] = (1.0,)
    """Possible absolute differences of a question's value, each > 0 and <= 1."""

    shares: tuple[float, ...] = (0.0,)
    """How often each size occurs; the rest of 1 is the share of questions that do not move. For single right/wrong
    answers: sizes (1.0,) and shares (flip rate,)."""

    before: tuple[float, ...] = (1.0,)
    """The values of questions in the baseline: the amount that a lost question loses."""

    before_shares: tuple[float, ...] = (1.0,)
    """How often each of them occurs."""

    @classmethod
    def of(cls, differences: Floats, before: Floats) -> Noise:
        """The noise that these differences show, were there no drop: their absolute values, either sign alike."""
        if not len(differences):
            return cls()
        sizes, counts = np.unique(np.round(np.abs(differences), _DIGITS), return_counts=True)
        values, times = np.unique(np.round(before, _DIGITS), return_counts=True)
        return cls(
            tuple(map(float, sizes)),
            tuple(map(float, counts * (sizes > 0) / len(differences))),
            tuple(map(float, values)),
            tuple(map(float, times / len(before))),
        )

    def after_losing(self, drop: float) -> tuple[Floats, Floats]:
        """Possible drops of one question, and their chances, when questions are lost so that the score drops by that.

        A lost question drops by its value in the baseline; the others move by noise. drop: at most the mean value.
        """
        lost = min(1.0, drop / max(self.score, 1e-12))
        moving = (1.0 - lost) * np.asarray([*self.shares, *self.shares]) / 2.0
        losing = lost * np.asarray(self.before_shares)
        values = np.asarray([*self.sizes, *(-size for size in self.sizes), *self.before, 0.0])
        chances = np.asarray([*moving, *losing, max(0.0, 1.0 - moving.sum() - losing.sum())])
        return values, chances / chances.sum()

    @property
    def score(self) -> float:
        """The score of the baseline: the largest drop that there can be."""
        return float(np.dot(self.before, self.before_shares))

    @property
    def flip_rate(self) -> float:
        """Mean absolute movement of a question, which for single answers is the flip rate."""
        return float(sum(size * share for size, share in zip(self.sizes, self.shares, strict=True)))


@lru_cache(maxsize=256)
def detectable_drop(
    n: int, flip_rate: float, *, alpha: float, margin: float = 0.0, power: float = POWER
) -> float | None:
    """Smallest true drop that the exact test on n single answers finds with this power; None if it finds none.

    flip_rate: share of samples that change between two runs of an unchanged deployment. margin: see margin_test.
    """
    if n < 1:
        return None
    needed = np.asarray(rejection_region(n, margin, alpha), dtype=np.int64)

    def power_at(drop: float) -> float:
        noise = (1.0 - drop) * flip_rate / 2.0
        return chance(n, drop + noise, noise, needed)

    return _solve(power_at, margin, power)


@lru_cache(maxsize=256)
def detectable_shortfall(n: int, limit: float, *, alpha: float, is_floor: bool, power: float = POWER) -> float | None:
    """How far beyond a floor or ceiling the true share must lie for the exact binomial test to say so.

    limit: the floor or ceiling, a fraction. None where not even the furthest share is found with this power.
    """
    if n < 1:
        return None
    counts = np.arange(n + 1)
    if is_floor:
        critical = int(np.sum(np.asarray(at_most(counts, n, limit)) <= alpha)) - 1
        return _solve(lambda gap: float(at_most(critical, n, limit - gap)), 0.0, power, most=limit)
    critical = n + 1 - int(np.sum(np.asarray(at_least(counts, n, limit)) <= alpha))
    return _solve(lambda gap: float(at_least(critical, n, limit + gap)), 0.0, power, most=1.0 - limit)


def detectable_shortfall_of_mean(values: Floats, floor: float, *, alpha: float, power: float = POWER) -> float | None:
    """The same for a floor on values between 0 and 1 (repeats, partial credit), tested by `bounded_mean`.

    Solved with the normal distribution and the spread that these values would have at the lower mean.
    """
    n = len(values)
    if not n:
        return None
    low, high = 0.0, n * floor
    for _ in range(50):
        middle = (low + high) / 2.0
        low, high = (middle, high) if bounded_mean(middle, n, floor) <= alpha else (low, middle)
    if bounded_mean(0.0, n, floor) > alpha:
        return None
    mean, square = float(np.mean(values)), float(np.mean(values**2))

    def power_at(gap: float) -> float:
        true = floor - gap
        # The values as seen, a share of them lost (or won) so that their mean is the one asked for.
        share = true / mean if true <= mean and mean > 0 else (1.0 - true) / max(1.0 - mean, 1e-12)
        second = share * square + (0.0 if true <= mean else 1.0 - share)
        spread = np.sqrt(max(second - true**2, 1e-12) * n)
        return _NORMAL.cdf((low - n * true) / spread)

    return _solve(power_at, 0.0, power, most=floor)


@lru_cache(maxsize=256)
def detectable_drop_of_means(
    n: int, noise: Noise, *, alpha: float, margin: float = 0.0, is_early: bool = False, power: float = POWER
) -> float | None:
    """Smallest true drop that a test on n question means finds, by seeded simulation; None if it finds none.

    Tests: sign flips without a margin, betting with one. is_early: the betting test that is looked at after every
    sample (here: at no more than 250 looks, which understates its power a little).
    """
    values, _ = noise.after_losing(0.0)
    steps = lattice(values)
    if (widest := int(np.abs(steps).max())) > _MOST_STEPS:
        steps = np.rint(steps * (_MOST_STEPS / widest)).astype(np.int64)
    sizes = np.unique(np.abs(steps[steps != 0]))
    growth = log_growth(values - margin, 1.0 + margin)
    rng = np.random.default_rng(_SEED)

    def power_at(drop: float) -> float:
        _, shares = noise.after_losing(drop)
        if is_early:
            return _wins(n, shares, growth, alpha, rng)
        seen = rng.multinomial(n, shares, size=_DRAWS)
        if margin > 0.0:
            return float(np.mean(np.asarray(log_wealth(seen @ growth)) >= -np.log(alpha)))
        counts = np.stack([seen[:, np.abs(steps) == size].sum(axis=1) for size in sizes], axis=1)
        return float(np.mean(_sign_flip_nearly(sizes, counts, seen @ steps) <= alpha))

    return _solve_noisy(power_at, margin, power, most=noise.score) if noise.score > margin else None


def _sign_flip_nearly(sizes: Ints, counts: Ints, sums: Ints) -> Floats:
    """sign_flip_many, by an Edgeworth series to the fourth cumulant where 40 or more differences are flipped.

    Its error there is below 0.001, which moves a power by nothing that is printed; exact distributions for hundreds
    of simulated runs would take minutes.
    """
    from scipy.special import ndtr  # noqa: PLC0415 - as in exact.py

    if len(sizes) == 1:
        return sign_flip_many(sizes, counts, sums)
    result = np.ones(len(sums))
    is_few = counts.sum(axis=1) < _FEW_FLIPS
    if is_few.any():
        result[is_few] = sign_flip_many(sizes, counts[is_few], sums[is_few])
    many = counts[~is_few].astype(np.float64)
    variance = many @ sizes.astype(np.float64) ** 2
    excess = -2.0 * (many @ sizes.astype(np.float64) ** 4) / variance**2
    # Sums lie two steps apart: half of that is the correction for continuity.
    x = (sums[~is_few] - np.gcd.reduce(sizes)) / np.sqrt(variance)
    density = np.exp(-(x**2) / 2.0) / np.sqrt(2.0 * np.pi)
    result[~is_few] = ndtr(-x) + density * excess * (x**3 - 3.0 * x) / 24.0
    return result


@lru_cache(maxsize=256)
def detectable_shortfall_early(
    n: int, limit: float, *, alpha: float, is_floor: bool, power: float = POWER
) -> float | None:
    """detectable_shortfall for the betting test that is looked at after every sample; right/wrong values."""
    allowed = 1.0 - limit if is_floor else limit
    growth = log_growth(np.asarray([1.0 - allowed, -allowed]), max(allowed, 1e-9))
    rng = np.random.default_rng(_SEED)

    def power_at(gap: float) -> float:
        bad = min(1.0, allowed + gap)
        return _wins(n, np.asarray([bad, 1.0 - bad]), growth, alpha, rng)

    return _solve_noisy(power_at, 0.0, power, most=1.0 - allowed)


def _wins(n: int, shares: Floats, growth: Floats, alpha: float, rng: np.random.Generator) -> float:
    """How often the bettor reaches 1 / alpha within n samples that fall into categories with these shares."""
    looks = min(n, _LOOKS)
    blocks = np.full(looks, n // looks) + (np.arange(looks) < n % looks)
    seen = rng.multinomial(blocks, shares, size=(_DRAWS, looks)).cumsum(axis=1)
    return float(np.mean(np.asarray(log_wealth(seen @ growth)).max(axis=1) >= -np.log(alpha)))


def detectable_drop_of_units(
    differences: Floats,
    weights: Floats,
    *,
    alpha: float,
    margin: float = 0.0,
    is_betting: bool = False,
    power: float = POWER,
) -> float | None:
    """The same where questions carry different weights or come in clusters: a normal approximation.

    differences: weighted sums of each independent unit; weights: summed weight of each unit, their mean over
    questions being 1. Smallest drop whose mean exceeds the critical value by z_power standard deviations. A betting
    test (is_betting) is given the threshold of the best single bet, sqrt(2 ln(1 / alpha)), and so a little too much.
    """
    total = float(weights.sum())
    if not len(differences) or total <= 0.0:
        return None
    spread = float(np.sum(differences**2))
    threshold = np.sqrt(-2.0 * np.log(alpha)) if is_betting else _NORMAL.inv_cdf(1.0 - alpha)

    def power_at(drop: float) -> float:
        # A lost share of a unit's weight adds to what the signs are flipped over.
        null = spread * (1.0 - drop) + float(np.sum(weights**2)) * drop
        deviation = np.sqrt(max(null - float(np.sum((weights * drop) ** 2)), 1e-12))
        return _NORMAL.cdf((total * (drop - margin) - threshold * np.sqrt(null)) / deviation)

    return _solve(power_at, margin, power)


def _solve(power_at: Callable[[float], float], least: float, power: float, *, most: float = 1.0) -> float | None:
    """The effect at which a rising power is reached; None where it never is."""
    if power_at(most) < power:
        return None
    return _bisect(power_at, least, most, power, steps=40)[1]


def _bisect(
    power_at: Callable[[float], float], low: float, high: float, power: float, *, steps: int
) -> tuple[float, float]:
    for _ in range(steps):
        middle = (low + high) / 2.0
        low, high = (low, middle) if power_at(middle) >= power else (middle, high)
    return low, high


def _solve_noisy(power_at: Callable[[float], float], least: float, power: float, *, most: float = 1.0) -> float | None:
    """The same for a simulated power: bisection to the neighbourhood, then a straight line through probits."""
    if power_at(most) < power:
        return None
    low, high = _bisect(power_at, least, most, power, steps=11)
    centre = (low + high) / 2.0
    width = max(2.0 * (high - low), 0.1 * (centre - least))
    drops = np.clip(centre + width * np.linspace(-1.5, 1.5, 9), least, most)
    powers = np.clip([power_at(float(drop)) for drop in drops], 0.02, 0.98)
    probits = np.asarray([_NORMAL.inv_cdf(float(value)) for value in powers])
    slope, start = np.polyfit(drops, probits, 1)
    if slope <= 0.0:
        return centre
    return float(np.clip((_NORMAL.inv_cdf(power) - start) / slope, least, most))
