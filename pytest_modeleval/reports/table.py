"""The table of the field, the notes below it and the gates, as plain text. A finished summary -> lines.

Plain ASCII columns with dashes under the header, no box: half the lines of the boxed table, one character less for each
column, and it comes out of a CI log, a grep or a mail as it went in. Three dots rather than one ellipsis character, for
logs that are not UTF-8.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pytest_modeleval.reports.columns import COUNT_COLUMNS, DATASET, NAME_COLUMNS, shown_columns
from pytest_modeleval.reports.folding import folded_rows, whole_rows
from pytest_modeleval.reports.remarks import Remark, Replies, remarks
from pytest_modeleval.reports.table_rows import NONE, ScoreRow, counts_sentence
from pytest_modeleval.reports.text_layout import (
    display_width,
    excerpt,
    one_line,
    pad,
    sentences,
    wrap,
    wrap_name,
)
from pytest_modeleval.results import GateVerdict, RunSummary

# Three names of seven columns, a count of six digits, score and interval, one space apart; other counts stand below.
MIN_WIDTH = 50
# No narrower than the word Dataset at their head.
_NAME_WIDTH = 7


@dataclass(frozen=True, slots=True)
class _Cells:
    """A column with the texts of all its cells."""

    header: str
    stacked: tuple[str, str]
    """The header on two lines, where space is short."""
    cells: tuple[str, ...]
    is_name: bool = False
    """Its cells may break over lines."""
    is_model: bool = False
    is_count: bool = False
    """Truncated, no answer, ungraded: where space is short they stand in a line below their row."""

    def width(self, *, is_stacked: bool) -> int:
        heads = self.stacked if is_stacked else (self.header,)
        return max(display_width(text) for text in (*heads, *self.cells))


@dataclass(frozen=True, slots=True)
class _Layout:
    columns: tuple[_Cells, ...]
    widths: tuple[int, ...]
    is_stacked: bool
    gap: int = 2
    below: tuple[_Cells, ...] = ()
    """Counts that stand in a line below each row where they are not 0."""

    @property
    def total(self) -> int:
        return sum(self.widths) + self.gap * (len(self.widths) - 1)


def score_table(summary: RunSummary, *, width: int, model_column: bool = True, fold: str = "") -> list[str]:
    """The scores: one row for each subset, then one for each aggregate. Empty without benchmarks.

    fold: where a reader finds the subsets that a folded benchmark leaves out ("with -v"); "" to fold none.

    width: columns of the terminal; below 50 it is taken as 50. No figure is ever cut. Where space is short, in this
    order: headers take two lines, the model moves to a line of its own above the table, names of datasets and subsets
    break over lines, counts move to a line below their row.
    Columns for truncated, no answer and ungraded stand only where not all are 0.
    """
    folded = folded_rows(summary) if fold else whole_rows(summary)
    rows = folded.rows
    if not rows:
        return []
    width = max(width, MIN_WIDTH)
    columns = _columns(rows, one_line(summary.model) if model_column else "")
    layout = _fitting(columns, width)
    lines = []
    if model_column and len(layout.columns) < len(columns):
        lines += wrap(f"Model: {one_line(summary.model)}", width, indent=2)
    lines += _header(layout)
    rule = _joined(layout, ["-" * size for size in layout.widths])
    lines.append(rule)
    for number, row in enumerate(rows):
        if number and row.dataset != rows[number - 1].dataset:
            lines.append(rule)
        lines += _row(layout, number)
        if number in folded.left:
            lines += wrap(f"{folded.left[number]:,} more {fold}", width, indent=2)
    return lines


def notes(summary: RunSummary, *, width: int, replies: Replies | None = None) -> list[str]:
    """The lines below the table: counts of every kind, then one note each for all that qualifies the scores.

    replies: up to three raw replies of each suspicious subset; shown trimmed, control characters made visible.
    """
    return [text for text, _ in note_lines(summary, width=width, replies=replies)]


def note_lines(
    summary: RunSummary, *, width: int, replies: Replies | None = None
) -> Iterator[tuple[str, Remark | None]]:
    """`notes`, each line with the remark it belongs to, for colouring."""
    if summary.benchmarks:
        for line in wrap(counts_sentence(summary), width, indent=2):
            yield line, None
    for remark in remarks(summary, replies):
        for line in wrap(remark.text, width, indent=2):
            yield line, remark
        for reply in remark.replies:
            for number, line in enumerate(excerpt(reply, width=max(8, width - 4))):
                yield ("  | " if number == 0 else "  : ") + line, remark


def gate_text(gate: GateVerdict, *, width: int | None = None) -> list[str]:
    """The lines of one gate."""
    name, reason = one_line(gate.name), one_line(gate.reason)
    # Reasons that name their gate already need no second mention.
    is_named = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", reason) is not None
    text = sentences(f"gate {one_line(gate.label)}: {reason if is_named else f'{name}: {reason}'}")
    return wrap(text, width, indent=2) if width is not None else [text]


def _columns(rows: Sequence[ScoreRow], model: str) -> tuple[_Cells, ...]:
    found = [_Cells("Model", ("", "Model"), (model,) * len(rows), is_model=True)] if model else []
    for column in shown_columns(rows):
        # Twenty months below one subset need its name once.
        cells = tuple("" if column is DATASET and row.is_part else column.value(row) for row in rows)
        stacked = column.stacked if any(column.stacked) else ("", column.head)
        found.append(
            _Cells(column.head, stacked, cells, is_name=column in NAME_COLUMNS, is_count=column in COUNT_COLUMNS)
        )
    return tuple(found)


def _fitting(columns: tuple[_Cells, ...], width: int) -> _Layout:
    """The first layout that fits, by the order that `score_table` states."""
    without_model = tuple(column for column in columns if not column.is_model)
    figures = tuple(column for column in without_model if not column.is_count)
    below = tuple(column for column in without_model if column.is_count)
    tries = [
        _natural(columns, is_stacked=False),
        _natural(columns, is_stacked=True),
        _natural(without_model, is_stacked=False),
        _natural(without_model, is_stacked=True),
        *([] if below else [_natural(figures, is_stacked=True, gap=1)]),
        _narrowed(_natural(without_model, is_stacked=True), width),
        _narrowed(_natural(without_model, is_stacked=True, gap=1), width),
        _natural(figures, is_stacked=True, below=below),
        _natural(figures, is_stacked=True, gap=1, below=below),
        _narrowed(_natural(figures, is_stacked=True, below=below), width),
        _narrowed(_natural(figures, is_stacked=True, gap=1, below=below), width),
    ]
    return next((layout for layout in tries if layout.total <= width), tries[-1])


def _natural(columns: tuple[_Cells, ...], *, is_stacked: bool, gap: int = 2, below: tuple[_Cells, ...] = ()) -> _Layout:
    return _Layout(columns, tuple(column.width(is_stacked=is_stacked) for column in columns), is_stacked, gap, below)


def _narrowed(layout: _Layout, width: int) -> _Layout:
    """The layout with its widest names narrowed, as far as needed and no further than _NAME_WIDTH."""
    widths = list(layout.widths)
    names = [number for number, column in enumerate(layout.columns) if column.is_name]
    excess = layout.total - width
    while excess > 0 and names:
        widest = max(names, key=lambda number: widths[number])
        if widths[widest] <= _NAME_WIDTH:
            break
        widths[widest] -= 1
        excess -= 1
    return replace(layout, widths=tuple(widths))


def _header(layout: _Layout) -> list[str]:
    if not layout.is_stacked:
        return [_joined(layout, [column.header for column in layout.columns])]
    return [_joined(layout, [column.stacked[line] for column in layout.columns]) for line in (0, 1)]


def _row(layout: _Layout, number: int) -> list[str]:
    cells = []
    for column, width in zip(layout.columns, layout.widths, strict=True):
        text = column.cells[number]
        cells.append(wrap_name(text, width) if column.is_name else [text])
    height = max(len(cell) for cell in cells)
    lines = [_joined(layout, [cell[line] if line < len(cell) else "" for cell in cells]) for line in range(height)]
    counts = [(column.cells[number], column.header.lower()) for column in layout.below]
    shown = [f"{count} {name}" for count, name in counts if count not in ("0", NONE)]
    return [*lines, *(f"  {line}" for line in wrap(", ".join(shown), MIN_WIDTH - 2))] if shown else lines


def _joined(layout: _Layout, cells: Sequence[str]) -> str:
    padded = [
        pad(cell, width, right=not (column.is_name or column.is_model))
        for cell, width, column in zip(cells, layout.widths, layout.columns, strict=True)
    ]
    return (" " * layout.gap).join(padded).rstrip()
