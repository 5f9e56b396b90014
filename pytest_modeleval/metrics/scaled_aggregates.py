"""Aggregates of scores that are not shares: a primary measure in tokens, seconds or points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pytest_modeleval.metrics.aggregates import Aggregate, combine
from pytest_modeleval.results import AggregateScore, Scale, Score


def combine_in_scale(
    aggregates: Sequence[Aggregate], scores: Sequence[Score], all_subsets: Sequence[str], scale: Scale
) -> tuple[AggregateScore, ...]:
    """`combine` for scores in any range. A partial aggregate has bounds where the range has an upper end."""
    if scale.is_share:
        return combine(aggregates, scores, all_subsets)
    width = _width(scores, scale)

    def down(value: float | None) -> float | None:
        return None if value is None else (value - scale.low) / width

    def up(value: float | None) -> float | None:
        return None if value is None else scale.low + value * width

    shares = [replace(found, score=down(found.score), low=down(found.low), high=down(found.high)) for found in scores]
    return tuple(
        replace(
            made,
            score=up(made.score),
            low=up(made.low),
            high=up(made.high),
            at_least=up(made.at_least if scale.high is not None else made.score),
            at_most=up(made.at_most if scale.high is not None else made.score),
            note="",
        )
        for made in combine(aggregates, shares, all_subsets)
    )


def _width(scores: Sequence[Score], scale: Scale) -> float:
    """Of the range; without an upper end twice as far as any value, so that no mean and no interval is cut."""
    if scale.high is not None:
        return scale.high - scale.low
    values = [abs(value - scale.low) for found in scores for value in (found.score, found.high) if value is not None]
    return 2.0 * max(values, default=0.5) or 1.0
