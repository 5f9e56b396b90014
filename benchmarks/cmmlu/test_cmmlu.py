"""CMMLU: 11,582 Chinese choice questions in 67 subjects. See card.md."""

from __future__ import annotations

from pytest_modeleval import Examples, Grade, Option, Sample, benchmark
from pytest_modeleval.datasets import Dataset, Row, first_of, huggingface, local
from pytest_modeleval.graders import grade_choice
from pytest_modeleval.metrics import macro, micro

from ..multiple_choice import choice_request, columns, lettered, sized_subsets
from .subjects import CATEGORIES, SUBJECTS


def subject_of(row: Row) -> str:
    """The column `category`; without it the file belongs to one subject."""
    return row.text("category") if "category" in row else row.subset


def split(name: str, *patterns: str) -> Dataset:
    return first_of(
        *(local(pattern, subset_of=subject_of) for pattern in patterns),
        huggingface("haonan-li/cmmlu", config="{subset}", split=name, local=f"cmmlu/{name}", subset_of=subject_of),
        huggingface("evalscope/cmmlu", split=name, local=f"cmmlu/{name}/{{subset}}", subset_of=subject_of),
    )


def to_sample(row: Row) -> Sample:
    if "Question" in row:
        return Sample(question=row.text("Question"), choices=columns(row), target=row.letter("Answer", 4))
    choices, target = lettered(row, "choices", "answer")
    return Sample(question=row.text("question"), choices=choices, target=target)


@benchmark(
    name="cmmlu",
    version="1",
    dataset=split("test", "cmmlu/test_full"),
    subsets=sized_subsets({subject: size for subject, (_, size) in SUBJECTS.items()}),
    sample=to_sample,
    request=choice_request("zh", {subject: title for subject, (title, _) in SUBJECTS.items()}),
    grade=grade_choice,
    options=[Option("shots", 0, low=0, high=5, description="Solved questions of the dev split in front of each.")],
    examples=Examples(split("dev"), count="shots"),
    aggregates=[
        macro("OVERALL"),
        micro("MICRO"),
        *(macro(category, of=subjects) for category, subjects in CATEGORIES.items()),
    ],
)
def test_cmmlu(grade: Grade) -> None:
    assert grade, grade.explanation
