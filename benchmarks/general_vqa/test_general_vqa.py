"""Your own questions about pictures: DIR/general_vqa/<subset>.jsonl, each file a subset. See card.md."""

from __future__ import annotations

from pytest_modeleval import Grade, Request, Sample, benchmark
from pytest_modeleval.datasets import Row, local
from pytest_modeleval.graders import grade_exact
from pytest_modeleval.prompts import qa_prompt, user

from ..picture_questions import IMAGE_URLS, filled_text, interleaved, is_chinese, pictures


def to_sample(row: Row) -> Sample:
    query = row.text("query")
    return Sample(question=query, target=filled_text(row, "response"), data={"images": pictures(row, query)})


def to_request(sample: Sample) -> Request:
    text = qa_prompt(sample.question, language="zh" if is_chinese(sample.question) else "en")
    return Request(user(*interleaved(text, sample.data["images"])))


@benchmark(
    name="general_vqa",
    version="1",
    dataset=local("general_vqa/{subset}"),
    sample=to_sample,
    request=to_request,
    grade=grade_exact,
    options=[IMAGE_URLS],
    needs_images=True,
)
def test_general_vqa(grade: Grade) -> None:
    assert grade, grade.explanation
