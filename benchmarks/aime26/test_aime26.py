"""AIME 2026: 30 problems of a mathematics competition, answers from 0 to 999. See card.md."""

from __future__ import annotations

from pytest_modeleval import Grade, Request, Sample, Subset, benchmark
from pytest_modeleval.datasets import Row, first_of, huggingface
from pytest_modeleval.graders import grade_math
from pytest_modeleval.prompts import boxed_prompt, user


def to_sample(row: Row) -> Sample:
    return Sample(question=row.text("problem"), target=str(row.integer("answer")))


def to_request(sample: Sample) -> Request:
    return Request(user(boxed_prompt(sample.question)))


@benchmark(
    name="aime26",
    version="1",
    dataset=first_of(
        huggingface("evalscope/aime26", split="test", local="aime26/test"),
        huggingface("MathArena/aime_2026", split="train", local="aime26/test"),
    ),
    subsets=[Subset("test", size=30)],
    sample=to_sample,
    request=to_request,
    grade=grade_math,
    further_metrics=["pass@5", "vote@5", "pass@10", "vote@10"],
    # Thinking models need it; a reply cut here counts as truncated, and the table says so.
    defaults={"max_tokens": 65536},
)
def test_aime26(grade: Grade) -> None:
    assert grade, grade.explanation
