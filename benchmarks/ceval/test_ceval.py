"""C-Eval: Chinese choice questions in 52 subjects, with explained examples. See card.md."""

from __future__ import annotations

from pytest_modeleval import Examples, Grade, Option, Sample, Subset, benchmark
from pytest_modeleval.datasets import Dataset, Row, huggingface
from pytest_modeleval.graders import grade_choice
from pytest_modeleval.metrics import macro, micro

from ..multiple_choice import choice_request, columns
from .subjects import CATEGORIES, SUBJECTS


def subject_of(row: Row) -> str:
    """The column `subject`; on the hub each subject is a configuration of its own, without it."""
    return row.text("subject") if "subject" in row else row.subset


def split(name: str) -> Dataset:
    return huggingface("ceval/ceval-exam", config="{subset}", split=name, local=f"ceval/{name}", subset_of=subject_of)


def to_sample(row: Row) -> Sample:
    return Sample(
        question=row.text("question"),
        choices=columns(row),
        target=row.letter("answer", 4),
        data={"explanation": row.get("explanation") or ""},
    )


@benchmark(
    name="ceval",
    version="1",
    dataset=split("{split}"),
    # No sizes: they differ between val and test.
    subsets=[Subset(subject) for subject in SUBJECTS],
    sample=to_sample,
    request=choice_request("zh", {subject: title for subject, (title, _) in SUBJECTS.items()}),
    grade=grade_choice,
    options=[
        Option("split", "val", choices=("val", "test"), description="The split that is asked; both have 52 subjects."),
        Option("shots", 5, low=0, high=5, description="Explained questions of the dev split in front of each."),
    ],
    examples=Examples(split("dev"), count="shots"),
    aggregates=[
        macro("OVERALL"),
        micro("MICRO"),
        *(macro(category, of=subjects) for category, subjects in CATEGORIES.items()),
    ],
)
def test_ceval(grade: Grade) -> None:
    assert grade, grade.explanation
