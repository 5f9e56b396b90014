"""Indexes over benchmarks, from the scores of the benchmarks. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pytest_modeleval.indexes import Index
from pytest_modeleval.metrics import combine, weighted
from pytest_modeleval.results import AggregateScore, BenchmarkSummary, Score
from pytest_modeleval.run_figures import IndexPart, IndexScore


def index_scores(indexes: Iterable[Index], benchmarks: Sequence[BenchmarkSummary]) -> tuple[IndexScore, ...]:
    """The indexes of which at least `least` benchmarks are in the run, in the order of their declaration.

    Interval: the parts' intervals, their distances from the parts' figures squared, weighted and added, as for
    aggregates (metrics.combine; Zou & Donner 2008, Statistics in Medicine 27:1693). Benchmarks have different
    questions, so that their errors are independent.
    """
    entries = {entry.benchmark: entry for entry in benchmarks}
    return tuple(
        _index_score(index, entries) for index in indexes if len(entries.keys() & index.weights.keys()) >= index.least
    )


def stored_indexes(run: Mapping[str, Any]) -> tuple[Index, ...]:
    """The indexes that run.json holds; none in runs of earlier versions."""
    return tuple(Index(**entry) for entry in run.get("indexes") or ())


def _index_score(index: Index, entries: Mapping[str, BenchmarkSummary]) -> IndexScore:
    figures = {name: _figure(entries[name]) for name in index.weights if name in entries}
    parts = [_as_subset(name, found) for name, found in figures.items()]
    (made,) = combine([weighted(index.name, index.weights)], parts, ())
    return IndexScore(
        name=index.name,
        weights=dict(index.weights),
        parts=tuple(_part(entries[name], index.weights[name], found) for name, found in figures.items()),
        score=made.score,
        low=made.low,
        high=made.high,
        at_least=made.at_least or 0.0,
        at_most=1.0 if made.at_most is None else made.at_most,
        missing=made.missing,
    )


def _figure(entry: BenchmarkSummary) -> AggregateScore | Score | None:
    """The figure that a benchmark is known by; None where it has none, or where it is no share of success."""
    return entry.figure if entry.scale.is_share and entry.scale.is_higher_better else None


def _as_subset(name: str, figure: AggregateScore | Score | None) -> Score:
    score, low, high = (figure.score, figure.low, figure.high) if figure is not None else (None, None, None)
    num = figure.num if figure is not None else 0
    return Score(name, num, num, score, low, high, method="", counts={})


def _part(entry: BenchmarkSummary, weight: float, figure: AggregateScore | Score | None) -> IndexPart:
    score = _as_subset(entry.benchmark, figure)
    return IndexPart(entry.benchmark, entry.version, entry.metric, weight, score.score, score.low, score.high)
