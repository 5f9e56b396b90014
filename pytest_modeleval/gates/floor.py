"""The gate kind "floor": the score must not be below a limit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pytest_modeleval._support.schema import required
from pytest_modeleval.gates.evidence import question_values, questions_by_subset
from pytest_modeleval.gates.gate import Gate, GateKind, Side
from pytest_modeleval.gates.mean_test import measure_mean
from pytest_modeleval.gates.measurement import Measurement, cannot_judge
from pytest_modeleval.gates.number_text import bound_text, points, score_text
from pytest_modeleval.gates.rules import ANY_NUMBER, SHARE, TEST
from pytest_modeleval.gates.scope import Claim, PlannedScope, Scope, impossible
from pytest_modeleval.metrics import Question, subset_weights
from pytest_modeleval.records import Outcome


def _check(table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if table.get("measure"):
        return
    if table.get("floor") == 0:
        yield "floor", "expected a fraction above 0; no score is below 0"


def _parse(table: Mapping[str, Any]) -> dict[str, Any]:
    return {"limit": float(table["floor"]), "test": table.get("test", "confident")}


def _measure(scope: Scope) -> Measurement:
    gate = scope.gate
    values = question_values(scope.now, scope.metric)
    shares: dict[str, float] | None = None
    if gate.aggregate:
        shares = subset_weights(scope.declared, gate.aggregate, questions_by_subset(values))
        if shares is None:
            return cannot_judge(gate, f"{gate.scope}: not all of its parts have a score; run its missing parts")
        values = {question: found for question, found in values.items() if question[0] in shares}
    found = replace(measure_mean(gate, values, gate.limit, is_floor=True, shares=shares), metric=scope.metric)
    if scope.aggregate is not None and not found.obstacle:
        # The interval of an aggregate is that of the score table: its parts have intervals of their own.
        found = replace(found, low=scope.aggregate.low, high=scope.aggregate.high)
    return found


def _observe(planned: PlannedScope) -> Claim:
    gate = planned.gate
    weights = planned.weights_of(planned.questions)
    if not weights:
        return impossible(planned.questions, f"{gate.scope}: not all of its parts are in this run")
    heaviest = max(weights.values())

    def shortfall(question: Question, outcomes: Sequence[Outcome]) -> float | None:
        value = question_values(outcomes, planned.metric)[question].value
        return None if value is None else float(np.round((gate.limit - value) * weights[question], 12))

    return Claim(list(weights), shortfall, (1.0 - gate.limit) * heaviest, gate.limit * heaviest)


def _explain(found: Measurement, verdict: str) -> str:
    return f"{score_text(found)} {bound_text(found, verdict, f'below its floor {found.gate.limit:.4f}')}"


def _sensitivity(_gate: Gate, effect: float) -> str:
    return f"a true score {points(effect)} below the floor is the nearest found four times in five"


FLOOR = GateKind(
    name="floor",
    side=Side.BELOW,
    rules={
        "floor": required(SHARE),
        "test": TEST,
    },
    measured_rules={"floor": required(ANY_NUMBER)},
    check=_check,
    parse=_parse,
    label=lambda _gate: "floor",
    measure=_measure,
    observe=_observe,
    can_pass_early=lambda _gate: True,
    explain=_explain,
    effect="distance beyond the limit",
    sensitivity=_sensitivity,
)
