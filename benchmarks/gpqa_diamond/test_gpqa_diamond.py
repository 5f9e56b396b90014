"""GPQA-Diamond: 198 questions that experts wrote to withstand a search; rows only from the user. See card.md."""

from __future__ import annotations

from pytest_modeleval import Grade, Response, Sample, benchmark
from pytest_modeleval.datasets import Row, local
from pytest_modeleval.graders import grade_choice

from ..multiple_choice import choice_request

ANSWERS = ("Correct Answer", "Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3")


def to_sample(row: Row) -> Sample:
    choices = tuple(row.text(name).strip() for name in ANSWERS)
    return Sample(question=row.text("Question").strip(), choices=choices, target="A")


def grade_by_text(sample: Sample, response: Response) -> Grade:
    """As grade_choice; a letter whose option has the text of the right one is right as well."""
    grade = grade_choice(sample, response)
    letters = "ABCD"
    if grade.answer is None or len(grade.answer) != 1:
        return grade
    named, right = (sample.choices[letters.index(letter)] for letter in (grade.answer, str(sample.target)))
    return Grade.right(grade.answer) if named == right else grade


@benchmark(
    name="gpqa_diamond",
    version="1",
    # Its authors ask that questions stay out of plain text on the web: nothing is fetched.
    dataset=local("gpqa_diamond/{subset}"),
    sample=to_sample,
    request=choice_request(),
    grade=grade_by_text,
    shuffle="repeat",
    further_metrics=["pass@5", "vote@5"],
)
def test_gpqa_diamond(grade: Grade) -> None:
    assert grade, grade.explanation
