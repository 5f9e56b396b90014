"""BFCL V4: function calling, asked as the model takes it: with native tools, else as text. See card.md."""

from __future__ import annotations

from pytest_modeleval import Advice, Grade, benchmark

from ..bfcl import AGGREGATES, CATEGORIES, dataset, grade, page_subsets, sample_id, solver, to_sample
from ..bfcl.wheel import DEFAULT_VERSION, chosen_version

# MODELEVAL_BFCL=2026.3.23 asks the newest questions; a score of one version says nothing about the other's.
DATA = chosen_version()
# Only where tools were offered and a reply has a call in its text; a weak model alone needs no such advice.
PARSER = Advice(
    "",
    by_cause={"call_in_text": "calls come back as text although tools are offered: is --tool-call-parser set?"},
)


@benchmark(
    name="bfcl_v4",
    version="2" if DATA == DEFAULT_VERSION else f"2+{DATA}",
    metric="acc",
    dataset=dataset(DATA),
    subsets=page_subsets(),
    sample=to_sample,
    sample_id=sample_id,
    solve=solver(version=DATA),
    offers_tools=True,
    grade=grade,
    aggregates=AGGREGATES,
    advice={name: PARSER for name in CATEGORIES if "irrelevance" not in name and "web_search" not in name},
)
def test_bfcl_v4(grade: Grade) -> None:
    assert grade, grade.explanation
