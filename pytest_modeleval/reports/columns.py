"""The columns of scores and of items, each declared once; every report picks from them and renders them its own way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from pytest_modeleval.records import Kind
from pytest_modeleval.reports.table_rows import NONE, ScoreRow, score_text

RowT = TypeVar("RowT")


@dataclass(frozen=True, slots=True)
class Column(Generic[RowT]):
    """A column of a table over rows of one type."""

    head: str
    value: Callable[[RowT], str]
    """The cell's text."""
    align: Literal["left", "right"]
    hint: str
    """One sentence that explains the column."""
    number: Callable[[RowT], float | None] = lambda _: None
    """The cell as a number, to sort by and, where it is whole, to group by thousands; None where it has none."""
    stacked: tuple[str, str] = ("", "")
    """The head on two lines, where space is short; both "" where it stays on one."""

    def grouped(self, row: RowT) -> str:
        """The cell's text, thousands separated by commas where it is a whole number."""
        number = self.number(row)
        return f"{number:,}" if isinstance(number, int) else self.value(row)


def kind_column(kind: Kind, *, stacked: tuple[str, str] = ("", "")) -> Column[ScoreRow]:
    """Items of one kind."""

    def number(row: ScoreRow) -> int | None:
        return row.counts.get(kind, 0) if row.counts is not None else None

    head = kind.label.capitalize()
    return Column(head, _count_text(number), "right", f"Items that ended as {kind.label}.", number, stacked)


def _count_text(number: Callable[[ScoreRow], int | None]) -> Callable[[ScoreRow], str]:
    def text(row: ScoreRow) -> str:
        count = number(row)
        return NONE if count is None else str(count)

    return text


DATASET: Column[ScoreRow] = Column("Dataset", lambda row: row.dataset, "left", "The benchmark.")
METRIC: Column[ScoreRow] = Column("Metric", lambda row: row.metric, "left", "How credit becomes a score.")
SUBSET: Column[ScoreRow] = Column("Subset", lambda row: row.subset, "left", "A subset, or an aggregate of several.")
NUM: Column[ScoreRow] = Column(
    "Num",
    lambda row: str(row.num),
    "right",
    "Samples with a verdict, the score's denominator.",
    lambda row: row.num,
)
SCORE: Column[ScoreRow] = Column(
    "Score", lambda row: row.score, "right", "Mean credit from 0 to 1, or a measure in its own range."
)
INTERVAL: Column[ScoreRow] = Column(
    "95 % interval", lambda row: row.interval, "right", "95 % interval of the score.", stacked=("95 %", "interval")
)
TRUNCATED = kind_column(Kind.TRUNCATED, stacked=("Trun-", "cated"))
NO_ANSWER = kind_column(Kind.NO_ANSWER, stacked=("No", "answer"))
UNGRADED: Column[ScoreRow] = Column(
    "Ungraded",
    _count_text(lambda row: row.ungraded),
    "right",
    "Items without a verdict; they are not in the score.",
    lambda row: row.ungraded,
    ("Un-", "graded"),
)

NAME_COLUMNS = (DATASET, METRIC, SUBSET)
COUNT_COLUMNS = (TRUNCATED, NO_ANSWER, UNGRADED)
SCORE_COLUMNS = (*NAME_COLUMNS, NUM, SCORE, INTERVAL, *COUNT_COLUMNS)


def shown_columns(rows: Sequence[ScoreRow]) -> list[Column[ScoreRow]]:
    """The columns of scores without those counts that are 0 in every row."""
    return [
        column for column in SCORE_COLUMNS if column not in COUNT_COLUMNS or any(column.number(row) for row in rows)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRow:
    """One test of a report that lists tests: an item, a gate, or any other test."""

    benchmark: str = ""
    subset: str = ""
    kind: Kind | None = None
    """None where the test is no item."""
    value: float = 0.0
    """Credit from 0 to 1."""
    tokens: int | None = None
    """Completion tokens."""
    seconds: float | None = None
    """From sending the request to the end of the response."""
    gate: str = ""
    """The verdict where the test is a gate."""


def _kind_text(row: ItemRow) -> str:
    if row.kind is not None:
        return row.kind.label
    return f"gate {row.gate}" if row.gate else ""


ITEM_COLUMNS: tuple[Column[ItemRow], ...] = (
    Column("Benchmark", lambda row: row.benchmark, "left", "The benchmark."),
    Column("Subset", lambda row: row.subset, "left", "Its subset."),
    Column("Kind", _kind_text, "left", "What became of the item."),
    Column(
        "Grade",
        lambda row: score_text(row.value) if row.kind is not None and row.kind.is_verdict else "",
        "right",
        "Credit from 0 to 1.",
    ),
    Column(
        "Tokens",
        lambda row: "" if row.tokens is None else f"{row.tokens:,}",
        "right",
        "Completion tokens, as the server counts them.",
        lambda row: row.tokens,
    ),
    Column(
        "Response",
        lambda row: "" if row.seconds is None else f"{row.seconds:.1f} s",
        "right",
        "Seconds from sending the request to the end of the response.",
        lambda row: row.seconds,
    ),
)
