"""The candidates that a reranker puts into order: of a file, of BM25, or of an embedder in a role."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_modeleval import Model, Option, Sample
from pytest_modeleval.datasets import Row
from pytest_modeleval.errors import DataError
from pytest_modeleval.retrieval.beir import Collection, open_collection
from pytest_modeleval.retrieval.beir_files import Part, PartStamp, find_part, has_part, read_part, stamps
from pytest_modeleval.retrieval.judgements import DOCUMENT, QUERY

from .collections import collection_of, to_sample
from .dense import search

if TYPE_CHECKING:
    from pytest_modeleval.retrieval.bm25 import BM25

FILES = ("candidates", "top_ranked")
# The column that holds all candidates of a query, as mteb has it.
DOCUMENTS = "corpus-ids"
FIRST_STAGE_OPTIONS = [
    Option("depth", 100, low=1, high=1000, description="candidates of a query"),
    Option(
        "candidates",
        "bm25",
        choices=("bm25", "file"),
        description=f"where they come from: BM25, or the file {FILES[0]} or {FILES[1]} of the folder",
    ),
    Option(
        "retriever",
        "",
        choices=("", "retriever", "embedder"),
        description="the role of an embedding model that finds the candidates instead (--eval-role retriever=PROFILE)",
    ),
]


class FirstStages:
    """What the queries of a run share: an index of each collection, and the texts of its documents."""

    def __init__(self) -> None:
        self._indexes: dict[int, asyncio.Task[BM25]] = {}
        self._texts: dict[int, asyncio.Task[dict[str, str]]] = {}

    async def index(self, collection: Collection) -> BM25:
        """Made once."""
        if id(collection) not in self._indexes:
            from pytest_modeleval.retrieval.bm25 import BM25  # noqa: PLC0415 - loaded by with_candidates

            made = asyncio.to_thread(lambda: BM25(collection.texts()))
            self._indexes[id(collection)] = asyncio.ensure_future(made)
        return await asyncio.shield(self._indexes[id(collection)])

    async def texts(self, collection: Collection) -> dict[str, str]:
        """All documents by id, read once and kept."""
        if id(collection) not in self._texts:
            made = asyncio.to_thread(lambda: dict(collection.documents()))
            self._texts[id(collection)] = asyncio.ensure_future(made)
        return await asyncio.shield(self._texts[id(collection)])


async def candidates(sample: Sample, model: Model) -> list[str]:
    """Ids of the candidates of a query, best first. Raises Ungraded."""
    depth = int(sample.options["depth"])
    if role := sample.options["retriever"]:
        return list((await search(sample, model, model.role(str(role)), k=depth)).ids)
    if "candidates" in sample.data:
        return list(sample.data["candidates"])
    collection = collection_of(sample)
    index = await model.shared(FirstStages).index(collection)
    found = await asyncio.to_thread(index.top_k, sample.question, depth, collection.ids)
    return [document for document, _ in found]


def with_candidates(row: Row) -> Sample:
    """A sample that carries its candidates where a file names them. Raises DataError where it names none."""
    # NumPy: only for runs with such samples, and in this thread, since two that load it at the same time may both fail.
    import pytest_modeleval.retrieval.bm25  # noqa: F401, PLC0415

    sample = to_sample(row)
    if row.options["retriever"] or row.options["candidates"] != "file":
        return sample
    folder, name = Path(row["folder"]), row["name"]
    part = find_part(folder, name, [file for file in FILES if has_part(folder, file)] or FILES[:1])
    found = _read(part, stamps(part), open_collection(folder, name, row.options)).get(row["_id"])
    if not found:
        raise DataError(
            f"expected candidates for query {row['_id']!r:.60}, found none that has a text, in {part.name}; add them, "
            "or take those of BM25 with --eval-option BENCHMARK.candidates=bm25"
        )
    return replace(sample, data={**sample.data, "candidates": found[: int(row.options["depth"])]})


@lru_cache(maxsize=8)
def _read(part: Part, _stamps: PartStamp, collection: Collection) -> Mapping[str, Sequence[str]]:
    """Query -> candidates that have a text, in the order of the file."""
    known, empty = {*collection.ids, *collection.empty}, set(collection.empty)
    found: dict[str, dict[str, None]] = {}
    for row in read_part(part):
        # mteb has a row for each query, BEIR's judgements a row for each pair.
        documents = row.texts(DOCUMENTS) if DOCUMENTS in row else (str(row[DOCUMENT]),)
        if unknown := [document for document in documents if document not in known]:
            raise DataError(
                f"expected candidates that are in {collection.corpus.name}, found {unknown[0]!r:.60}, in {row.where}; "
                "correct the file or complete the corpus"
            )
        kept = (document for document in documents if document not in empty)
        found.setdefault(str(row[QUERY]), {}).update(dict.fromkeys(kept))
    return {query: tuple(documents) for query, documents in found.items()}
