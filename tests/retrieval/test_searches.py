"""Queries of a run that wait for a search are searched together, and each gets its own result."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from benchmarks.ranking import dense
from benchmarks.ranking.dense import Searches
from pytest_modeleval.retrieval.search import top_k
from tests.retrieval.test_search import vectors


def test_each_query_gets_its_own_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two corpora at once; those that came during a search are searched in one."""
    first, second, queries = vectors(1, 30, 6), vectors(2, 20, 6), vectors(3, 12, 6)
    ids = tuple(map(str, range(30)))
    sizes: list[int] = []

    def counted(asked: np.ndarray[tuple[int, int], np.dtype[np.float32]], *given: object, **more: object) -> object:
        sizes.append(len(asked))
        return top_k(asked, *given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(dense, "top_k", counted)

    async def search_all() -> list[tuple[list[int], list[float]]]:
        searches = Searches()
        places = [(corpus, query) for query in queries for corpus in (first, second)]
        return await asyncio.gather(
            *(searches.top_k(corpus, ids[: len(corpus)], query, k=4, similarity="dot") for corpus, query in places)
        )

    found = asyncio.run(search_all())
    for number, (rows, scores) in enumerate(found):
        corpus = (first, second)[number % 2]
        alone = top_k(queries[number // 2][None, :], corpus, 4, "dot", ids=ids[: len(corpus)])
        assert (rows, scores) == (alone.rows[0].tolist(), alone.scores[0].tolist())
    assert sum(sizes) == 24
    assert len(sizes) == 2


def test_a_failed_search_reaches_every_query_and_no_later_one() -> None:
    """A query of another length; the searches after it go on."""
    corpus, ids = vectors(1, 9, 6), tuple("abcdefghi")

    async def search_all() -> list[object]:
        searches = Searches()
        wrong = [searches.top_k(corpus, ids, corpus[0, :3], k=2, similarity="cosine") for _ in range(3)]
        failed = await asyncio.gather(*wrong, return_exceptions=True)
        return [*failed, await searches.top_k(corpus, ids, corpus[0], k=2, similarity="cosine")]

    *failed, right = asyncio.run(search_all())
    assert [type(error) for error in failed] == [ValueError] * 3
    assert isinstance(right, tuple)
