"""Modules and functions stay small enough to be read: the bars of docs/architecture.md, measured by radon."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from radon.complexity import cc_visit  # type: ignore[import-untyped]

ROOT = Path(__file__).parent.parent
CODE = sorted(file for room in ("pytest_modeleval", "benchmarks") for file in (ROOT / room).rglob("*.py"))
MOST_LINES = 350
MOST_FUNCTION_LINES = 80
MOST_COMPLEXITY = 15
MEAN_COMPLEXITY = 3.5


@pytest.mark.parametrize("file", CODE, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_module_is_short_and_its_functions_are_simple(file: Path) -> None:
    """At most 350 lines a module, 80 lines a function, cyclomatic complexity 15."""
    source = file.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= MOST_LINES
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or node.lineno) - node.lineno < MOST_FUNCTION_LINES, node.name
    too_complex = [
        f"{block.name}: {block.complexity}" for block in cc_visit(source) if block.complexity > MOST_COMPLEXITY
    ]
    assert not too_complex


def test_the_mean_complexity_is_low() -> None:
    """Over all functions, methods and classes: at most 3.5."""
    blocks = [block.complexity for file in CODE for block in cc_visit(file.read_text(encoding="utf-8"))]
    assert sum(blocks) / len(blocks) <= MEAN_COMPLEXITY
