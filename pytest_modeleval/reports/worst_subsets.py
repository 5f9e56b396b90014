"""Which subsets of a run have the lowest scores, and which kinds of loss there are. Pure."""

from __future__ import annotations

from pytest_modeleval.records import Kind
from pytest_modeleval.reports.text_layout import one_line
from pytest_modeleval.results import RunSummary, Score

_LOST = (Kind.WRONG, Kind.NO_ANSWER, Kind.TRUNCATED)


def worst_subset_lines(summary: RunSummary, *, most: int) -> list[str]:
    """The subsets with the lowest scores, one line each; none where no benchmark has several subsets."""
    scored = [
        (entry.benchmark, score)
        for entry in summary.benchmarks
        if len(entry.subsets) > 1 and entry.scale.is_share and entry.scale.is_higher_better
        for score in entry.subsets
        if score.score is not None and score.score < 1
    ]
    scored.sort(key=lambda pair: pair[1].score or 0.0)
    return [f"  {_text(benchmark, score)}" for benchmark, score in scored[:most]]


def _text(benchmark: str, score: Score) -> str:
    lost = ", ".join(f"{score.counts[kind]:,} {kind.label}" for kind in _LOST if score.counts.get(kind))
    return f"{score.score:.4f}  {one_line(f'{benchmark}={score.subset}')}  {lost}".rstrip()


def lost_kinds(summary: RunSummary) -> list[str]:
    """The kinds of lost items that the run has, as options name them."""
    found = {
        kind for entry in summary.benchmarks for score in entry.subsets for kind, count in score.counts.items() if count
    }
    return [kind.value for kind in _LOST if kind in found]
