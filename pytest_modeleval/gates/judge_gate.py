"""The gate kind "judge": gates over judged benchmarks judge only where the judge is shown to be good enough.

Its burden of proof is the reverse of a floor's: it passes where the figure is above the limit beyond chance, and
otherwise it cannot judge. It never fails, since a poor judge says nothing about the model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import inf
from typing import Any

from pytest_modeleval._support.schema import TEXT, Rule, number, required
from pytest_modeleval.gates.gate import Gate, GateKind, Side
from pytest_modeleval.gates.measurement import Measurement, cannot_judge
from pytest_modeleval.gates.scope import Claim, PlannedScope, Scope, impossible
from pytest_modeleval.metrics import Measure, mean, ratio

# What a baseline of judge_check records; a benchmark of the same run may have measures of its own.
RECORDED: Mapping[str, Measure] = {
    measure.name: measure for measure in (ratio("agreement"), mean("kappa", low=-1.0), ratio("consistency"))
}
_UNUSABLE = ("aggregate", "detect")


def _is_name_or_list(value: object) -> bool:
    names = value if isinstance(value, list) else [value]
    return bool(names) and all(isinstance(name, str) and name for name in names)


_NAMES = Rule("the name of a benchmark, or a list of names", _is_name_or_list)


def _check(table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield from ((key, "a judge gate has none") for key in _UNUSABLE if key in table)
    if table.get("record"):
        yield from _check_record(table, table.get("measure", "agreement"))
    elif not table.get("benchmark"):
        yield "record", "expected the baseline of a judge_check run of the judge, or benchmark = ..., found neither"


def _check_record(table: Mapping[str, Any], measure: object) -> Iterator[tuple[str, str]]:
    """What a stored run cannot have."""
    limit = table.get("min")
    if measure not in RECORDED:
        yield "measure", f"expected {', '.join(RECORDED)}, found {measure!r}"
    elif isinstance(limit, int | float) and not RECORDED[str(measure)].low <= limit < 1.0:
        yield "min", f"expected a number below 1 for {measure}, found {limit:g}"


def _parse(table: Mapping[str, Any]) -> dict[str, Any]:
    judged = table["judged"]
    return {
        "limit": float(table["min"]),
        "judged": tuple(judged) if isinstance(judged, list) else (judged,),
        "record": table.get("record", ""),
        "benchmark": table.get("benchmark", "judge_check"),
        "measure": table.get("measure", "agreement"),
    }


def _measure(scope: Scope) -> Measurement:
    return cannot_judge(scope.gate, f"{scope.gate.scope}: expected a measure")


def _observe(planned: PlannedScope) -> Claim:
    return impossible(planned.questions, f"{planned.gate.scope}: expected a measure")


def _label(gate: Gate) -> str:
    return f"of the judge of {', '.join(gate.judged)}"


JUDGE = GateKind(
    name="judge",
    side=Side.SHOWN,
    rules={
        "judged": required(_NAMES),
        "min": required(number(-inf, inf)),
        "record": TEXT,
        "benchmark": TEXT,
    },
    check=_check,
    parse=_parse,
    label=_label,
    measure=_measure,
    observe=_observe,
    can_pass_early=lambda _gate: False,
    explain=lambda found, _verdict: found.statement,
    effect="distance above the limit",
    sensitivity=lambda _gate, _effect: "",
)
