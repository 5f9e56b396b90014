"""rerank_check: quick checks of a reranking server before anything is ranked by it; card.md describes them."""

from __future__ import annotations

from typing import Any

from pytest_modeleval import Grade, Model, Sample, benchmark
from pytest_modeleval.datasets import Row, inline
from pytest_modeleval.model_protocol import EndpointModel

QUERY = "Where does the cat sleep?"
DOCUMENTS = (
    "Prices of copper rose in spring.",
    "The cat sleeps on the warm roof.",
    "A violin has four strings.",
    "The river froze in January.",
)
BEST = 1
PAIRS = (
    ("How many strings has a violin?", "A violin has four strings.", "Bread needs flour, water and salt."),
    ("What is the capital of France?", "Paris is the capital of France.", "The river froze in January."),
    ("When did the river freeze?", "The river froze in January.", "Prices of copper rose in spring."),
)
# Of the range of the scores: other batches have other kernels, in 16 bits.
SAME = 0.02
CHECKS = ("order", "repeat", "alone", "relevance")


def rows() -> dict[str, list[dict[str, Any]]]:
    return {"rerank": [{"id": name} for name in CHECKS]}


def to_sample(row: Row) -> Sample:
    return Sample(question=row.text("id"), target=row.text("id"))


async def solve(sample: Sample, model: Model) -> list[list[float]]:
    assert isinstance(model, EndpointModel)
    asked = model

    async def ask() -> list[list[float]]:
        if sample.question == "relevance":
            return [await asked.raw_scores(query, documents) for query, *documents in PAIRS]
        first = await asked.raw_scores(QUERY, DOCUMENTS)
        if sample.question == "order":
            return [first, (await asked.raw_scores(QUERY, DOCUMENTS[::-1]))[::-1]]
        if sample.question == "alone":
            return [first, [(await asked.raw_scores(QUERY, [document]))[0] for document in DOCUMENTS]]
        return [first, await asked.raw_scores(QUERY, DOCUMENTS)]

    found: list[list[float]] = await model.use_tool("rerank_check", {"check": sample.question}, ask)
    return found


def grade_scores(sample: Sample, found: list[list[float]]) -> Grade:
    shown = "; ".join(", ".join(f"{score:.4g}" for score in scores) for scores in found)
    if sample.question == "relevance":
        wrong = [query for (query, *_), (good, bad) in zip(PAIRS, found, strict=True) if good <= bad]
        return Grade.wrong(cause="irrelevant_first", explanation=f"{wrong}: {shown}") if wrong else Grade.right()
    first, again = found
    span = max(first) - min(first)
    if sample.question == "order" and (first.index(max(first)) != BEST or again.index(max(again)) != BEST):
        return Grade.wrong(cause="wrong_order", explanation=f"the best document is not the one about the cat: {shown}")
    apart = max(abs(one - other) for one, other in zip(first, again, strict=True))
    if apart <= SAME * span:
        return Grade.right()
    if sample.question == "repeat":
        return Grade.wrong(cause="same_pair_differs", explanation=shown)
    return Grade.right(marks=["a score depends on the other documents of its request"])


@benchmark(
    name="rerank_check",
    version="1",
    dataset=inline(rows),
    subsets=list(rows()),
    sample=to_sample,
    sample_id=lambda row: row.text("id"),
    solve=solve,
    grade=grade_scores,
    needs_rerank=True,
)
def test_rerank_check(grade: Grade) -> None:
    assert grade, grade.explanation
