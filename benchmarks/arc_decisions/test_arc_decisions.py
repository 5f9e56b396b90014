"""ARC by /v1/decisions: the server asks in its own words and gives the probability of each option. See card.md."""

from __future__ import annotations

from pytest_modeleval import Grade, LabelScores, Model, Sample, Subset, benchmark
from pytest_modeleval.datasets import Row, huggingface
from pytest_modeleval.graders import grade_labels
from pytest_modeleval.metrics import mean

from ..multiple_choice import by_letter, labelled_choices

QUESTION = "Which option is right?"


def to_sample(row: Row) -> Sample:
    choices, target = labelled_choices(row, "choices", "answerKey")
    return Sample(question=row.text("question"), choices=choices, target=target)


async def solve(sample: Sample, model: Model) -> LabelScores:
    return await model.decide(sample.question, QUESTION, by_letter(sample.choices))


@benchmark(
    name="arc_decisions",
    version="1",
    dataset=huggingface("allenai/ai2_arc", config="{subset}", split="test", local="arc/{subset}_test"),
    subsets=[Subset("ARC-Easy", size=2376), Subset("ARC-Challenge", size=1172)],
    sample=to_sample,
    solve=solve,
    grade=grade_labels,
    needs_decisions=True,
    measures=[mean("mass")],
)
def test_arc_decisions(grade: Grade) -> None:
    assert grade, grade.explanation
