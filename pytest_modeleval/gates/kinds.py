"""The kinds of gates there are. A new kind is a module of its own, a row here, and its paragraph in docs/gates.md."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_modeleval.gates.ceiling import CEILING
from pytest_modeleval.gates.floor import FLOOR
from pytest_modeleval.gates.gate import GateKind
from pytest_modeleval.gates.judge_gate import JUDGE
from pytest_modeleval.gates.regression import REGRESSION

KINDS: Mapping[str, GateKind] = {kind.name: kind for kind in (FLOOR, REGRESSION, CEILING, JUDGE)}
