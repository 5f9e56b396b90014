"""TruthfulQA (mc1) as a choice question with shuffled options; a letter is asked for. See card.md."""

from __future__ import annotations

from pytest_modeleval import Grade, Sample, Subset, benchmark
from pytest_modeleval.datasets import Row, huggingface
from pytest_modeleval.errors import DataError
from pytest_modeleval.graders import grade_choice

from ..multiple_choice import choice_request


def to_sample(row: Row) -> Sample:
    targets = row["mc1_targets"]
    choices, labels = (targets.get("choices"), targets.get("labels")) if isinstance(targets, dict) else (None, None)
    if not isinstance(choices, list) or not isinstance(labels, list) or len(choices) != len(labels):
        raise DataError(f"expected equally long lists in field 'mc1_targets', found {targets!r:.60}, in {row.where}")
    if sorted(labels) != [0] * (len(labels) - 1) + [1]:
        raise DataError(f"expected one right choice in field 'mc1_targets', found labels {labels}, in {row.where}")
    target = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[labels.index(1)]
    return Sample(question=row.text("question"), choices=tuple(map(str, choices)), target=target)


@benchmark(
    name="truthful_qa_mcq",
    version="1",
    dataset=huggingface(
        "truthfulqa/truthful_qa", config="multiple_choice", split="validation", local="truthful_qa/validation"
    ),
    subsets=[Subset("mc1", size=817)],
    sample=to_sample,
    request=choice_request(),
    grade=grade_choice,
    # The right choice stands first in all 817 rows.
    shuffle="sample",
)
def test_truthful_qa_mcq(grade: Grade) -> None:
    assert grade, grade.explanation
