"""Do vectors put the relevant candidates first? As `reranking`, with an embedding model. See card.md."""

from __future__ import annotations

from dataclasses import replace

from pytest_modeleval import Grade, Model, Sample, benchmark
from pytest_modeleval.datasets import folder
from pytest_modeleval.retrieval.beir import BeirReader
from pytest_modeleval.retrieval.search import top_k

from ..ranking.collections import Ranking, prefix_of, sample_id
from ..ranking.first_stage import with_candidates
from ..ranking.grading import FIRST_MEASURES, MEASURES, PRIMARY, grade_ranking
from ..ranking.reordering import OPTIONS, candidate_texts, reordered


async def solve(sample: Sample, model: Model) -> Ranking:
    found, texts = await candidate_texts(sample, model)
    if not found:
        return reordered([], [])
    documents = await model.embed(texts, prefix=prefix_of(sample, "document"))
    query = await model.embed([sample.question], kind="query", prefix=prefix_of(sample, "query"))
    best = top_k(query, documents, len(found), sample.options["similarity"])
    scores = dict(zip(best.rows[0].tolist(), best.scores[0].tolist(), strict=True))
    return replace(reordered(found, [scores[row] for row in range(len(found))]), marks=model.vector_marks())


@benchmark(
    name="reranking_by_embedding",
    version="1",
    dataset=folder("retrieval/{subset}", "{subset}", reader=BeirReader()),
    options=OPTIONS,
    role_options=["retriever"],
    sample=with_candidates,
    sample_id=sample_id,
    solve=solve,
    grade=grade_ranking,
    needs_embeddings=True,
    metric=PRIMARY,
    measures=[*MEASURES, *FIRST_MEASURES],
)
def test_reranking_by_embedding(grade: Grade) -> None:
    assert grade, grade.explanation
