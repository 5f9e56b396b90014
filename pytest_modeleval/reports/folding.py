"""Which rows of a benchmark with many subsets a short table shows: the aggregates and the lowest subsets. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pytest_modeleval.reports.table_rows import ScoreRow, score_rows
from pytest_modeleval.results import RunSummary

# Rows of subsets that one screen holds along with aggregates, notes and gates.
MOST_ROWS = 30
LOWEST = 5


@dataclass(frozen=True, slots=True)
class FoldedRows:
    """The rows that are shown, and how many subsets are not."""

    rows: tuple[ScoreRow, ...]

    left: Mapping[int, int]
    """Place of the last row of a folded benchmark -> its subsets that are not shown."""


def whole_rows(summary: RunSummary) -> FoldedRows:
    """Every row."""
    return FoldedRows(tuple(score_rows(summary)), {})


def folded_rows(summary: RunSummary) -> FoldedRows:
    """The rows of every benchmark, those of a long one folded.

    A benchmark whose subsets, parts and measures need more than MOST_ROWS rows shows its aggregates, the official one
    first, then its LOWEST subsets with the lowest scores, lowest first; of equal ones the first declared.
    """
    shown: list[ScoreRow] = []
    left: dict[int, int] = {}
    by_dataset: dict[str, list[ScoreRow]] = {}
    for row in score_rows(summary):
        by_dataset.setdefault(row.dataset, []).append(row)
    for rows in by_dataset.values():
        subsets = [row for row in rows if not row.is_aggregate and not row.is_part]
        aggregates = [row for row in rows if row.is_aggregate]
        if len(rows) - len(aggregates) <= MOST_ROWS or len(subsets) <= LOWEST + 1:
            shown += rows
            continue
        lowest = _lowest(subsets)
        shown += [*sorted(aggregates, key=lambda row: not row.is_official), *lowest]
        left[len(shown) - 1] = len(subsets) - len(lowest)
    return FoldedRows(tuple(shown), left)


def _lowest(subsets: Sequence[ScoreRow]) -> list[ScoreRow]:
    """By score, the worst first: where lower is better, those with the highest."""
    scored = [row for row in subsets if row.value is not None]
    return sorted(scored, key=lambda row: (row.value or 0.0) * (1 if row.is_higher_better else -1))[:LOWEST]
