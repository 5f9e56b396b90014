"""HMMT February 2025: 30 problems of a mathematics competition; answers are expressions. See card.md."""

from __future__ import annotations

from pytest_modeleval import Grade, Request, Sample, Subset, benchmark
from pytest_modeleval.datasets import Row, first_of, huggingface
from pytest_modeleval.graders import grade_math
from pytest_modeleval.prompts import boxed_prompt, user


def to_sample(row: Row) -> Sample:
    return Sample(question=row.text("problem"), target=str(row["answer"]))


def to_request(sample: Sample) -> Request:
    return Request(user(boxed_prompt(sample.question)))


@benchmark(
    name="hmmt25",
    version="1",
    dataset=first_of(
        huggingface("evalscope/hmmt_feb_2025", split="test", local="hmmt25/test"),
        huggingface("MathArena/hmmt_feb_2025", split="train", local="hmmt25/test"),
    ),
    subsets=[Subset("test", size=30)],
    sample=to_sample,
    request=to_request,
    grade=grade_math,
    further_metrics=["pass@5", "vote@5", "pass@10", "vote@10"],
    # Thinking models need it; a reply cut here counts as truncated, and the table says so.
    defaults={"max_tokens": 65536},
)
def test_hmmt25(grade: Grade) -> None:
    assert grade, grade.explanation
