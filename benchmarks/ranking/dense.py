"""Search by vectors: the corpus embedded once a run, queries that wait searched together."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from pytest_modeleval import Sample
from pytest_modeleval.errors import Ungraded
from pytest_modeleval.model_protocol import Model
from pytest_modeleval.retrieval.search import top_k
from pytest_modeleval.roles import Role

from .collections import CutTexts, Ranking, prefix_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

_TOO_LONG = "cut the documents with --eval-option BENCHMARK.document_characters=N or --eval-param cut_long_texts=true"


class Searches:
    """The searches of one run. A search reads the whole corpus, so those that wait for it are done in one."""

    def __init__(self) -> None:
        self._waiting: dict[int, list[tuple[Vectors, asyncio.Future[tuple[Any, Any]]]]] = {}
        self._running: dict[int, asyncio.Task[None]] = {}

    async def top_k(
        self, corpus: Vectors, ids: tuple[str, ...], query: Vectors, *, k: int, similarity: Any
    ) -> tuple[list[int], list[float]]:
        """Rows and scores of the first k documents. corpus: the same object for all queries of a collection."""
        place = id(corpus)
        done: asyncio.Future[tuple[Any, Any]] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(place, []).append((query, done))
        if place not in self._running:
            self._running[place] = asyncio.ensure_future(self._search(corpus, ids, k, similarity))
        rows, scores = await done
        return rows.tolist(), scores.tolist()

    async def _search(self, corpus: Vectors, ids: tuple[str, ...], k: int, similarity: Any) -> None:
        import numpy as np  # noqa: PLC0415 - loaded by those who search

        place = id(corpus)
        while batch := self._waiting.pop(place, []):
            queries = np.stack([query for query, _ in batch])
            try:
                found = await asyncio.to_thread(top_k, queries, corpus, k, similarity, ids=ids)
            except Exception as error:  # noqa: BLE001 - raised to every query of the batch
                for _, done in batch:
                    if not done.done():
                        done.set_exception(error)
                continue
            for (_, done), rows, scores in zip(batch, found.rows, found.scores, strict=True):
                if not done.done():
                    done.set_result((rows, scores))
        del self._running[place]


async def search(sample: Sample, model: Model, embedder: Model | Role, *, k: int) -> Ranking:
    """The first k documents by the vectors of `embedder`, the model under test or one in a role."""
    texts = CutTexts.of(sample)
    ids = texts.collection.ids
    try:
        corpus = await embedder.embed_corpus(texts.name, texts, len(ids), prefix=prefix_of(sample, "document"))
    except Ungraded as failure:
        if failure.cause != "context_exceeded":
            raise
        raise Ungraded(f"{failure}; {_TOO_LONG}", kind=failure.kind, cause=failure.cause) from failure
    query = (await embedder.embed([sample.question], kind="query", prefix=prefix_of(sample, "query")))[0]
    searches = model.shared(Searches)
    rows, scores = await searches.top_k(corpus, ids, query, k=k, similarity=sample.options["similarity"])
    return Ranking(tuple(ids[row] for row in rows), tuple(scores), marks=embedder.vector_marks())
