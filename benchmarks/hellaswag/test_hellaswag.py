"""HellaSwag: which of four endings continues a short scene, by likelihood. See card.md."""

from __future__ import annotations

import re

from pytest_modeleval import Grade, Likelihood, Model, Sample, Subset, benchmark
from pytest_modeleval.datasets import Row, huggingface
from pytest_modeleval.errors import DataError
from pytest_modeleval.graders import grade_likelihood
from pytest_modeleval.metrics import mean

_TAG = re.compile(r"\[.*?\]")


def clean(text: str) -> str:
    """A text of WikiHow or ActivityNet without its marks: "[title]" ends a sentence, other tags say nothing."""
    return _TAG.sub("", text.strip().replace(" [title]", ". ")).replace("  ", " ")


def to_sample(row: Row) -> Sample:
    endings = tuple(clean(ending) for ending in row.texts("endings"))
    label = str(row.get("label"))
    if not label.isdigit() or int(label) >= len(endings):
        raise DataError(f"expected the number of an ending in field 'label', found {label!r:.40}, in {row.where}")
    scene = f"{row.text('activity_label')}: {row.text('ctx_a')} {str(row.get('ctx_b') or '').capitalize()}"
    return Sample(
        question=clean(scene),
        choices=endings,
        target=chr(ord("A") + int(label)),
        cluster=str(row.get("source_id") or ""),
    )


async def solve(sample: Sample, model: Model) -> list[Likelihood]:
    return await model.likelihood(sample.question, [f" {ending}" for ending in sample.choices])


@benchmark(
    name="hellaswag",
    version="1",
    dataset=huggingface("Rowan/hellaswag", split="validation", local="hellaswag/{subset}"),
    subsets=[Subset("validation", size=10042)],
    sample=to_sample,
    solve=solve,
    grade=grade_likelihood,
    needs_likelihood=True,
    metric="acc_norm",
    measures=[mean("acc_norm"), mean("acc")],
)
def test_hellaswag(grade: Grade) -> None:
    assert grade, grade.explanation
