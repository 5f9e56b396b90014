"""Your own questions with short answers: DIR/general_qa/<subset>.jsonl, each file a subset. See card.md."""

from __future__ import annotations

from pytest_modeleval import Grade, Request, Sample, benchmark
from pytest_modeleval.datasets import Row, local
from pytest_modeleval.errors import DataError
from pytest_modeleval.graders import grade_exact
from pytest_modeleval.prompts import qa_prompt, user


def to_sample(row: Row) -> Sample:
    query, response = row.text("query"), row.text("response")
    if not response.strip():
        raise DataError(f"expected an answer in field 'response', found an empty text, in {row.where}")
    return Sample(question=query, target=response)


def to_request(sample: Sample) -> Request:
    language = "zh" if any("\u4e00" <= character <= "\u9fff" for character in sample.question) else "en"
    return Request(user(qa_prompt(sample.question, language=language)))


@benchmark(
    name="general_qa",
    version="2",
    dataset=local("general_qa/{subset}"),
    sample=to_sample,
    request=to_request,
    grade=grade_exact,
)
def test_general_qa(grade: Grade) -> None:
    assert grade, grade.explanation
