"""The published answers of whole data sets grade right, and each other's wrong."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from pytest_modeleval.graders import grade_choice, grade_math
from pytest_modeleval.graders.numbers import parse_number
from pytest_modeleval.records import Kind, Response, Sample

DATA = Path(os.environ.get("MODELEVAL_DATA") or Path(__file__).parents[3] / "shared" / "data")


def rows(name: str) -> list[dict[str, Any]]:
    """All rows of one file of the shared data; skips where it is absent."""
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"no data: {name} (set MODELEVAL_DATA)")
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def check(golds: list[str], form: str) -> None:
    """Every answer is right for its own question; the next question's only where both are the same number."""
    for own, other in zip(golds, golds[1:] + golds[:1], strict=True):
        right = grade_math(Sample(target=own), Response(text=form.format(own)))
        assert right.kind is Kind.RIGHT, (own, right)
        if parse_number(own) is not None and parse_number(other) is not None:
            wrong = grade_math(Sample(target=own), Response(text=form.format(other)))
            assert (wrong.kind is Kind.RIGHT) == (parse_number(own) == parse_number(other)), (own, other, wrong)


@pytest.mark.parametrize("form", ["\\boxed{{{}}}", "So it is $\\boxed{{{}}}$.", "ANSWER: {}"])
@pytest.mark.parametrize("name", ["aime25/default.jsonl", "math_500/test.jsonl"])
def test_answers_of_mathematics(name: str, form: str) -> None:
    """AIME 2025 and MATH-500."""
    check([str(row["answer"]) for row in rows(name)], form)


@pytest.mark.parametrize("form", ["ANSWER: {}", "ANSWER: ${}.00", "\\boxed{{{}}}", "ANSWER: {} dollars"])
def test_answers_of_gsm8k(form: str) -> None:
    """The number after the four hashes, and every one of them is read as a number."""
    golds = [row["answer"].rpartition("####")[2].strip() for row in rows("gsm8k/test.jsonl")]
    assert all(parse_number(gold) is not None for gold in golds)
    check(golds, form)


@pytest.mark.parametrize("name", ["iquiz/IQ.jsonl", "iquiz/EQ.jsonl"])
def test_answers_of_iquiz(name: str) -> None:
    """The answer's letter in the Chinese form."""
    for row in rows(name):
        sample = Sample(choices=tuple(row["choices"]), target=row["answer"])
        assert grade_choice(sample, Response(text=f"所以，\n答案：{row['answer']}")).kind is Kind.RIGHT
