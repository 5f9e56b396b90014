"""Your own choice questions about pictures: DIR/general_vmcq/<subset>.jsonl, each file a subset. See card.md."""

from __future__ import annotations

from pytest_modeleval import Grade, Request, Sample, benchmark
from pytest_modeleval.datasets import Row, local
from pytest_modeleval.graders import grade_choice
from pytest_modeleval.prompts import choice_prompt, user

from ..picture_questions import IMAGE_URLS, interleaved, is_chinese, pictures, written_list


def to_sample(row: Row) -> Sample:
    choices = written_list(row, "options" if "options" in row and "choices" not in row else "choices")
    if not 2 <= len(choices) <= 26:
        raise ValueError(f"expected 2 to 26 choices, found {len(choices)}")
    question = row.text("question")
    return Sample(
        question=question,
        choices=choices,
        target=row.letter("answer", len(choices)),
        data={"images": pictures(row, " ".join([question, *choices]))},
    )


def to_request(sample: Sample) -> Request:
    language = "zh" if is_chinese(sample.question) else "en"
    text = choice_prompt(sample.question, sample.choices, language=language)
    return Request(user(*interleaved(text, sample.data["images"])))


@benchmark(
    name="general_vmcq",
    version="1",
    dataset=local("general_vmcq/{subset}"),
    sample=to_sample,
    request=to_request,
    grade=grade_choice,
    options=[IMAGE_URLS],
    needs_images=True,
)
def test_general_vmcq(grade: Grade) -> None:
    assert grade, grade.explanation
