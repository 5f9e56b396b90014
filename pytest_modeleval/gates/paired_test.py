"""Has the score of paired questions dropped? The test behind regression gates and comparisons. Pure."""

from __future__ import annotations

import numpy as np

from pytest_modeleval.gates import power
from pytest_modeleval.gates.betting import betting_p
from pytest_modeleval.gates.evidence import Pairs
from pytest_modeleval.gates.exact_tests import sign_flip
from pytest_modeleval.gates.margin import margin_test
from pytest_modeleval.gates.measurement import Detectable
from pytest_modeleval.gates.noise import bernoulli_noise

# Beyond so many different sizes of difference (partial credit over many repeats) the power is approximated.
_MOST_SIZES = 64


def noise_of(pairs: Pairs, flip_rate: float | None) -> power.Noise:
    """How the paired questions would move in an unchanged deployment: at its flip rate if known, else as seen here.

    A rate describes answers that are right or wrong; with partial credit the movements as seen are used.
    """
    if pairs.is_single:
        seen = (pairs.losses + pairs.gains) / pairs.n
        return power.Noise((1.0,), (seen if flip_rate is None else min(1.0, flip_rate),))
    before, after = pairs.repeats
    is_whole = bool(np.allclose(pairs.values * before, np.round(pairs.values * before)))
    if flip_rate is None or not is_whole or before * after > _MOST_SIZES:
        return power.Noise.of(pairs.drops, pairs.values)
    return bernoulli_noise(flip_rate, before, after, values=pairs.values)


def paired_test(pairs: Pairs, margin: float, flip_rate: float | None = None) -> tuple[float, Detectable]:
    """P-value of a drop beyond the margin, and level -> the smallest drop that the same test finds.

    Single right/wrong answers, each its own unit: exact McNemar, or the exact margin test. Otherwise (repeats,
    partial credit, weights, clusters) the units are question means or weighted cluster sums, under sign flips without
    a margin and under betting with one: sign flips need differences that are symmetric, which a shift destroys.
    """
    if pairs.is_plain and pairs.is_single:
        (rate,) = noise_of(pairs, flip_rate).shares
        return (
            margin_test(pairs.losses, pairs.gains, pairs.n, margin),
            lambda alpha: power.detectable_drop(pairs.n, rate, alpha=alpha, margin=margin),
        )
    drops, weights = pairs.units()
    is_betting = margin > 0.0
    if is_betting:
        p = betting_p(np.round(drops - margin * weights, 12), float(weights.max()) * (1.0 + margin))
    else:
        p = sign_flip(drops)
    noise = noise_of(pairs, flip_rate)
    if pairs.is_plain and len(noise.sizes) + len(noise.before) <= _MOST_SIZES:
        return p, lambda alpha: power.detectable_drop_of_means(pairs.n, noise, alpha=alpha, margin=margin)
    return p, lambda alpha: power.detectable_drop_of_units(
        drops, weights, alpha=alpha, margin=margin, is_betting=is_betting
    )
