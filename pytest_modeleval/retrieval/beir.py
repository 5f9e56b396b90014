"""Collections in BEIR's form: a folder with a corpus, queries and judgements (github.com/beir-cellar/beir).

    corpus.jsonl       {"_id": "d1", "title": "...", "text": "..."}
    queries.jsonl      {"_id": "q1", "text": "..."}
    qrels/test.tsv     query-id <tab> corpus-id <tab> score, with this line of names

Each of the three may be JSONL, CSV, TSV or Parquet, gzipped or not, and a folder of parts, as repositories `mteb/...`
on the Hugging Face hub have them (`corpus/test-00000-of-00001.parquet`, `id` for `_id`). The corpus is read one
document at a time and never held.
"""

from __future__ import annotations

import hashlib
import re
from array import array
from collections.abc import Collection as Names
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from pytest_modeleval.datasets import FolderRows, Row
from pytest_modeleval.errors import DataError
from pytest_modeleval.retrieval.beir_files import Part, PartStamp, find_part, has_part, read_part, stamps
from pytest_modeleval.retrieval.judgements import Gains, read_judgements

EXPECTED = "corpus.jsonl, queries.jsonl and qrels/test.tsv"
_SPLIT = re.compile(r"[\w-]+")
# Names that a message lists.
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True, eq=False)
class Collection:
    """One collection whose judgements fit its documents and queries."""

    name: str
    corpus: Part
    ids: tuple[str, ...]
    """Documents that have a text, in the order of the corpus."""
    lengths: Sequence[int] = field(repr=False)
    """Characters of their texts."""
    empty: tuple[str, ...]
    """Documents without a text. Nothing can be asked about them, and no ranking holds them."""
    queries: Mapping[str, str]
    """Id -> text, of the queries that have a judgement, in the order of their file."""
    gains: Mapping[str, Gains] = field(repr=False)
    """Query -> document -> gain."""
    without_relevant: tuple[str, ...]
    """Judged queries without any relevant document, to which no measure can be given."""
    sha256: str
    """Of all files."""

    def documents(self) -> Iterator[tuple[str, str]]:
        """Id and text of each document that has a text, in the order of `ids`, one at a time. Raises DataError."""
        for row in read_part(self.corpus):
            text = document_text(row)
            if text:
                yield document_id(row), text

    def texts(self) -> Iterator[str]:
        """The texts alone."""
        return (text for _, text in self.documents())

    def texts_of(self, wanted: Names[str]) -> dict[str, str]:
        """The texts of some documents, by id, read in one pass. Raises DataError."""
        return {document: text for document, text in self.documents() if document in wanted}


def document_id(row: Row) -> str:
    """The field `_id` or `id`, as a text. Raises DataError."""
    value = row["_id" if "_id" in row or "id" not in row else "id"]
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value:
        raise DataError(f"expected an id in field '_id', found {value!r:.60}, in {row.where}; correct the row")
    return value


def document_text(row: Row) -> str:
    """Title and text with a blank between, as BEIR joins them; "" if both are blank."""
    title = row.get("title") or ""
    if not isinstance(title, str):
        title = row.text("title")
    return f"{title} {row.text('text')}".strip()


class BeirReader:
    """Makes a row of each judged query; each folder with the three files is a subset.

    Options that are read: `split`, `gains` ("graded" or "binary") and `missing` ("error" or "drop": what is done about
    a judged document that the corpus lacks).
    """

    expected = EXPECTED

    def is_subset(self, folder: Path) -> bool:
        return all(has_part(folder, name) for name in ("corpus", "queries"))

    def read(self, folder: Path, name: str, options: Mapping[str, Any]) -> FolderRows:
        collection = open_collection(folder, name, options)
        reason = "none of its judged documents is relevant"
        return FolderRows(
            rows=[
                {"_id": query, "text": text, "gains": collection.gains[query], "folder": str(folder), "name": name}
                for query, text in collection.queries.items()
            ],
            sha256=collection.sha256,
            file=f"{name}/queries",
            excluded=dict.fromkeys(collection.without_relevant, reason),
        )


