"""Replies as they come, and the grade each must get: a table, in cases.jsonl."""

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_modeleval.graders import grade_choice, grade_exact, grade_math
from pytest_modeleval.records import Kind, Response, Sample

CASES = [json.loads(line) for line in Path(__file__).with_name("cases.jsonl").read_text("utf-8").splitlines()]
GRADERS = {"choice": grade_choice, "math": grade_math, "exact": grade_exact}


@pytest.mark.parametrize("case", CASES, ids=[f"{number}-{case['grader']}" for number, case in enumerate(CASES, 1)])
def test_case(case: dict[str, Any]) -> None:
    """Kind, extracted answer and cause are those of the table (the id is the line of the file)."""
    choices = tuple(f"option {letter}" for letter in case.get("letters", ""))
    sample = Sample(question="?", choices=choices, target=case["target"])
    grade = GRADERS[case["grader"]](sample, Response(text=case["output"]))
    assert (grade.kind, grade.answer) == (Kind(case["kind"]), case["answer"]), grade
    assert grade.value == (1.0 if grade.kind is Kind.RIGHT else 0.0)
    if grade.kind is Kind.NO_ANSWER:
        assert grade.cause == case["cause"]
    assert bool(grade.cause) == (grade.kind is not Kind.RIGHT)


def test_the_table_names_its_sources() -> None:
    """Every case says where it comes from, and every grader has cases of all three kinds."""
    assert all(case["source"] for case in CASES)
    assert {(case["grader"], case["kind"]) for case in CASES} == {
        (grader, kind) for grader in GRADERS for kind in ("right", "wrong", "no_answer")
    }
