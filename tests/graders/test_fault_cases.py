"""Faults that made scores wrong without a word, by number, and the grammar of docs/answers.md: a table of replies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_modeleval.graders import grade_choice, grade_contains, grade_exact, grade_math
from pytest_modeleval.records import Kind, Response, Sample

CASES = [json.loads(line) for line in Path(__file__).with_name("fault_cases.jsonl").read_text("utf-8").splitlines()]
GRADERS = {"choice": grade_choice, "math": grade_math, "exact": grade_exact, "contains": grade_contains}


@pytest.mark.parametrize(
    "case", CASES, ids=[f"{case['fault']}-{case['want']}-{number}" for number, case in enumerate(CASES, 1)]
)
def test_fault(case: dict[str, Any]) -> None:
    """The verdict is that of a careful human (the number in the id is the line of the file)."""
    choices = tuple(case.get("choices", ("p", "q", "r", "s") if case["grader"] == "choice" else ()))
    sample = Sample(question=case.get("question", "?"), choices=choices, target=case["target"])
    assert GRADERS[case["grader"]](sample, Response(text=case["reply"])).kind is Kind(case["want"])


def test_every_fault_has_cases() -> None:
    """The table covers F1 to F16, and each fault of mathematics with a right and a wrong reply."""
    faults = {case["fault"] for case in CASES}
    assert {f"F{number}" for number in range(1, 17)} <= faults
    wanted = {(case["fault"], case["want"]) for case in CASES}
    assert all((f"F{number}", want) in wanted for number in (*range(1, 10), 15) for want in ("right", "wrong"))