def open_collection(folder: Path, name: str, options: Mapping[str, Any]) -> Collection:
    """The collection in a folder; the same object while its files stay as they are.

    name: of the folder in messages. options: `split`, `gains` and `missing`, see BeirReader. Raises DataError: a file
    or column that is missing, an id that stands twice, a judged document that the corpus lacks.
    """
    parts = (
        find_part(folder, name, ["corpus"]),
        find_part(folder, name, ["queries"]),
        find_part(folder, name, _qrels_names(str(options.get("split", "test")))),
    )
    is_binary, drops = options.get("gains", "graded") == "binary", options.get("missing", "error") == "drop"
    return _opened(name, parts, tuple(map(stamps, parts)), is_binary, drops)


def _qrels_names(split: str) -> list[str]:
    """Files of a split, in the order in which they are looked for; one file without a split counts as test."""
    if not _SPLIT.fullmatch(split):
        raise DataError(
            f"expected a split such as test or dev, found {split!r:.60}; correct --eval-option BENCHMARK.split=NAME"
        )
    return [f"qrels/{split}", f"qrels_{split}", *(["qrels"] if split == "test" else [])]


@lru_cache(maxsize=8)
def _opened(
    name: str, parts: tuple[Part, Part, Part], _stamps: tuple[PartStamp, ...], is_binary: bool, drops: bool
) -> Collection:
    corpus, queries, qrels = parts
    texts = _query_texts(queries)
    judged = {query: gains for query, gains in read_judgements(qrels, is_binary=is_binary).items() if query in texts}
    if not judged:
        raise DataError(
            f"expected judgements of queries of {queries.name}, found none for any of its {len(texts):,} queries, in "
            f"{qrels.name}; compare their ids, or name another split with --eval-option BENCHMARK.split=NAME"
        )
    lengths = _document_lengths(corpus)
    gains = _known_only(judged, lengths, corpus, qrels, drops=drops)
    return Collection(
        name=name,
        corpus=corpus,
        ids=tuple(document for document, length in lengths.items() if length),
        lengths=array("q", filter(None, lengths.values())),
        empty=tuple(document for document, length in lengths.items() if not length),
        queries={query: text for query, text in texts.items() if query in gains},
        gains=gains,
        without_relevant=tuple(query for query, found in gains.items() if not any(gain > 0 for gain in found.values())),
        sha256=hashlib.sha256("".join(part.sha256() for part in parts).encode()).hexdigest(),
    )


def _query_texts(part: Part) -> dict[str, str]:
    texts: dict[str, str] = {}
    for row in read_part(part):
        query, text = document_id(row), row.text("text")
        if query in texts:
            raise _twice("query", query, row)
        if not text.strip():
            raise DataError(f"expected the text of query {query!r:.60}, found an empty one, in {row.where}; correct it")
        texts[query] = text
    return texts


def _document_lengths(part: Part) -> dict[str, int]:
    """Characters of each document, 0 for one without a text."""
    lengths: dict[str, int] = {}
    for row in read_part(part):
        document = document_id(row)
        if document in lengths:
            raise _twice("document", document, row)
        lengths[document] = len(document_text(row))
    if not any(lengths.values()):
        raise DataError(f"expected documents with a text, found none, in {part.name}; correct the file")
    return lengths


def _twice(what: str, name: str, row: Row) -> DataError:
    return DataError(
        f"expected every {what} to have its own id, found {name!r:.60} a second time in {row.where}; remove one of them"
    )


def _known_only(
    judged: Mapping[str, Gains], known: Names[str], corpus: Part, qrels: Part, *, drops: bool
) -> dict[str, Gains]:
    """The judgements of documents that the corpus has. Raises DataError for others, unless `drops`."""
    missing = [(query, document) for query, gains in judged.items() for document in gains if document not in known]
    if missing and not drops:
        shown = ", ".join(f"{document!r:.60} (query {query!r:.60})" for query, document in missing[:_MOST_NAMED])
        more = f" and {len(missing) - _MOST_NAMED:,} more" if len(missing) > _MOST_NAMED else ""
        raise DataError(
            f"expected every judged document in {corpus.name}, found none with the id {shown}{more}, judged in "
            f"{qrels.name}; complete the corpus, or leave these judgements out with "
            "--eval-option BENCHMARK.missing=drop"
        )
    return {
        query: {document: gain for document, gain in gains.items() if document in known}
        for query, gains in judged.items()
    }
