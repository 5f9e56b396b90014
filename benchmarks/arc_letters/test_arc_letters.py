"""ARC by the probability of each letter as the first token of a chat reply. See card.md."""

from __future__ import annotations

from pytest_modeleval import Grade, LabelScores, Model, Request, Sample, Subset, benchmark
from pytest_modeleval.datasets import Row, huggingface
from pytest_modeleval.graders import grade_labels
from pytest_modeleval.metrics import mean
from pytest_modeleval.prompts import user

from ..multiple_choice import by_letter, labelled_choices


def to_sample(row: Row) -> Sample:
    choices, target = labelled_choices(row, "choices", "answerKey")
    return Sample(question=row.text("question"), choices=choices, target=target)


async def solve(sample: Sample, model: Model) -> LabelScores:
    options = by_letter(sample.choices)
    lines = [sample.question, "", *(f"{letter}. {text}" for letter, text in options.items())]
    asked = "\n".join([*lines, "", "Reply with the letter of the right option alone."])
    return await model.label_scores(Request(user(asked)), list(options))


@benchmark(
    name="arc_letters",
    version="1",
    dataset=huggingface("allenai/ai2_arc", config="{subset}", split="test", local="arc/{subset}_test"),
    subsets=[Subset("ARC-Easy", size=2376), Subset("ARC-Challenge", size=1172)],
    sample=to_sample,
    solve=solve,
    grade=grade_labels,
    needs_labels=True,
    measures=[mean("mass")],
)
def test_arc_letters(grade: Grade) -> None:
    assert grade, grade.explanation
