"""MATH-500: 500 of the 5,000 test problems of MATH. See card.md."""

from __future__ import annotations

from pytest_modeleval import Grade, Subset, benchmark
from pytest_modeleval.datasets import huggingface
from pytest_modeleval.graders import grade_math

from ..math import BREAKDOWNS, to_request, to_sample


@benchmark(
    name="math_500",
    version="1",
    dataset=huggingface("HuggingFaceH4/MATH-500", split="test", local="math_500/test"),
    subsets=[Subset("test", size=500)],
    sample=to_sample,
    request=to_request,
    grade=grade_math,
    breakdowns=BREAKDOWNS,
)
def test_math_500(grade: Grade) -> None:
    assert grade, grade.explanation
