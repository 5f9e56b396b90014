"""InfographicVQA: 2,801 questions about infographics, answered in a few words. See card.md."""

from __future__ import annotations

from pytest_modeleval import Grade, Subset, benchmark
from pytest_modeleval.datasets import huggingface
from pytest_modeleval.graders import grade_anls

from ..picture_questions import document_sample, short_request


@benchmark(
    name="infovqa",
    version="1",
    dataset=huggingface("lmms-lab/DocVQA", config="InfographicVQA", split="validation", local="infovqa/{subset}"),
    subsets=[Subset("validation", size=2801)],
    sample=document_sample,
    request=short_request,
    grade=grade_anls,
    needs_images=True,
)
def test_infovqa(grade: Grade) -> None:
    assert grade, grade.explanation
