"""MMMU-Pro: 1,730 questions with pictures and up to ten options, and the same as one picture. See card.md."""

from __future__ import annotations

from pytest_modeleval import Breakdown, Grade, Request, Response, Sample, Subset, benchmark
from pytest_modeleval.datasets import Row, huggingface
from pytest_modeleval.metrics import macro
from pytest_modeleval.prompts import user

from ..mmmu.choices import mmmu_pro_letter
from ..mmmu.grading import grade_letter
from ..mmmu.subjects import DOMAINS, domain_of
from ..multiple_choice import by_letter
from ..picture_questions import interleaved, missing_images, numbered_images, written_list

MAX_IMAGES = 7
VISION = "vision"
# Subset -> configuration on the hub.
CONFIGURATIONS = {"standard10": "standard (10 options)", "standard4": "standard (4 options)"}
FORM = (
    'Reason step by step. Then close with a line of its own, the last of your reply: "Answer: (X)", with the letter of '
    "the right option in place of X."
)
VISION_FORM = f"Answer the multiple-choice question in the picture. {FORM}"


def sample_id(row: Row) -> str:
    """The same questions come in each subset."""
    return f"{row.subset}-{row.text('id')}"


def to_sample(row: Row) -> Sample:
    choices = written_list(row, "options")
    is_one_picture = row.subset == VISION
    images = {1: row.image("image")} if is_one_picture else numbered_images(row, MAX_IMAGES)
    question = "" if is_one_picture else row.text("question")
    missing = [] if is_one_picture else missing_images(question + " ".join(choices), images)
    return Sample(
        question=question,
        choices=choices,
        target=row.letter("answer", len(choices)),
        data={"images": images, "missing": missing, "domain": domain_of(row.text("subject"))},
    )


def to_request(sample: Sample) -> Request:
    images = sample.data["images"]
    if sample.subset == VISION:
        return Request(user(images[1], VISION_FORM))
    options = "\n".join(f"{letter}. {option}" for letter, option in by_letter(sample.choices).items())
    return Request(user(*interleaved(f"{sample.question}\n\n{options}\n\n{FORM}", images)))


def grade(sample: Sample, response: Response) -> Grade:
    """Right by the letter that the official rule reads; no letter is guessed."""
    return grade_letter(mmmu_pro_letter, sample, response)


@benchmark(
    name="mmmu_pro",
    version="1",
    dataset=huggingface("MMMU/MMMU_Pro", config=CONFIGURATIONS, split="test", local="mmmu_pro/{subset}"),
    subsets=[
        Subset("standard10", size=1730),
        Subset("standard4", size=1730, is_optional=True),
        Subset(VISION, size=1730),
    ],
    sample=to_sample,
    sample_id=sample_id,
    request=to_request,
    grade=grade,
    breakdowns=[Breakdown("domain", lambda sample: sample.data["domain"], order=tuple(DOMAINS))],
    aggregates=[macro("OVERALL", ["standard10", VISION])],
    needs_images=True,
)
def test_mmmu_pro(grade: Grade) -> None:
    assert grade, grade.explanation
