"""The gate kind "latency": a quantile or the mean of a latency must be below a limit at an operating point.

It judges both ways: it fails where the claim "the limit is kept" is rejected, passes where "it is broken" is, and
cannot judge in between. The 95th percentile is at most the limit where at most 5 % of the requests are above it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from pytest_modeleval._support import suggest
from pytest_modeleval._support.schema import number, required
from pytest_modeleval.gates.gate import Gate, GateKind, Side
from pytest_modeleval.gates.point_finding import PointFinding, PointScope
from pytest_modeleval.gates.point_format import figure_text, percent, unit_text
from pytest_modeleval.gates.point_kind import no_claim, no_question
from pytest_modeleval.gates.point_requests import (
    NO_TIMINGS,
    latency_requests,
    mean_finding,
    read_columns,
    share_finding,
)
from pytest_modeleval.gates.point_rules import (
    DURATION,
    INTERVAL,
    LATENCY_FIGURES,
    MEAN,
    POINT,
    check_keys,
    figure_name,
    of_points,
    seconds,
)
from pytest_modeleval.stress.request_values import QUANTILES


def _check(table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield from check_keys(table, "detect")
    name = figure_name(table)
    if name not in LATENCY_FIGURES:
        hint = (suggest.hint(name, LATENCY_FIGURES) if name else "") or "such as ttft_p95, tpot_mean, e2e_p99"
        yield "measure", f"expected a latency of an operating point, found {name or 'none'!r}; {hint}"


def _parse(table: Mapping[str, Any]) -> dict[str, Any]:
    return {**of_points(table), "limit": seconds(table["max"]) or 0.0, "measure": figure_name(table)}


def _measure_point(scope: PointScope) -> PointFinding:
    gate, result = scope.gate, scope.result
    name, _, statistic = gate.measure.rpartition("_")
    columns = read_columns(scope)
    if columns is None:
        return PointFinding(point=result.point, obstacle=NO_TIMINGS)
    found = (
        mean_finding(scope, columns, name)
        if statistic == MEAN
        else share_finding(scope, latency_requests(columns, name, gate.limit), 1.0 - QUANTILES[statistic])
    )
    figure = result.figures.get(gate.measure)
    if figure is None:
        return replace(found, unit="s")
    return replace(found, value=figure.value, low=figure.low, high=figure.high, unit=figure.unit)


def _explain_point(gate: Gate, found: PointFinding) -> str:
    seen, limit = figure_text(gate, found), unit_text(gate.limit, "s")
    if found.share is None:
        return f"{seen} against at most {limit}"
    name, _, statistic = gate.measure.rpartition("_")
    what = "token intervals" if name == INTERVAL else "requests"
    failed = f" ({found.failed} failed, which counts as above)" if found.failed and name != INTERVAL else ""
    allowed = percent(1.0 - QUANTILES[statistic])
    return f"{seen}: {percent(found.share.share)} of the {what}{failed} are above {limit}, {allowed} may be"


LATENCY = GateKind(
    name="latency",
    side=Side.ABOVE,
    rules={
        **POINT,
        "max": required(DURATION),
        "quantile": number(0.0, 1.0, is_open=True, is_share=True),
    },
    check=_check,
    parse=_parse,
    label=lambda _gate: "latency",
    measure=no_question,
    observe=no_claim,
    can_pass_early=lambda _gate: False,
    explain=lambda found, _verdict: found.statement,
    effect="slow-down",
    sensitivity=lambda _gate, _effect: "",
    measure_point=_measure_point,
    explain_point=_explain_point,
)
