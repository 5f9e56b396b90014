"""MATH: samples of competition problems, for the benchmarks math and math_500. See card.md."""

from __future__ import annotations

from pytest_modeleval import Breakdown, Request, Sample
from pytest_modeleval.datasets import Row
from pytest_modeleval.errors import DataError
from pytest_modeleval.prompts import boxed_prompt, user

from .boxed import last_box

LEVELS = ("Level 1", "Level 2", "Level 3", "Level 4", "Level 5")
SUBJECTS = (
    "Algebra",
    "Counting & Probability",
    "Geometry",
    "Intermediate Algebra",
    "Number Theory",
    "Prealgebra",
    "Precalculus",
)


def to_sample(row: Row) -> Sample:
    """The target is the field `answer`, or else the box of the solution."""
    target = row.text("answer") if "answer" in row else last_box(row.text("solution"))
    if not target:
        raise DataError(
            f"expected a \\boxed{{...}} in field 'solution' or a field 'answer', found none, in {row.where}"
        )
    level = row["level"]
    return Sample(
        question=row.text("problem"),
        target=target,
        data={
            "level": f"Level {level}" if isinstance(level, int) else row.text("level"),
            "subject": row.text("subject" if "subject" in row else "type"),
        },
    )


def to_request(sample: Sample) -> Request:
    return Request(user(boxed_prompt(sample.question)))


def level_of(sample: Sample) -> str:
    return str(sample.data["level"])


def subject_of(sample: Sample) -> str:
    return str(sample.data["subject"])


BREAKDOWNS = (Breakdown("level", level_of, order=LEVELS), Breakdown("subject", subject_of, order=SUBJECTS))
