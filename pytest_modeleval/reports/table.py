"""The table of the field, the notes below it and the gates, as plain text. A finished summary -> lines.

Plain ASCII columns with dashes under the header, no box: half the lines of the boxed table, one character less for each
column, and it comes out of a CI log, a grep or a mail as it went in. Three dots rather than one ellipsis character, for
logs that are not UTF-8.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pytest_modeleval.reports.columns import DATASET, NAME_COLUMNS, shown_columns
from pytest_modeleval.reports.remarks import Remark, Replies, remarks
from pytest_modeleval.reports.table_rows import ScoreRow, counts_sentence, score_rows
from pytest_modeleval.reports.text_layout import (
    display_width,
    excerpt,
    one_line,
    pad,
    sentences,
    shorten,
    wrap,
    wrap_name,
)
from pytest_modeleval.results import GateVerdict, RunSummary

# Counts of six digits next to three names of seven columns, one space apart.
MIN_WIDTH = 72
_MODEL_WIDTH = 8
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

    def width(self, *, is_stacked: bool) -> int:
        heads = self.stacked if is_stacked else (self.header,)
        return max(display_width(text) for text in (*heads, *self.cells))


@dataclass(frozen=True, slots=True)
class _Layout:
    columns: tuple[_Cells, ...]
    widths: tuple[int, ...]
    is_stacked: bool
    gap: int = 2

    @property
    def total(self) -> int:
        return sum(self.widths) + self.gap * (len(self.widths) - 1)


def score_table(summary: RunSummary, *, width: int, model_column: bool = True) -> list[str]:
    """The scores: one row for each subset, then one for each aggregate. Empty without benchmarks.

    width: columns of the terminal; below 72 it is taken as 72. No figure is ever cut. Where space is short, in this
    order: the model's name is shortened, headers take two lines, the model moves to a line of its own above the table,
    names of datasets and subsets break over lines.
    Columns for truncated, no answer and ungraded stand only where not all are 0.
    """
    rows = score_rows(summary)
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
        found.append(_Cells(column.head, stacked, cells, is_name=column in NAME_COLUMNS))
    return tuple(found)


def _fitting(columns: tuple[_Cells, ...], width: int) -> _Layout:
    """The first layout that fits, by the order that `score_table` states."""
    tries = [(columns, False), (columns, True)]
    without_model = tuple(column for column in columns if not column.is_model)
    tries += [(without_model, False), (without_model, True)]
    for tried, is_stacked in tries:
        layout = _shrunk(_natural(tried, is_stacked=is_stacked), width, least=_MODEL_WIDTH, of="is_model")
        if layout.total <= width:
            return layout
    layout = _shrunk(_natural(without_model, is_stacked=True), width, least=_NAME_WIDTH, of="is_name")
    return layout if layout.total <= width else _Layout(layout.columns, layout.widths, is_stacked=True, gap=1)


def _natural(columns: tuple[_Cells, ...], *, is_stacked: bool) -> _Layout:
    return _Layout(columns, tuple(column.width(is_stacked=is_stacked) for column in columns), is_stacked)


def _shrunk(layout: _Layout, width: int, *, least: int, of: str) -> _Layout:
    """The layout with the widest columns of one sort narrowed, as far as needed and no further than least."""
    widths = list(layout.widths)
    choices = [number for number, column in enumerate(layout.columns) if getattr(column, of)]
    excess = layout.total - width
    while excess > 0 and choices:
        widest = max(choices, key=lambda number: widths[number])
        if widths[widest] <= least:
            break
        widths[widest] -= 1
        excess -= 1
    return _Layout(layout.columns, tuple(widths), layout.is_stacked, layout.gap)


def _header(layout: _Layout) -> list[str]:
    if not layout.is_stacked:
        return [_joined(layout, [column.header for column in layout.columns])]
    return [_joined(layout, [column.stacked[line] for column in layout.columns]) for line in (0, 1)]


def _row(layout: _Layout, number: int) -> list[str]:
    cells = []
    for column, width in zip(layout.columns, layout.widths, strict=True):
        text = column.cells[number]
        cells.append(
            wrap_name(text, width) if column.is_name else [_short_model(text, width) if column.is_model else text]
        )
    height = max(len(cell) for cell in cells)
    return [_joined(layout, [cell[line] if line < len(cell) else "" for cell in cells]) for line in range(height)]


def _short_model(model: str, width: int) -> str:
    # The last part of "MiniMaxAI/MiniMax-M2" or of a path says more than the first.
    return model if display_width(model) <= width else shorten(model.rstrip("/").rsplit("/", 1)[-1], width)


def _joined(layout: _Layout, cells: Sequence[str]) -> str:
    padded = [
        pad(cell, width, right=not (column.is_name or column.is_model))
        for cell, width, column in zip(cells, layout.widths, layout.columns, strict=True)
    ]
    return (" " * layout.gap).join(padded).rstrip()
