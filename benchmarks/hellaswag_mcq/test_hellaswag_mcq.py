"""HellaSwag as a choice question: which of four endings continues a text; a letter is asked for. See card.md."""

from __future__ import annotations

import re

from pytest_modeleval import Grade, Sample, Subset, benchmark
from pytest_modeleval.datasets import Row, huggingface
from pytest_modeleval.errors import DataError
from pytest_modeleval.graders import grade_choice

from ..multiple_choice import choice_request

# Marks of WikiHow's layout: "[header]", "[title]", "[step]".
TAG = re.compile(r"\s*\[(?:header|title|step|substeps)\]\s*")


def plain(text: str) -> str:
    return " ".join(TAG.sub(" ", text).split())


def to_sample(row: Row) -> Sample:
    endings = row.texts("endings")
    label = row.integer("label")
    if not 0 <= label < len(endings):
        raise DataError(f"expected a label from 0 to {len(endings) - 1}, found {label}, in {row.where}")
    context = f"{row.text('activity_label')}: {plain(row.text('ctx'))}"
    return Sample(
        question=f"Which ending continues this text best?\n\n{context} ...",
        choices=tuple(map(plain, endings)),
        target="ABCDEFGHIJ"[label],
    )


@benchmark(
    name="hellaswag_mcq",
    version="1",
    dataset=huggingface("Rowan/hellaswag", split="validation", local="hellaswag/validation"),
    subsets=[Subset("validation", size=10042)],
    sample=to_sample,
    request=choice_request(),
    grade=grade_choice,
)
def test_hellaswag_mcq(grade: Grade) -> None:
    assert grade, grade.explanation
