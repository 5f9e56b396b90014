"""What a point measured: every figure with its interval. The formulas stand in docs/stress.md."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from itertools import pairwise
from math import floor

import numpy as np

from pytest_modeleval.stress import percentiles, steady, throughput
from pytest_modeleval.stress.columns import Columns
from pytest_modeleval.stress.loads import Load
from pytest_modeleval.stress.percentiles import Estimate
from pytest_modeleval.stress.point import PointFigure, PointResult
from pytest_modeleval.stress.request_values import LATENCIES, QUANTILES
from pytest_modeleval.stress.series import Floats, Series
from pytest_modeleval.stress.slo import Slo
from pytest_modeleval.stress.steady import Window
from pytest_modeleval.stress.timing import Timing

CURVE = (
    0.01,
    0.05,
    0.1,
    0.2,
    0.25,
    0.3,
    0.4,
    0.5,
    0.6,
    0.7,
    0.75,
    0.8,
    0.85,
    0.9,
    0.925,
    0.95,
    0.975,
    0.99,
    0.995,
    0.999,
)
BLOCKS = 10


def measure_point(
    name: str,
    workload: str,
    load: Load,
    timings: Iterable[Timing],
    *,
    slo: Slo | None = None,
    blocks: int = BLOCKS,
) -> PointResult:
    """The result of a point from the timings of its requests, in any order; they are read once.

    name: the point's, "chat-512-128@c16".
    slo: for `goodput`; without one there is no such figure.
    blocks: into how many parts in time each figure is split for comparisons of runs.
    """
    columns = Columns.read(timings, slo)
    whole = steady.whole_window(columns)
    window = steady.steady_window(columns, is_open=load.is_open)
    series = {measure: columns.latencies(measure) for measure in LATENCIES} | {"itl": columns.intervals()}
    figures: dict[str, PointFigure] = {}
    for measure, values in series.items():
        figures |= latency_figures(measure, values, blocks)
    figures |= throughput.figures(columns, window, whole, blocks)
    figures |= share_figures(columns, blocks, has_slo=slo is not None)
    figures |= lag_figures(columns)
    return PointResult(
        point=name,
        workload=workload,
        load=load.name,
        concurrency=load.concurrency,
        rate=load.rate,
        seconds=whole.seconds,
        steady_s=window.seconds,
        sent=columns.num,
        complete=int(columns.where("is_complete").sum()),
        failures=columns.failures,
        ended_early=int(columns.where("ended_early").sum()),
        warm_up=int(columns.where("is_warm_up").sum()),
        figures=figures,
        curves={measure: curve for measure, values in series.items() if (curve := curve_of(values))},
        timeline=steady.timeline(columns),
        facts=facts_of(columns, window, slo),
        unjudged="" if columns.measured.any() else "no request of the steady phase was answered",
    )


def latency_figures(measure: str, series: Series, blocks: int) -> dict[str, PointFigure]:
    """The mean and the quantiles of one latency; none at all where no request has it."""
    if not series.num:
        return {}
    parts = _parts(series, blocks)
    found = {f"{measure}_mean": figure(percentiles.mean(series), series, blocks=tuple(part.mean() for part in parts))}
    for suffix, q in QUANTILES.items():
        estimate = percentiles.quantile(series, q)
        of_blocks = tuple(part.quantile(q) for part in parts) if estimate else ()
        found[f"{measure}_{suffix}"] = figure(estimate, series, missing=_too_few(series, q), blocks=of_blocks)
    return found


def figure(
    estimate: Estimate | None,
    series: Series,
    *,
    missing: str = "",
    blocks: tuple[float, ...] = (),
    unit: str = "s",
    is_higher_better: bool = False,
) -> PointFigure:
    """The record of an estimate; `missing` says why there is none."""
    make = partial(PointFigure, num=series.num, unit=unit, is_higher_better=is_higher_better, blocks=blocks)
    if estimate is None:
        return make(value=None, missing=missing)
    return make(value=estimate.value, low=estimate.low, high=estimate.high, effective=round(estimate.effective, 1))


def _too_few(series: Series, q: float) -> str:
    """Why a series cannot carry a quantile."""
    effective = floor(percentiles.effective_at(series, series.quantile(q)) + 1e-9)
    noun = "one" if effective == 1 else "ones"
    same_as = "" if effective == series.num else f" that say as much as {effective} independent {noun}"
    return f"the {q * 100:g}th percentile needs {percentiles.needed_for(q)} requests, found {series.num}{same_as}"


def _parts(series: Series, blocks: int) -> list[Series]:
    """The series in so many parts in time, with the same number of requests each; none if they are too few."""
    owners = np.unique(series.owners)
    if owners.size < blocks or blocks < 2:
        return []
    edges = [int(part[0]) for part in np.array_split(owners, blocks)] + [int(owners[-1]) + 1]
    return [series.between(*pair) for pair in pairwise(edges)]


def share_figures(columns: Columns, blocks: int, *, has_slo: bool) -> dict[str, PointFigure]:
    """Shares of the requests sent: completed, good, ended early; and of the prompt's tokens that were cached."""
    is_steady = columns.where("is_steady")
    found = {"completed": share_figure(columns["is_complete"], blocks)}
    found["ended_early"] = share_figure(columns["ended_early"][columns.measured], blocks, is_higher_better=False)
    if has_slo:
        took = columns["ended"][is_steady] - columns["sent"][is_steady]
        found["goodput"] = share_figure(columns["is_good"][is_steady], blocks, cause=took)
    known = columns.measured & ~np.isnan(columns["cached_tokens"]) & (columns["prompt_tokens"] > 0)
    if known.any():
        cached, prompts = columns["cached_tokens"][known], columns["prompt_tokens"][known]
        value = float(cached.sum() / prompts.sum())
        found["cached_share"] = PointFigure(value=value, num=int(known.sum()), unit="share", is_higher_better=True)
    return {name: figure for name, figure in found.items() if figure.num}


def share_figure(
    is_true: Floats, blocks: int, *, cause: Floats | None = None, is_higher_better: bool = True
) -> PointFigure:
    """The figure of a share of requests, in the order of time."""
    series = Series.of_requests(is_true)
    of_blocks = tuple(part.mean() for part in _parts(series, blocks))
    estimate = percentiles.share(is_true, cause)
    return figure(estimate, series, unit="share", is_higher_better=is_higher_better, blocks=of_blocks)


def lag_figures(columns: Columns) -> dict[str, PointFigure]:
    """The client's own delays over all requests. They describe this run, so that no number of requests is too small."""
    return {
        f"{lag}_{suffix}": PointFigure(value=Series.of_requests(columns[lag]).quantile(q), num=columns.num)
        for lag in ("send_lag", "receive_lag")
        for suffix, q in (("p50", 0.5), ("p99", 0.99))
        if columns.num
    }


def curve_of(series: Series) -> tuple[tuple[float, float], ...]:
    """Quantile and value, as far out as the values carry."""
    if not series.num:
        return ()
    return tuple((q, estimate.value) for q in CURVE if (estimate := percentiles.quantile(series, q)))


def facts_of(columns: Columns, window: Window, slo: Slo | None) -> dict[str, object]:
    """How the figures came about."""
    exact = columns.where("is_exact")[columns.measured]
    counts = "unknown" if not columns.arrived.size else "exact" if exact.all() else "spread"
    facts: dict[str, object] = {
        "token_counts": counts,
        "steady_from_s": round(window.start, 6),
        "in_flight_mean": round(steady.mean_in_flight(columns, window), 3),
        "is_saturated": steady.is_saturated(columns, window),
    }
    return facts | ({"slo": slo.text} if slo else {})
