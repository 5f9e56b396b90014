"""GSM8K: 1319 word problems of primary school, each with a number for an answer. See card.md."""

from __future__ import annotations

from pytest_modeleval import Grade, Request, Sample, benchmark
from pytest_modeleval.datasets import Row, huggingface
from pytest_modeleval.errors import DataError
from pytest_modeleval.graders import grade_math
from pytest_modeleval.prompts import qa_prompt, user


def to_sample(row: Row) -> Sample:
    solution, mark, answer = row.text("answer").rpartition("####")
    if not mark or not answer.strip():
        raise DataError(f"expected '#### ' and the number at the end of field 'answer', found none, in {row.where}")
    return Sample(question=row.text("question"), target=answer.strip(), data={"solution": solution.strip()})


def to_request(sample: Sample) -> Request:
    return Request(user(qa_prompt(sample.question)))


@benchmark(
    name="gsm8k",
    version="2",
    dataset=huggingface("openai/gsm8k", config="main", split="test", local="gsm8k/test"),
    subsets=["main"],
    sample=to_sample,
    request=to_request,
    grade=grade_math,
)
def test_gsm8k(grade: Grade) -> None:
    assert grade, grade.explanation
