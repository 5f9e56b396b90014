"""Confidence intervals of a score: of a proportion, and of the mean over questions.

Standard library only, as the distributions are (`_support/distributions.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple

from pytest_modeleval._support.distributions import score_interval, t_quantile


class Interval(NamedTuple):
    """Both ends of an interval, from 0 to 1, and the name of the method that made it."""

    low: float
    high: float
    method: str


def wilson(successes: float, n: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """The score interval of a proportion (Wilson 1927, JASA 22:209), without continuity correction.

    successes: from 0 to n; a sum of partial credits is accepted, which makes the interval a little too wide.
    Always holds successes / n. Raises ValueError where n < 1 or successes lie outside 0..n.
    """
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"expected n of at least 1 and successes between 0 and n, found {successes!r} of {n!r}")
    return score_interval(successes / n, n, confidence)


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
