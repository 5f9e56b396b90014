"""The gate kind "goodput": enough of the requests that were sent must keep an objective, at an operating point.

It judges both ways, as a latency gate does. A request that failed is not good.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from pytest_modeleval._support.distributions import score_interval
from pytest_modeleval._support.schema import number, required
from pytest_modeleval.gates.gate import Gate, GateKind, Side
from pytest_modeleval.gates.point_finding import PointFinding, PointScope
from pytest_modeleval.gates.point_format import figure_text, percent
from pytest_modeleval.gates.point_kind import no_claim, no_question
from pytest_modeleval.gates.point_requests import NO_TIMINGS, bad_requests, read_columns, share_finding
from pytest_modeleval.gates.point_rules import OBJECTIVE, POINT, check_keys, objective_text, of_points
from pytest_modeleval.stress.slo import Slo

NO_OBJECTIVE = 'it was measured without an objective; give the gate one: slo = {ttft = "1s", tpot = "50ms"}'


def _check(table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield from check_keys(table, "detect", "measure")


def _parse(table: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **of_points(table),
        "limit": float(table["min"]),
        "measure": GOODPUT.name,
        "objective": Slo.parse(objective_text(table["slo"])).text if "slo" in table else "",
    }


def _measure_point(scope: PointScope) -> PointFinding:
    gate, result = scope.gate, scope.result
    objective = gate.objective or str(result.facts.get("slo", ""))
    if not objective:
        return PointFinding(point=result.point, obstacle=NO_OBJECTIVE)
    columns = read_columns(scope, Slo.parse(objective))
    if columns is None:
        return PointFinding(point=result.point, obstacle=NO_TIMINGS)
    found = share_finding(scope, bad_requests(columns), 1.0 - gate.limit)
    if found.share is None:
        return found
    value = 1.0 - found.share.share
    low, high = score_interval(value, found.share.effective)
    return replace(found, value=value, low=low, high=high, unit="share", objective=objective)


def _explain_point(gate: Gate, found: PointFinding) -> str:
    failed = f", {found.failed} of them failed" if found.failed else ""
    return (
        f"{figure_text(gate, found)}: {percent(found.value or 0.0)} of the requests sent{failed} keep "
        f"{found.objective}, {percent(gate.limit)} must"
    )


GOODPUT = GateKind(
    name="goodput",
    side=Side.BELOW,
    rules={
        **POINT,
        "min": required(number(0.0, 1.0, is_open=True, is_share=True)),
        "slo": OBJECTIVE,
    },
    check=_check,
    parse=_parse,
    label=lambda _gate: "objective",
    measure=no_question,
    observe=no_claim,
    can_pass_early=lambda _gate: False,
    explain=lambda found, _verdict: found.statement,
    effect="shortfall",
    sensitivity=lambda _gate, _effect: "",
    measure_point=_measure_point,
    explain_point=_explain_point,
)
