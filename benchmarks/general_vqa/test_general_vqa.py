"""Your own questions about pictures: DIR/general_vqa/<subset>.jsonl, each file a subset. See card.md."""

from __future__ import annotations

from pytest_modeleval import Grade, Option, Request, Response, Sample, benchmark
from pytest_modeleval.datasets import Row, local
from pytest_modeleval.graders import grade_anls, grade_contains, grade_exact, grade_relaxed
from pytest_modeleval.prompts import qa_prompt, user

from ..picture_questions import IMAGE_URLS, filled_text, filled_texts, interleaved, is_chinese, pictures

GRADERS = {"exact": grade_exact, "anls": grade_anls, "relaxed": grade_relaxed, "contains": grade_contains}


def to_sample(row: Row) -> Sample:
    query = row.text("query")
    is_list = isinstance(row["response"], list)
    target = filled_texts(row, "response") if is_list else filled_text(row, "response")
    return Sample(question=query, target=target, data={"images": pictures(row, query)})


def to_request(sample: Sample) -> Request:
    text = qa_prompt(sample.question, language="zh" if is_chinese(sample.question) else "en")
    return Request(user(*interleaved(text, sample.data["images"])))


def grade(sample: Sample, response: Response) -> Grade:
    """By the rule that the option `grading` names."""
    return GRADERS[sample.options["grading"]](sample, response)


@benchmark(
    name="general_vqa",
    version="1",
    dataset=local("general_vqa/{subset}"),
    sample=to_sample,
    request=to_request,
    grade=grade,
    options=[
        Option("grading", "exact", choices=tuple(GRADERS), description="how the answer is compared with the response"),
        IMAGE_URLS,
    ],
    needs_images=True,
)
def test_general_vqa(grade: Grade) -> None:
    assert grade, grade.explanation
