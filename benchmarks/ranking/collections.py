"""Collections as the pages see them: options, samples, and the ranking of one query."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pytest_modeleval import Option, Sample
from pytest_modeleval.datasets import Row
from pytest_modeleval.retrieval.beir import Collection, open_collection

COLLECTION_OPTIONS = [
    Option("split", "test", description="judgements that are read: qrels/SPLIT"),
    Option(
        "gains",
        "graded",
        choices=("graded", "binary"),
        description="what a score is worth: itself, or 1 for every score of at least 1",
    ),
    Option(
        "missing",
        "error",
        choices=("error", "drop"),
        description="what becomes of a judgement whose document the corpus lacks",
    ),
]
PREFIX_OPTIONS = [
    Option("query_prefix", "", description="put before each query; empty: that of the profile, if it has one"),
    Option("document_prefix", "", description="put before each document; empty: that of the profile, if it has one"),
]
CUT_OPTION = Option(
    "document_characters", 0, low=0, description="documents are cut after so many characters; 0: they are not"
)
SIMILARITY_OPTION = Option("similarity", "cosine", choices=("cosine", "dot"), description="of query and document")


@dataclass(frozen=True, slots=True)
class Ranking:
    """The documents that were found for one query, best first."""

    ids: tuple[str, ...]
    scores: tuple[float, ...]
    first_ids: tuple[str, ...] | None = None
    """The ranking before it was put into another order; None where there was none."""
    marks: tuple[str, ...] = ()
    """Which texts the server read in part (`model.vector_marks`)."""


def to_sample(row: Row) -> Sample:
    """A sample of a row that BeirReader made."""
    gains: Mapping[str, float] = row["gains"]
    relevant = sorted((document for document, gain in gains.items() if gain > 0), key=lambda name: (-gains[name], name))
    return Sample(
        question=row.text("text"),
        target=", ".join(relevant),
        data={"id": row["_id"], "gains": gains, "folder": row["folder"], "name": row["name"]},
    )


def sample_id(row: Row) -> str:
    """The name of the folder and the id of the query; unlike the id alone it is unique in the run."""
    return f"{row.subset}-{row['_id']}"


def collection_of(sample: Sample) -> Collection:
    """The collection that a sample belongs to, as it was read when the tests were collected."""
    return open_collection(Path(sample.data["folder"]), sample.data["name"], sample.options)


@lru_cache(maxsize=8)
def _longer(collection: Collection, characters: int) -> frozenset[str]:
    pairs = zip(collection.ids, collection.lengths, strict=True)
    return frozenset(document for document, length in pairs if length > characters)


@dataclass(frozen=True, slots=True)
class CutTexts:
    """The documents of a collection, each cut after so many characters, 0 for whole ones."""

    collection: Collection
    characters: int

    @classmethod
    def of(cls, sample: Sample) -> CutTexts:
        """As the options of the sample say."""
        return cls(collection_of(sample), int(sample.options["document_characters"]))

    @property
    def name(self) -> str:
        """Of the corpus; another length is another corpus."""
        cut = f" cut at {self.characters}" if self.characters else ""
        return f"{self.collection.name}{cut}"

    @property
    def cut_ids(self) -> frozenset[str]:
        """The documents that are cut."""
        return _longer(self.collection, self.characters) if self.characters else frozenset()

    def cut(self, text: str) -> str:
        """One text."""
        return text[: self.characters or None]

    def __call__(self) -> Iterator[str]:
        return map(self.cut, self.collection.texts())


def prefix_of(sample: Sample, kind: str) -> str | None:
    """The prefix that the user set for "query" or "document"; None for that of the profile."""
    given: Any = sample.options[f"{kind}_prefix"]
    return str(given) or None
