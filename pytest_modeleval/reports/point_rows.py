"""Operating points as rows of text: every figure with its number of requests and its interval. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pytest_modeleval.reports.table_rows import NONE
from pytest_modeleval.reports.text_layout import counted, one_line
from pytest_modeleval.stress.point import PointFigure, PointResult

# Shown of each point that has them, in this order; all others follow where a report has room.
MAIN_MEASURES = (
    "slo_rate",
    "output_tok_s",
    "req_s",
    "ttft_p50",
    "ttft_p95",
    "tpot_p50",
    "tpot_p95",
    "response_p50",
    "response_p95",
    "e2e_p50",
    "e2e_p95",
    "goodput",
    "accuracy",
)
# In an open loop a user waits from the scheduled moment on; the time from sending hides a queue in the client.
_REPLACED = {"e2e_p50": "response_p50", "e2e_p95": "response_p95"}
_HINTS = {
    "ttft": "Time to the first token, of thinking, answer or tool call.",
    "ttft_answer": "Time to the first token after the thinking.",
    "itl": "Time between two tokens.",
    "tpot": "Time per token after the first, of one request.",
    "e2e": "Time from sending a request to the end of its response.",
    "response": "Time from the scheduled moment to the end of the response.",
    "queue": "Time in the server's queue, as the server says.",
    "output_tok_s": "Tokens of all replies per second of the steady window.",
    "input_tok_s": "Tokens of all prompts per second of the steady window.",
    "req_s": "Requests that ended per second of the steady window.",
    "goodput": "Share of the requests sent that kept the objective.",
    "goodput_req_s": "Requests per second that kept the objective.",
    "completed": "Share of the requests sent with a whole response.",
    "cached_share": "Share of the prompt tokens that came from the server's cache.",
    "ended_early": "Share of the responses that are shorter than asked for.",
    "send_lag": "Delay of this client in sending.",
    "receive_lag": "Delay of this client in reading.",
    "slo_rate": "The highest rate that keeps the objective, estimated from all rates of the search.",
    "accuracy": "Share of right answers of the benchmark that was asked.",
}
_SUFFIX = re.compile(r"_(mean|p\d+|whole)$")


@dataclass(frozen=True, slots=True)
class FigureRow:
    """A figure of a point."""

    point: str
    measure: str
    """Its name, as gates take it: "ttft_p95"."""
    num: str
    """Requests, or tokens, that it is made of."""
    value: str
    """With its unit; "-" where there is none."""
    interval: str
    """95 %, in the unit of the value; the reason where there is no value, "-" where a figure has no interval."""
    hint: str


def ordered(points: Sequence[PointResult]) -> list[PointResult]:
    """By workload as they come, closed loops before open ones, lightest load first; a search last."""
    workloads = list(dict.fromkeys(point.workload for point in points))
    return sorted(
        points,
        key=lambda point: (
            workloads.index(point.workload),
            point.load == "slo",
            point.concurrency is None,
            point.concurrency or 0,
            point.rate or 0,
        ),
    )


def figure_rows(point: PointResult, *, has_all: bool = False) -> list[FigureRow]:
    """The main figures of a point, or all; none of a point that cannot be judged unless all are asked for."""
    if point.unjudged and not has_all:
        return []
    main = [name for name in MAIN_MEASURES if name in point.figures and _REPLACED.get(name) not in point.figures]
    further = [name for name in point.figures if name not in main] if has_all else []
    return [_row(point, name, point.figures[name]) for name in (*main, *further)]


def _row(point: PointResult, name: str, figure: PointFigure) -> FigureRow:
    return FigureRow(
        point=one_line(point.label),
        measure=one_line(name),
        num=f"{figure.num:,}",
        value=value_text(figure),
        interval=interval_text(figure),
        hint=_HINTS.get(_SUFFIX.sub("", name), ""),
    )


def value_text(figure: PointFigure) -> str:
    """The value with its unit: milliseconds for times, a share from 0 to 1, else as it is."""
    if figure.value is None:
        return NONE
    unit = {"s": " ms", "share": ""}.get(figure.unit, f" {one_line(figure.unit)}".rstrip())
    return f"{number_text(figure.value, figure.unit)}{unit}"


def interval_text(figure: PointFigure) -> str:
    """The interval without a unit; why there is no value; "-" for a value without an interval."""
    if figure.value is None:
        return one_line(figure.missing) or NONE
    if figure.low is None or figure.high is None:
        return NONE
    return "-".join(number_text(end, figure.unit, like=figure.value) for end in (figure.low, figure.high))


def number_text(value: float, unit: str, *, like: float | None = None) -> str:
    """Three digits or more; seconds in milliseconds, shares with three decimals. like: decimals as this value has."""
    if unit == "share":
        return f"{value:.3f}"
    factor = 1000.0 if unit == "s" else 1.0
    size = abs(factor * (value if like is None else like))
    return f"{factor * value:,.{2 if size < 10 else 1 if size < 100 else 0}f}"


def point_sentence(point: PointResult) -> str:
    """What was sent at a point, what came back, how long it took; and why it cannot be judged, if so."""
    counts = f"{point.complete:,} of {counted(point.sent, 'request')} complete"
    failed = ", ".join(f"{count:,} {one_line(cause)}" for cause, count in point.failures.items())
    early = f"{point.ended_early:,} ended early" if point.ended_early else ""
    warm_up = f"{point.warm_up:,} of the warm-up" if point.warm_up else ""
    parts = [counts, *([f"failed: {failed}"] if failed else []), *filter(None, (early, warm_up))]
    text = f"{', '.join(parts)}; {point.seconds:,.1f} s, steady for {point.steady_s:,.1f} s"
    return f"{text}. Cannot be judged: {one_line(point.unjudged)}" if point.unjudged else text


def missing_sentences(points: Sequence[PointResult]) -> Iterator[str]:
    """For each reason why main figures have no value: which ones, of which point."""
    for point in points:
        reasons: dict[str, list[str]] = {}
        for row in figure_rows(point):
            if row.value == NONE:
                reasons.setdefault(row.interval, []).append(row.measure)
        for reason, measures in reasons.items():
            yield f"{one_line(point.label)}: no {', '.join(measures)}: {reason}"
