"""MMLU: 14,042 choice questions in 57 subjects, answered after reasoning. See card.md."""

from __future__ import annotations

from pytest_modeleval import Examples, Grade, Option, Sample, benchmark
from pytest_modeleval.datasets import Row, first_of, huggingface, local
from pytest_modeleval.graders import grade_choice
from pytest_modeleval.metrics import macro, micro

from ..multiple_choice import choice_request, sized_subsets, title
from .subjects import CATEGORIES, SIZES


def subject_of(row: Row) -> str:
    return row.text("subject")


def to_sample(row: Row) -> Sample:
    choices = row.texts("choices")
    return Sample(question=row.text("question"), choices=choices, target=row.letter("answer", len(choices)))


@benchmark(
    name="mmlu",
    version="1",
    dataset=first_of(
        local("mmlu/test_full", subset_of=subject_of),
        huggingface("cais/mmlu", config="all", split="test", local="mmlu/test", subset_of=subject_of),
    ),
    subsets=sized_subsets(SIZES),
    sample=to_sample,
    request=choice_request("en", {subject: title(subject) for subject in SIZES}),
    grade=grade_choice,
    options=[Option("shots", 5, low=0, high=5, description="Solved questions of the dev split in front of each.")],
    examples=Examples(
        huggingface("cais/mmlu", config="all", split="dev", local="mmlu/dev", subset_of=subject_of), count="shots"
    ),
    aggregates=[
        micro("OVERALL"),
        macro("MACRO"),
        *(micro(category, of=sorted(subjects)) for category, subjects in CATEGORIES.items()),
    ],
)
def test_mmlu(grade: Grade) -> None:
    assert grade, grade.explanation
