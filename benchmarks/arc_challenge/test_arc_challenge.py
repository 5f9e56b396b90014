"""ARC-Challenge: 1,172 choice questions of school science that are hard to match by words. See card.md."""

from __future__ import annotations

from pytest_modeleval import Grade, Sample, Subset, benchmark
from pytest_modeleval.datasets import Row, huggingface
from pytest_modeleval.graders import grade_choice

from ..multiple_choice import choice_request, labelled_choices


def to_sample(row: Row) -> Sample:
    choices, target = labelled_choices(row, "choices", "answerKey")
    return Sample(question=row.text("question"), choices=choices, target=target)


@benchmark(
    name="arc_challenge",
    version="1",
    dataset=huggingface("allenai/ai2_arc", config="{subset}", split="test", local="arc/{subset}_test"),
    subsets=[Subset("ARC-Challenge", size=1172)],
    sample=to_sample,
    request=choice_request(),
    grade=grade_choice,
)
def test_arc_challenge(grade: Grade) -> None:
    assert grade, grade.explanation
