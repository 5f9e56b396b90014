"""The requests of an operating point as evidence for or against a promise. Pure."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import numpy as np

from pytest_modeleval.gates.block_tests import (
    BLOCKS,
    LEAST_BLOCKS,
    Requests,
    alikeness,
    block_means,
    mean_p_values,
    ranks,
    share_test,
)
from pytest_modeleval.gates.exact_tests import Floats
from pytest_modeleval.gates.point_finding import PointFinding, PointScope
from pytest_modeleval.gates.point_rules import INTERVAL
from pytest_modeleval.stress.columns import Columns
from pytest_modeleval.stress.series import Series
from pytest_modeleval.stress.slo import Slo

# With fewer, ci/simulate_stress_gates.py finds more false alarms than alpha: an open loop has a queue without bound.
LEAST_CLOSED, LEAST_OPEN = 60, 200
# As many independent requests would say as much (Series.effective).
LEAST_EFFECTIVE = 50
_BLOCK = 5
# A microsecond: smaller differences of two latencies are rounding.
_DIGITS = 6

NO_TIMINGS = "the timings of its requests are not in the run folder"


def read_columns(scope: PointScope, objective: Slo | None = None) -> Columns | None:
    """The requests of a point; None where their timings are not kept."""
    return Columns.read(scope.timings(), objective) if scope.timings is not None else None


def latency_requests(columns: Columns, name: str, limit: float) -> Requests:
    """The requests of the steady phase, by whether their latency is above a limit. One that failed is above any."""
    if name == INTERVAL:
        return _interval_requests(columns, limit)
    steady = columns.where("is_steady")
    levels = np.where(columns.where("is_complete"), columns[name], inf)[steady]
    levels = _rounded(levels[~np.isnan(levels)])
    return Requests((levels > limit).astype(np.float64), np.ones(len(levels)), levels)


def _interval_requests(columns: Columns, limit: float) -> Requests:
    """Complete requests by their token intervals above a limit."""
    series = columns.intervals()
    _, owner = np.unique(series.owners, return_inverse=True)
    weights = series.weights.astype(np.float64)
    trials = np.bincount(owner, weights=weights).astype(np.float64)
    hits = np.bincount(owner, weights=weights * (series.values > limit)).astype(np.float64)
    sums = np.bincount(owner, weights=weights * series.values)
    return Requests(hits, trials, _rounded(sums / np.maximum(trials, 1.0)))


def _rounded(values: Floats) -> Floats:
    return np.asarray(np.round(values, _DIGITS), dtype=np.float64)


def bad_requests(columns: Columns) -> Requests:
    """The requests of the steady phase, by whether they broke the objective that the columns were read with."""
    steady = columns.where("is_steady")
    levels = np.where(columns.where("is_complete"), columns["e2e"], inf)[steady]
    return Requests(1.0 - columns["is_good"][steady], np.ones(len(levels)), levels)


def num_blocks(requests: int) -> int:
    """Into how many blocks so many requests are split."""
    return min(BLOCKS, max(LEAST_BLOCKS, requests // _BLOCK))


def requests_obstacle(scope: PointScope, requests: Requests) -> str:
    """Why the requests of a point prove nothing; "" if they can."""
    number, is_open = len(requests.levels), scope.result.concurrency is None
    least = LEAST_OPEN if is_open else LEAST_CLOSED
    if number < least:
        return f"expected at least {least} requests of the steady phase, found {number}; measure it longer"
    order = ranks(requests.levels)
    effective = Series.of_requests(order).effective(order - order.mean())
    if effective >= LEAST_EFFECTIVE and alikeness(block_means(order, num_blocks(number))) <= 1.0:
        return ""
    if is_open and scope.result.facts.get("is_saturated"):
        return "the server does not keep up with this rate: latencies grow for as long as the point goes on"
    return (
        f"its {number} requests resemble their neighbours, or drift, so that they say as much as {effective:.0f} "
        "independent ones at most; measure it longer, after more warm-up, or at a lower load"
    )


def share_finding(scope: PointScope, requests: Requests, allowed: float) -> PointFinding:
    """The share of requests that break the promise against the share that may. Its value is left to the kind."""
    number = len(requests.levels)
    found = PointFinding(point=scope.result.point, num=number, failed=int(np.isinf(requests.levels).sum()))
    if obstacle := requests_obstacle(scope, requests):
        return replace(found, obstacle=obstacle)
    share = share_test(requests, allowed, blocks=num_blocks(number))
    return replace(found, p=share.p_above, p_held=share.p_below, share=share)


def mean_finding(scope: PointScope, columns: Columns, name: str) -> PointFinding:
    """The mean of a latency over the complete requests against the gate's limit."""
    series = columns.intervals() if name == INTERVAL else columns.latencies(name)
    _, owner = np.unique(series.owners, return_inverse=True)
    weights = np.bincount(owner, weights=series.weights).astype(np.float64)
    sums = np.bincount(owner, weights=series.values * series.weights)
    levels = _rounded(sums / weights)
    found = PointFinding(point=scope.result.point, num=len(levels))
    if obstacle := requests_obstacle(scope, Requests(weights, weights, levels)):
        return replace(found, obstacle=obstacle)
    above, below = mean_p_values(levels, weights, scope.gate.limit, blocks=num_blocks(len(levels)))
    return replace(found, p=above, p_held=below)
