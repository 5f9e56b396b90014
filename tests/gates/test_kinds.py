"""A kind of gate is one object in a table: nothing outside of its module knows it by name."""

from __future__ import annotations

import ast
import json
from dataclasses import replace
from pathlib import Path

import pytest

import pytest_modeleval
from pytest_modeleval.gates import FAILED, EarlyStop, judge, kinds, parse_gates, seeded_order
from pytest_modeleval.gates.floor import FLOOR
from tests.support.gate_worlds import evidence, outcomes

MODULES = {"judge": "judge_gate"}
# Kinds that are named after a figure of operating points, which other modules name as well.
FIGURES = {"goodput"}
PACKAGE = Path(pytest_modeleval.__file__).parent


def kind_names(file: Path) -> set[str]:
    """The names of kinds that stand as texts in a module."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return texts & set(kinds.KINDS)


def test_only_a_kind_s_own_module_names_it() -> None:
    """Reading, judging, stopping early, texts and reports go through the table."""
    named = {
        file.relative_to(PACKAGE).as_posix(): found
        for room in ("gates", "runs", "reports", "store")
        for file in sorted((PACKAGE / room).rglob("*.py"))
        # The room exports a function `judge`, so that the module of that kind has a longer name.
        if file.name != "__init__.py" and (found := kind_names(file) - (FIGURES - {file.stem}))
    }
    assert named == {f"gates/{MODULES.get(name, name)}.py": {name} for name in sorted(kinds.KINDS)}


def test_the_schema_of_summary_json_knows_every_kind() -> None:
    """A verdict of any kind, or of none, is a valid summary."""
    schema = json.loads((PACKAGE / "store" / "summary.schema.json").read_text(encoding="utf-8"))
    assert set(schema["$defs"]["gate"]["properties"]["kind"]["enum"]) == {*kinds.KINDS, ""}


def test_a_new_kind_needs_nothing_but_its_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """With one more entry in the table, a gate of that kind is read, judged, explained and stopped early."""
    new = replace(
        FLOOR, name="minimum", label=lambda _gate: "minimum", explain=lambda found, _: f"saw {found.seen:.2f}"
    )
    monkeypatch.setitem(kinds.KINDS, "minimum", new)
    text = '[[gate]]\nkind = "minimum"\nbenchmark = "gsm8k"\nfloor = 0.8\n'
    gates = parse_gates(text)
    found = outcomes("w" * 200)
    (verdict,) = judge(gates, evidence(found), None)
    assert (verdict.name, verdict.kind, verdict.verdict) == ("gsm8k minimum", "minimum", FAILED)
    assert verdict.reason.startswith("saw 0.00 (one-sided p ")
    plan = seeded_order(list(found))
    state = EarlyStop(gates, plan, None, metrics={"gsm8k": "mean_acc"})
    for key in plan[:50]:
        state.observe(found[key])
    assert state.is_decided(gates.gates[0])
