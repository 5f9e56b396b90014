"""BFCL V4, asked as text: for models without tools. See ../bfcl_v4/card.md; scores are not comparable with bfcl_v4's.

Name the subsets: `-k "bfcl_text_v4 and (simple_python or multiple)"`.
"""

from __future__ import annotations

from pytest_modeleval import Grade, benchmark

from ..bfcl import AGGREGATES, CallFormat, dataset, grade, page_subsets, sample_id, solver, to_sample


@benchmark(
    name="bfcl_text_v4",
    version="2",
    metric="acc",
    dataset=dataset(),
    subsets=page_subsets(is_optional=True),
    sample=to_sample,
    sample_id=sample_id,
    solve=solver(CallFormat.TEXT),
    grade=grade,
    aggregates=AGGREGATES,
)
def test_bfcl_text_v4(grade: Grade) -> None:
    assert grade, grade.explanation
