"""Quantiles of the normal and of Student's distribution, and the score interval of a share.

Standard library only: importing scipy would cost more than all the arithmetic at the end of a run.
"""

from __future__ import annotations

from functools import lru_cache
from math import cos, pi, sin, sqrt, tan


@lru_cache(maxsize=32)
def normal_quantile(confidence: float) -> float:
    """The two-sided quantile z of the standard normal distribution, 1.96 for 0.95."""
    # Imported here: it brings random, decimal and more, and collection imports this module in every pytest run.
    from statistics import NormalDist  # noqa: PLC0415

    if not 0.0 < confidence < 1.0:
        raise ValueError(f"expected a confidence between 0 and 1, such as 0.95, found {confidence!r}")
    return NormalDist().inv_cdf(0.5 + confidence / 2)


@lru_cache(maxsize=256)
def t_quantile(confidence: float, freedom: int) -> float:
    """The two-sided quantile of Student's t distribution with that many degrees of freedom, to about 1e-10.

    From the finite series of its distribution function for whole degrees of freedom (Abramowitz & Stegun, 26.7.3 and
    26.7.4), inverted by bisection; from 300 on by `t_expansion`, whose next term is below 1e-11 there.
    """
    if freedom >= 300:
        return t_expansion(confidence, freedom)
    low, high = 0.0, pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        if _central_t(middle, freedom) < confidence:
            low = middle
        else:
            high = middle
    return sqrt(freedom) * tan((low + high) / 2)


def t_expansion(confidence: float, freedom: float) -> float:
    """The same for degrees of freedom that need not be whole, to 0.2 % from four on.

    By the expansion in 1 / freedom (Abramowitz & Stegun, 26.7.5).
    """
    z = normal_quantile(confidence)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / float(freedom) ** power for power, term in enumerate(terms, 1))


def _central_t(angle: float, freedom: int) -> float:
    """The chance that Student's t lies within sqrt(freedom) * tan(angle) of 0."""
    square = cos(angle) ** 2
    is_odd = freedom % 2
    term = cos(angle) if is_odd else 1.0
    total = term if freedom > 1 else 0.0
    for number in range(2 + is_odd, freedom - 1, 2):
        term *= square * (number - 1) / number
        total += term
    return 2 / pi * (angle + sin(angle) * total) if is_odd else sin(angle) * total


def score_interval(share: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """The score interval of a share of n trials (Wilson 1927, JASA 22:209), without continuity correction.

    n: need not be whole, such as an effective number of requests. Always holds the share.
    """
    z = normal_quantile(confidence)
    spread = z * z / n
    centre = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * sqrt(share * (1 - share) / n + spread / (4 * n))
    # The outer min and max correct the last bit: at 0 and at n the closed form misses the end by 1e-17.
    return max(0.0, min(centre - half, share)), min(1.0, max(centre + half, share))
