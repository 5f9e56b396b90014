"""Confidence intervals of a score: of a proportion, and of the mean over questions.

Standard library only: importing scipy would cost more than all the arithmetic at the end of a run.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import cos, pi, sin, sqrt, tan
from typing import NamedTuple


class Interval(NamedTuple):
    """Both ends of an interval, from 0 to 1, and the name of the method that made it."""

    low: float
    high: float
    method: str


@lru_cache(maxsize=32)
def normal_quantile(confidence: float) -> float:
    """The two-sided quantile z of the standard normal distribution, 1.96 for 0.95."""
    # Imported here: it brings random, decimal and more, and collection imports this room in every pytest run.
    from statistics import NormalDist  # noqa: PLC0415

    _check_confidence(confidence)
    return NormalDist().inv_cdf(0.5 + confidence / 2)


@lru_cache(maxsize=256)
def t_quantile(confidence: float, freedom: int) -> float:
    """The two-sided quantile of Student's t distribution with that many degrees of freedom, to about 1e-10.

    From the finite series of its distribution function for whole degrees of freedom (Abramowitz & Stegun, 26.7.3 and
    26.7.4), inverted by bisection; from 300 on by the expansion in 1 / freedom (26.7.5), whose next term is below
    1e-11. Written out because importing scipy takes longer than everything else at the end of a run.
    """
    z = normal_quantile(confidence)
    if freedom >= 300:
        terms = (
            (z**3 + z) / 4,
            (5 * z**5 + 16 * z**3 + 3 * z) / 96,
            (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
            (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
        )
        return z + sum(term / float(freedom) ** power for power, term in enumerate(terms, 1))
    low, high = 0.0, pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        if _central_t(middle, freedom) < confidence:
            low = middle
        else:
            high = middle
    return sqrt(freedom) * tan((low + high) / 2)


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


def wilson(successes: float, n: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """The score interval of a proportion (Wilson 1927, JASA 22:209), without continuity correction.

    successes: from 0 to n; a sum of partial credits is accepted, which makes the interval a little too wide.
    Always holds successes / n. Raises ValueError where n < 1 or successes lie outside 0..n.
    """
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"expected n of at least 1 and successes between 0 and n, found {successes!r} of {n!r}")
    z = normal_quantile(confidence)
    share = successes / n
    spread = z * z / n
    centre = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * sqrt(share * (1 - share) / n + spread / (4 * n))
    # The outer min and max correct the last bit: at 0 and at n the closed form misses the end by 1e-17.
    return max(0.0, min(centre - half, share)), min(1.0, max(centre + half, share))


def mean_interval(
    values_by_question: Sequence[float], clusters: Sequence[str] | None = None, *, confidence: float = 0.95
) -> Interval | None:
    """The interval of a mean over questions, from the spread between questions, clipped to 0..1.

    values_by_question: one value from 0 to 1 for each question; a question asked several times enters as the mean of
    its repeats, and so carries the noise of sampling as well (Miller 2024, "Adding Error Bars to Evals",
    arXiv:2411.00640, section 2).
    clusters: one name for each question; questions with the same non-empty name share a passage or template, and
    their errors are summed before they are squared (the same paper, section 2.2). With G clusters the variance is
    multiplied by G / (G - 1) and Student's t has G - 1 degrees of freedom, which for clusters of one question is the
    plain t interval.

    Where there is no spread at all (every value the same), a t interval would have no width and mislead: the result
    is then the Wilson interval on G units, method "wilson".
    None where there are fewer than two questions, or fewer than two clusters.
    """
    n = len(values_by_question)
    if clusters is not None and len(clusters) != n:
        raise ValueError(f"expected one cluster name for each of {n} questions, found {len(clusters)}")
    if n < 2:
        return None
    mean = sum(values_by_question) / n
    errors: dict[object, float] = {}
    for position, value in enumerate(values_by_question):
        # A question without a cluster stands alone; its position is a key that no name can collide with.
        unit: object = (clusters[position] if clusters else "") or position
        errors[unit] = errors.get(unit, 0.0) + (value - mean)
    units = len(errors)
    if units < 2:
        return None
    squares = sum(error * error for error in errors.values())
    if squares < 1e-18 * n:
        # Rounding leaves errors of about 1e-17; no real difference between questions is that small.
        low, high = wilson(min(max(mean * units, 0.0), float(units)), units, confidence=confidence)
        return Interval(min(low, mean), max(high, mean), "wilson")
    half = t_quantile(confidence, units - 1) * sqrt(squares * units / (units - 1)) / n
    method = "t" if units == n else "clustered t"
    return Interval(max(0.0, mean - half), min(1.0, mean + half), method)


def _check_confidence(confidence: float) -> None:
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"expected a confidence between 0 and 1, such as 0.95, found {confidence!r}")
