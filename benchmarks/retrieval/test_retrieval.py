"""Does an embedder find the relevant documents of a collection? One item a query. See card.md."""

from __future__ import annotations

from dataclasses import replace

from pytest_modeleval import Grade, Model, Option, Sample, benchmark
from pytest_modeleval.datasets import folder
from pytest_modeleval.retrieval.beir import BeirReader

from ..ranking.collections import (
    COLLECTION_OPTIONS,
    CUT_OPTION,
    PREFIX_OPTIONS,
    SIMILARITY_OPTION,
    Ranking,
    sample_id,
    to_sample,
)
from ..ranking.dense import search
from ..ranking.grading import MEASURES, PRIMARY, grade_ranking


async def solve(sample: Sample, model: Model) -> Ranking:
    depth, drops_own = int(sample.options["depth"]), sample.options["drop_own_id"]
    found = await search(sample, model, model, k=depth + 1 if drops_own else depth)
    if not drops_own:
        return found
    pairs = [pair for pair in zip(found.ids, found.scores, strict=True) if pair[0] != sample.data["id"]][:depth]
    return replace(found, ids=tuple(name for name, _ in pairs), scores=tuple(score for _, score in pairs))


@benchmark(
    name="retrieval",
    version="1",
    dataset=folder("retrieval/{subset}", "{subset}", reader=BeirReader()),
    options=[
        *COLLECTION_OPTIONS,
        *PREFIX_OPTIONS,
        CUT_OPTION,
        SIMILARITY_OPTION,
        Option("depth", 1000, low=100, high=10_000, description="documents of a ranking, which map is computed over"),
        Option("drop_own_id", False, description="leave out the document that has the id of the query (ArguAna)"),
    ],
    sample=to_sample,
    sample_id=sample_id,
    solve=solve,
    grade=grade_ranking,
    needs_embeddings=True,
    metric=PRIMARY,
    measures=MEASURES,
)
def test_retrieval(grade: Grade) -> None:
    assert grade, grade.explanation
