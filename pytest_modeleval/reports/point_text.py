"""Operating points in the terminal and in Markdown. Results of points -> lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pytest_modeleval.reports.point_rows import (
    MAIN_MEASURES,
    FigureRow,
    figure_rows,
    missing_sentences,
    ordered,
    point_sentence,
)
from pytest_modeleval.reports.table_rows import NONE
from pytest_modeleval.reports.text_layout import display_width, one_line, pad, wrap
from pytest_modeleval.stress.point import PointResult

_HEADS = ("Measure", "Num", "Value", "95 % interval")


def point_lines(points: Sequence[PointResult], *, width: int, has_all: bool = False) -> list[str]:
    """A paragraph for each point: its name, what was sent, its figures in one table. Empty without points.

    width: columns of the terminal; names and numbers are never cut. has_all: all figures, not only the main ones.
    """
    shown = ordered(points)
    rows = {point.label: [row for row in figure_rows(point, has_all=has_all) if row.value != NONE] for point in shown}
    cells = [_cells(row) for each in rows.values() for row in each]
    sizes = [max(map(display_width, column)) for column in zip(_HEADS, *cells, strict=True)] if cells else []
    lines: list[str] = []
    for point in shown:
        lines += wrap(f"{one_line(point.label)}: {point_sentence(point)}", width, indent=2)
        if rows[point.label]:
            lines += [_line(_HEADS, sizes), *(_line(_cells(row), sizes) for row in rows[point.label])]
    for text in missing_sentences(shown):
        lines += wrap(text, width, indent=2)
    return lines


def _cells(row: FigureRow) -> tuple[str, ...]:
    return row.measure, row.num, row.value, row.interval


def _line(cells: Sequence[str], sizes: Sequence[int]) -> str:
    padded = [pad(cell, size, right=place > 0) for place, (cell, size) in enumerate(zip(cells, sizes, strict=True))]
    return f"  {'  '.join(padded)}".rstrip()


def point_table(points: Sequence[PointResult], escape: Callable[[str], str]) -> str:
    """The points as a Markdown table, a row for each; "" without points. escape: makes text of Markdown inert."""
    if not points:
        return ""
    shown = ordered(points)
    found = {point.label: {row.measure: row for row in figure_rows(point)} for point in shown}
    measures = [name for name in MAIN_MEASURES if any(name in rows for rows in found.values())]
    rows = [
        [
            escape(one_line(point.label)),
            *(_cell(found[point.label].get(name), escape) for name in measures),
            escape(point_sentence(point)),
        ]
        for point in shown
    ]
    heads = ["Point", *map(escape, measures), "Requests"]
    lines = [heads, ["---", *("---:" for _ in measures), "---"], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(row: FigureRow | None, escape: Callable[[str], str]) -> str:
    """The value, and in brackets its interval and the number of requests."""
    if row is None or row.value == NONE:
        return NONE
    shown = f"{row.interval}, " if row.interval != NONE else ""
    return escape(f"{row.value} ({shown}n={row.num})")
