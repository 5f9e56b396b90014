"""The kinds of gates there are. What a new kind needs: docs/architecture.md, "Where to change what"."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_modeleval.gates.ceiling import CEILING
from pytest_modeleval.gates.floor import FLOOR
from pytest_modeleval.gates.gate import Gate, GateKind, Side
from pytest_modeleval.gates.goodput import GOODPUT
from pytest_modeleval.gates.judge_gate import JUDGE
from pytest_modeleval.gates.latency import LATENCY
from pytest_modeleval.gates.regression import REGRESSION

KINDS: Mapping[str, GateKind] = {kind.name: kind for kind in (FLOOR, REGRESSION, CEILING, JUDGE, LATENCY, GOODPUT)}


def is_against_baseline(gate: Gate) -> bool:
    """Whether a gate compares with a baseline."""
    return KINDS[gate.kind].side is Side.WORSE and not gate.against
