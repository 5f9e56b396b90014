"""Does a reranker put the relevant candidates first? One item a query. See card.md."""

from __future__ import annotations

from pytest_modeleval import Grade, Model, Sample, benchmark
from pytest_modeleval.datasets import folder
from pytest_modeleval.retrieval.beir import BeirReader

from ..ranking.collections import Ranking, sample_id
from ..ranking.first_stage import with_candidates
from ..ranking.grading import FIRST_MEASURES, MEASURES, PRIMARY, grade_ranking
from ..ranking.reordering import OPTIONS, candidate_texts, reordered


async def solve(sample: Sample, model: Model) -> Ranking:
    found, texts = await candidate_texts(sample, model)
    return reordered(found, await model.rerank(sample.question, texts) if found else [])


@benchmark(
    name="reranking",
    version="1",
    dataset=folder("retrieval/{subset}", "{subset}", reader=BeirReader()),
    options=OPTIONS,
    role_options=["retriever"],
    sample=with_candidates,
    sample_id=sample_id,
    solve=solve,
    grade=grade_ranking,
    needs_rerank=True,
    metric=PRIMARY,
    measures=[*MEASURES, *FIRST_MEASURES],
)
def test_reranking(grade: Grade) -> None:
    assert grade, grade.explanation
