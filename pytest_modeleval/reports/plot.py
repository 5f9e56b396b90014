"""A drawing of curves: coordinates and marks for an inline SVG, and the same numbers as a table. Pure, no HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from pytest_modeleval.reports.plot_axis import Axis, mark_text

# The plane of the curves, in a drawing of 360 by 230.
LEFT, RIGHT, TOP, BOTTOM = 50, 348, 12, 192
# As many as there are colours in the style sheet.
MOST_LINES = 6
_MOST_DOTS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class PlotLine:
    """One curve."""

    label: str
    """Where `label_key` is "": the name of a point or a quantile."""
    label_key: str = ""
    """Its text in texts.json."""
    css: str
    """The class of its colour and dashes."""
    path: str
    """"x,y x,y ..." in the units of the drawing; "" where it has fewer than two points."""
    dots: tuple[tuple[float, float, str], ...] = ()
    """x, y and the text of each marked point."""
    bars: tuple[tuple[float, float, float, float], ...] = ()
    """x1, y1, x2, y2 of the intervals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """One drawing. Texts are keys of texts.json."""

    key: str
    """Of its caption."""
    subject: str = ""
    """What follows the caption, such as the name of a point."""
    x_key: str
    y_key: str
    x_marks: tuple[tuple[float, str], ...]
    y_marks: tuple[tuple[float, str], ...]
    lines: tuple[PlotLine, ...]
    heads: tuple[str, ...]
    """Heads of the table, but for the first, which names the point; keys of texts.json, or names of measures."""
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Series:
    """Values before they become a curve."""

    label: str
    label_key: str
    values: tuple[tuple[float, float], ...]
    texts: tuple[str, ...] = ()
    spans: tuple[tuple[float, float, float, float], ...] = ()
    """x1, y1, x2, y2 of the intervals, in the units of the values."""


def draw_plot(
    key: str,
    series: Sequence[Series],
    axes: tuple[str, str],
    heads: Sequence[str],
    rows: Sequence[tuple[str, ...]],
    *,
    subject: str = "",
    x_axis: Axis | None = None,
    x_marks: Sequence[tuple[float, str]] = (),
    may_be_log: bool = True,
) -> Plot | None:
    """Draw the series; None where there is no value. axes: keys of the titles of x and y.

    x_axis, x_marks: where the values alone do not say them.
    """
    xs, ys = _reach(series, 0), _reach(series, 1)
    if not ys:
        return None
    x = x_axis or Axis.over(xs, LEFT, RIGHT, may_be_log=False)
    y = Axis.over(ys, BOTTOM, TOP, may_be_log=may_be_log)
    return Plot(
        key=key,
        subject=subject,
        x_key=axes[0],
        y_key=axes[1],
        x_marks=tuple(x_marks) or _marks(x),
        y_marks=_marks(y),
        lines=tuple(_line(each, place, x, y) for place, each in enumerate(series)),
        heads=tuple(heads),
        rows=tuple(rows),
    )


def _reach(series: Sequence[Series], place: int) -> list[float]:
    """All values of one axis, those of the intervals included."""
    values = [pair[place] for each in series for pair in each.values]
    return values + list(chain.from_iterable((span[place], span[place + 2]) for each in series for span in each.spans))


def _marks(axis: Axis) -> tuple[tuple[float, str], ...]:
    return tuple((axis.at(value), mark_text(value)) for value in axis.marks())


def _line(series: Series, place: int, x: Axis, y: Axis) -> PlotLine:
    at = [(x.at(value), y.at(height)) for value, height in series.values]
    texts = series.texts if len(at) <= _MOST_DOTS else ()
    return PlotLine(
        label=series.label,
        label_key=series.label_key,
        css=f"s-{place % MOST_LINES}",
        path=" ".join(f"{across},{down}" for across, down in at) if len(at) > 1 else "",
        dots=tuple((*spot, text) for spot, text in zip(at, texts, strict=False)),
        bars=tuple((x.at(x1), y.at(y1), x.at(x2), y.at(y2)) for x1, y1, x2, y2 in series.spans),
    )
