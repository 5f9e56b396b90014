"""The curves of operating points as drawings, with the same numbers as rows of a table. Pure, no HTML."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pytest_modeleval.reports.plot import LEFT, MOST_LINES, RIGHT, Plot, Series, draw_plot
from pytest_modeleval.reports.plot_axis import Axis
from pytest_modeleval.reports.point_rows import interval_text, ordered, value_text
from pytest_modeleval.reports.text_layout import one_line
from pytest_modeleval.stress.point import Instant, PointFigure, PointResult

_CURVES = ("ttft", "tpot", "response", "e2e")
_QUANTILES = (0.5, 0.9, 0.99, 0.999)
_MOST_ROWS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadPlots:
    """The drawings of one workload."""

    workload: str
    curves: tuple[Plot, ...]
    timelines: tuple[Plot, ...]
    undrawn: tuple[tuple[str, str], ...]
    """Points that cannot be judged, and why; they are in no curve, but have a timeline."""


def workload_plots(points: Sequence[PointResult]) -> list[WorkloadPlots]:
    """The drawings of every workload, in the order of the points."""
    shown = ordered(points)
    return [
        _workload(workload, [point for point in shown if point.workload == workload])
        for workload in dict.fromkeys(point.workload for point in shown)
    ]


def _workload(workload: str, points: Sequence[PointResult]) -> WorkloadPlots:
    judged = [point for point in points if not point.unjudged]
    curves = (
        _throughput_plot(judged),
        *(_rate_plot(judged, measure) for measure in ("ttft", "tpot")),
        *(_percentile_plot(judged, measure) for measure in _CURVES),
    )
    return WorkloadPlots(
        workload=one_line(workload),
        curves=tuple(plot for plot in curves if plot is not None),
        timelines=tuple(plot for point in points for plot in _timelines(point)),
        undrawn=tuple((one_line(point.label), one_line(point.unjudged)) for point in points if point.unjudged),
    )


def _throughput_plot(points: Sequence[PointResult]) -> Plot | None:
    """Output tokens a second over the median time of a response, from the schedule where there is one."""

    def latency(point: PointResult) -> str:
        return "response_p50" if "response_p50" in point.figures else "e2e_p50"

    series = _by_loop(points, latency, lambda _: "output_tok_s")
    rows = [_table_row(point, (latency(point), "output_tok_s")) for point in points]
    heads = ("points.axis_median", "output_tok_s")
    return draw_plot("points.throughput", series, ("points.axis_median", "points.axis_tokens"), heads, rows)


def _rate_plot(points: Sequence[PointResult], measure: str) -> Plot | None:
    """p50 and p95 of a latency over the requests that ended in a second."""
    series = [
        found
        for quantile in ("p50", "p95")
        for found in _by_loop(points, lambda _: "req_s", lambda _, name=f"{measure}_{quantile}": name, quantile)  # type: ignore[misc] # a default is no parameter
    ]
    names = ("req_s", f"{measure}_p50", f"{measure}_p95")
    rows = [_table_row(point, names) for point in points]
    return draw_plot(f"points.{measure}_by_rate", series, ("points.axis_rate", f"points.axis_{measure}"), names, rows)


def _by_loop(
    points: Sequence[PointResult],
    x_of: Callable[[PointResult], str],
    y_of: Callable[[PointResult], str],
    label: str = "",
) -> list[Series]:
    """A series of the closed loops and one of the open ones; points that lack a value are left out."""
    found = []
    for is_open, key in ((False, "points.closed"), (True, "points.open")):
        pairs = [
            (point, x, y)
            for point in points
            if (point.concurrency is None) == is_open
            and (x := point.figures.get(x_of(point))) is not None
            and (y := point.figures.get(y_of(point))) is not None
            and x.value is not None
            and y.value is not None
        ]
        if pairs:
            values = tuple((_shown(x), _shown(y)) for _, x, y in pairs)
            texts = tuple(
                f"{one_line(point.load)}: {value_text(y)} ({interval_text(y)}), {value_text(x)}"
                for point, x, y in pairs
            )
            found.append(Series(label, key, values, texts, tuple(span for _, x, y in pairs for span in _spans(x, y))))
    return found


def _shown(figure: PointFigure) -> float:
    return (figure.value or 0.0) * _factor(figure)


def _factor(figure: PointFigure) -> float:
    """Times are drawn in milliseconds."""
    return 1000.0 if figure.unit == "s" else 1.0


def _spans(x: PointFigure, y: PointFigure) -> Iterator[tuple[float, float, float, float]]:
    if x.low is not None and x.high is not None:
        yield x.low * _factor(x), _shown(y), x.high * _factor(x), _shown(y)
    if y.low is not None and y.high is not None:
        yield _shown(x), y.low * _factor(y), _shown(x), y.high * _factor(y)


def _table_row(point: PointResult, names: Sequence[str]) -> tuple[str, ...]:
    return one_line(point.label), *(_cell(point.figures.get(name)) for name in names)


def _cell(figure: PointFigure | None) -> str:
    if figure is None or figure.value is None:
        return "-"
    return f"{value_text(figure)} ({interval_text(figure)}, n={figure.num:,})"


def _percentile_plot(points: Sequence[PointResult], measure: str) -> Plot | None:
    """Percentiles of a latency, one curve for each point; the axis stretches the tail."""
    shown = _spread([point for point in points if len(point.curves.get(measure, ())) > 1], MOST_LINES)
    series = [
        Series(one_line(point.load), "", tuple((_tail(q), 1000 * value) for q, value in point.curves[measure]))
        for point in shown
    ]
    heads = tuple(f"p{100 * q:g}" for q in _QUANTILES)
    rows = [
        (one_line(point.label), *(_cell(point.figures.get(f"{measure}_{head}")) for head in heads)) for point in shown
    ]
    most = max((x for each in series for x, _ in each.values), default=1.0)
    axis = Axis(0.0, max(most, 1.0), LEFT, RIGHT)
    marks = tuple((axis.at(_tail(q)), f"p{100 * q:g}") for q in (0.0, *_QUANTILES) if _tail(q) <= axis.high)
    keys = ("points.axis_percentile", f"points.axis_{measure}")
    return draw_plot(f"points.{measure}_percentiles", series, keys, heads, rows, x_axis=axis, x_marks=marks)


def _tail(q: float) -> float:
    """0 at the smallest value, 1 at the 90th percentile, 2 at the 99th."""
    return -math.log10(1.0 - min(q, 0.99999))


def _spread(points: Sequence[PointResult], most: int) -> list[PointResult]:
    """At most so many of them, the first and the last among them."""
    if len(points) <= most:
        return list(points)
    return [points[round(place * (len(points) - 1) / (most - 1))] for place in range(most)]


def _timelines(point: PointResult) -> Iterator[Plot]:
    """Requests in flight, and tokens a second, over the time of the point."""
    kinds: tuple[tuple[str, Callable[[Instant], float]], ...] = (
        ("in_flight", lambda instant: instant.in_flight),
        ("tokens", lambda instant: instant.tokens_per_s),
    )
    for kind, value in kinds:
        series = [Series("", f"points.axis_{kind}", tuple((each.at_s, value(each)) for each in point.timeline))]
        rows = [
            (f"{each.at_s:.2f} s", f"{value(each):,.1f}")
            for each in point.timeline[:: max(1, -(-len(point.timeline) // _MOST_ROWS))]
        ]
        if len(point.timeline) > 1:
            keys = ("points.axis_time", f"points.axis_{kind}")
            found = draw_plot(
                f"points.{kind}_timeline",
                series,
                keys,
                (keys[1],),
                rows,
                subject=one_line(point.label),
                may_be_log=False,
            )
            yield from () if found is None else (found,)
