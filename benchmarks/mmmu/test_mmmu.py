"""MMMU: 900 questions with pictures from 30 subjects of college. See card.md."""

from __future__ import annotations

from pytest_modeleval import Grade, Request, Sample, Subset, benchmark
from pytest_modeleval.datasets import Row, first_of, huggingface
from pytest_modeleval.errors import DataError
from pytest_modeleval.metrics import macro, micro
from pytest_modeleval.prompts import user

from ..multiple_choice import by_letter
from ..picture_questions import interleaved, missing_images, numbered_images, written_list
from .grading import grade_mmmu
from .subjects import DOMAINS, SUBJECTS

MAX_IMAGES = 7
CHOICE_FORM = (
    'Reason step by step. Then close with a line of its own, the last of your reply: "Answer: (X)", with the letter of '
    "the right option in place of X."
)
OPEN_FORM = (
    'Reason step by step. Then close with a line of its own, the last of your reply: "The answer is X", with a number, '
    "word or short phrase in place of X."
)


def sample_id(row: Row) -> str:
    return row.text("id")


def to_sample(row: Row) -> Sample:
    images = numbered_images(row, MAX_IMAGES)
    if row.text("question_type") == "multiple-choice":
        choices = written_list(row, "options")
        target: object = row.letter("answer", len(choices))
    else:
        choices, target = (), open_targets(row)
    question = row.text("question")
    missing = missing_images(question + " ".join(choices), images)
    return Sample(question=question, choices=choices, target=target, data={"images": images, "missing": missing})


def open_targets(row: Row) -> list[str]:
    """The answers of an open question, any of which is right: a text, or a list written in one."""
    text = row.text("answer").strip()
    targets = list(written_list(row, "answer")) if text.startswith("[") and text.endswith("]") else [text]
    if not targets or not all(targets):
        raise DataError(f"expected an answer in field 'answer', found {text!r}, in {row.where}")
    return targets


def asked_text(sample: Sample) -> str:
    """Question, options and the form of the answer; "<image 1>" marks where a picture belongs."""
    if not sample.choices:
        return f"{sample.question}\n\n{OPEN_FORM}"
    options = "\n".join(f"({letter}) {option}" for letter, option in by_letter(sample.choices).items())
    return f"{sample.question}\n\n{options}\n\n{CHOICE_FORM}"


def to_request(sample: Sample) -> Request:
    return Request(user(*interleaved(asked_text(sample), sample.data["images"])))


@benchmark(
    name="mmmu",
    version="1",
    dataset=first_of(
        huggingface("MMMU/MMMU", file="{subset}/validation-00000-of-00001.parquet", local="mmmu/{subset}"),
        huggingface("MMMU/MMMU", config="{subset}", split="validation", local="mmmu/{subset}"),
    ),
    subsets=[Subset(subject, size=30) for subject in SUBJECTS],
    sample=to_sample,
    sample_id=sample_id,
    request=to_request,
    grade=grade_mmmu,
    aggregates=[
        micro("OVERALL"),
        *(micro(domain, sorted(subjects)) for domain, subjects in DOMAINS.items()),
        macro("MACRO"),
    ],
    needs_images=True,
)
def test_mmmu(grade: Grade) -> None:
    assert grade, grade.explanation
