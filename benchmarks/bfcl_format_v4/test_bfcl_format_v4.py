"""BFCL V4, format sensitivity: 200 questions asked as text in 26 forms. See card.md."""

from __future__ import annotations

from pytest_modeleval import Grade, benchmark
from pytest_modeleval.datasets import inline
from pytest_modeleval.declaration import Subset

from ..bfcl import CallFormat, grade, solver
from ..bfcl.format_rows import SUBSET, format_rows, format_sample


@benchmark(
    name="bfcl_format_v4",
    version="1",
    metric="acc",
    dataset=inline(format_rows),
    # 5,200 requests that enter no score of the leaderboard: only where -k names them.
    subsets=[Subset(SUBSET, is_optional=True, size=5200)],
    sample=format_sample,
    sample_id=lambda row: row.text("id"),
    solve=solver(CallFormat.TEXT),
    grade=grade,
)
def test_bfcl_format_v4(grade: Grade) -> None:
    assert grade, grade.explanation
