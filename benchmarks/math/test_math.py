"""MATH: 5,000 problems of competitions, answers in LaTeX. See card.md."""

from __future__ import annotations

from pytest_modeleval import Grade, Subset, benchmark
from pytest_modeleval.datasets import first_of, huggingface
from pytest_modeleval.graders import grade_math

from . import BREAKDOWNS, to_request, to_sample


@benchmark(
    name="math",
    version="1",
    # EleutherAI/hendrycks_math has the same rows in a configuration for each subject, DigitalLearningGmbH's in one.
    dataset=first_of(
        huggingface("DigitalLearningGmbH/MATH-lighteval", config="default", split="test", local="math/test"),
        huggingface("evalscope/competition_math", split="test", local="math/test"),
    ),
    subsets=[Subset("test", size=5000)],
    sample=to_sample,
    request=to_request,
    grade=grade_math,
    breakdowns=BREAKDOWNS,
)
def test_math(grade: Grade) -> None:
    assert grade, grade.explanation
