"""What the kinds of gates that judge operating points alone have in place of questions. Pure."""

from __future__ import annotations

from pytest_modeleval.gates.measurement import Measurement, cannot_judge
from pytest_modeleval.gates.scope import Claim, PlannedScope, Scope, impossible

_NO_QUESTIONS = "it judges operating points, which have no questions"


def no_question(scope: Scope) -> Measurement:
    """Never asked for: such a gate is measured point by point."""
    return cannot_judge(scope.gate, f"{scope.gate.scope}: {_NO_QUESTIONS}")


def no_claim(planned: PlannedScope) -> Claim:
    """Never asked for: the claim of a gate over points is that of a gate over a measure."""
    return impossible(planned.questions, f"{planned.gate.scope}: {_NO_QUESTIONS}")
