"""DocVQA: 5,349 questions about scanned pages, answered in a few words. See card.md."""

from __future__ import annotations

from pytest_modeleval import Grade, Subset, benchmark
from pytest_modeleval.datasets import huggingface
from pytest_modeleval.graders import grade_anls

from ..picture_questions import document_sample, short_request


@benchmark(
    name="docvqa",
    version="1",
    dataset=huggingface("lmms-lab/DocVQA", config="DocVQA", split="validation", local="docvqa/{subset}"),
    subsets=[Subset("validation", size=5349)],
    sample=document_sample,
    request=short_request,
    grade=grade_anls,
    needs_images=True,
)
def test_docvqa(grade: Grade) -> None:
    assert grade, grade.explanation
