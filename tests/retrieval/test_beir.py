"""Collections in BEIR's form: every form is read alike, and what does not fit is named."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_modeleval.errors import DataError
from pytest_modeleval.retrieval.beir import BeirReader, Collection, open_collection

DOCUMENTS = [
    {"_id": "d1", "title": "Wings", "text": "lift and drag"},
    {"_id": "d2", "title": "", "text": "plates"},
    {"_id": "d3", "title": " ", "text": "\n"},
    {"_id": "d4", "text": "heat"},
]
QUERIES = [
    {"_id": "q1", "text": "what is lift"},
    {"_id": "q2", "text": "what is heat"},
    {"_id": "q3", "text": "of another split"},
]
JUDGED = [("q1", "d1", 2), ("q1", "d2", 0), ("q1", "d3", 1), ("q2", "d4", 0), ("q9", "d77", 1)]


def lines(rows: Iterable[Mapping[str, Any]]) -> str:
    """As JSONL."""
    return "".join(json.dumps(row) + "\n" for row in rows)


def make(folder: Path, *, judged: Sequence[tuple[str, str, Any]] = tuple(JUDGED)) -> Path:
    """A collection as BEIR has it."""
    (folder / "qrels").mkdir(parents=True)
    (folder / "corpus.jsonl").write_text(lines(DOCUMENTS))
    (folder / "queries.jsonl").write_text(lines(QUERIES))
    with (folder / "qrels" / "test.tsv").open("w", newline="") as file:
        csv.writer(file, delimiter="\t").writerows([("query-id", "corpus-id", "score"), *judged])
    return folder


def opened(folder: Path, **options: Any) -> Collection:
    """The collection that stands there."""
    return open_collection(folder, folder.name, options)


def test_a_collection_is_read(tmp_path: Path) -> None:
    """Title and text in one, empty documents apart, queries of other splits left out, one without relevant excluded."""
    found = opened(make(tmp_path / "c"))
    assert list(found.documents()) == [("d1", "Wings lift and drag"), ("d2", "plates"), ("d4", "heat")]
    assert found.ids == ("d1", "d2", "d4")
    assert found.empty == ("d3",)
    assert found.queries == {"q1": "what is lift", "q2": "what is heat"}
    assert found.gains == {"q1": {"d1": 2.0, "d2": 0.0, "d3": 1.0}, "q2": {"d4": 0.0}}
    assert found.without_relevant == ("q2",)
    assert found.texts_of({"d4", "d3"}) == {"d4": "heat"}
    assert opened(tmp_path / "c") is found
    assert opened(tmp_path / "c", gains="binary").gains["q1"]["d1"] == 1.0
    rows = BeirReader().read(tmp_path / "c", "c", {})
    assert [row["_id"] for row in rows.rows] == ["q1", "q2"]
    assert rows.excluded == {"q2": "none of its judged documents is relevant"}


@pytest.mark.parametrize("form", ["gzip", "parquet", "hub", "one qrels file", "numbers as ids", "codes"])
def test_every_form_is_read_alike(tmp_path: Path, form: str) -> None:
    """JSONL, gzip, Parquet in parts as repositories mteb/... have it, judgements as JSONL, ids as numbers, codes."""
    expected = opened(make(tmp_path / "plain"))
    folder = make(tmp_path / "other")
    if form == "gzip":
        (folder / "corpus.jsonl").unlink()
        (folder / "corpus.jsonl.gz").write_bytes(gzip.compress(lines(DOCUMENTS).encode()))
    elif form in ("parquet", "hub"):
        to_parquet(folder, is_hub=form == "hub")
    else:
        (folder / "qrels" / "test.tsv").unlink()
        (folder / "qrels").rmdir()
        name = "raw" if form == "codes" else "score"
        judged = [(q, d, 5 - s if form == "codes" and s else s) for q, d, s in JUDGED]
        rows = [{"query-id": query, "corpus-id": document, name: score} for query, document, score in judged]
        (folder / "qrels.jsonl").write_text(lines(rows))
    if form == "numbers as ids":
        for name in ("corpus.jsonl", "queries.jsonl", "qrels.jsonl"):
            text = (folder / name).read_text()
            for letter in "dq":
                for number in "1234":
                    text = text.replace(f'"{letter}{number}"', number)
            (folder / name).write_text(text)
        assert opened(folder).gains["1"] == {"1": 2.0, "2": 0.0, "3": 1.0}
        return
    found = opened(folder)
    assert (found.ids, found.empty, found.queries) == (expected.ids, expected.empty, expected.queries)
    assert found.gains == (opened(tmp_path / "plain", gains="binary") if form == "codes" else expected).gains


def to_parquet(folder: Path, *, is_hub: bool) -> None:
    """Replace corpus and judgements by Parquet; of the hub in parts in folders, with `id` in place of `_id`."""
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    (folder / "corpus.jsonl").unlink()
    documents = [
        {"id" if is_hub else "_id": row["_id"], "title": row.get("title"), "text": row["text"]} for row in DOCUMENTS
    ]
    rows = [dict(zip(("query-id", "corpus-id", "score"), judged, strict=True)) for judged in JUDGED]
    (folder / "qrels" / "test.tsv").unlink()
    if not is_hub:
        parquet.write_table(pyarrow.Table.from_pylist(documents), folder / "corpus.parquet")
        parquet.write_table(pyarrow.Table.from_pylist(rows), folder / "qrels" / "test.parquet")
        return
    (folder / "corpus").mkdir()
    for number, part in enumerate((documents[:2], documents[2:])):
        parquet.write_table(pyarrow.Table.from_pylist(part), folder / "corpus" / f"test-0000{number}-of-00002.parquet")
    parquet.write_table(pyarrow.Table.from_pylist(rows), folder / "qrels" / "test-00000-of-00001.parquet")
    parquet.write_table(pyarrow.Table.from_pylist(rows[:1]), folder / "qrels" / "dev-00000-of-00001.parquet")


def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    """Rows and digest follow the files."""
    folder = make(tmp_path / "c")
    before = opened(folder)
    (folder / "queries.jsonl").write_text(lines(QUERIES[:1]))
    after = opened(folder)
    assert list(after.queries) == ["q1"]
    assert before.sha256 != after.sha256


FAULTS: dict[str, tuple[Any, str]] = {
    "judged document missing": ([("q1", "d1", 1), ("q1", "d9", 1)], r"'d9' \(query 'q1'\).*missing=drop"),
    "score twice": ([("q1", "d1", 1), ("q1", "d1", 2)], r"one score of document 'd1'.*found 1 and 2.*line 3"),
    "score no number": ([("q1", "d1", "yes")], r"a number in field 'score', found 'yes', in c/qrels/test.tsv, line 2"),
    "nan": ([("q1", "d1", "nan")], "a number in field 'score'"),
    "other queries": ([("x", "d1", 1)], r"none for any of its 3 queries"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_judgements_that_do_not_fit_are_named(tmp_path: Path, fault: str) -> None:
    """With what is expected, what was found, and where."""
    judged, message = FAULTS[fault]
    folder = make(tmp_path / "c", judged=judged)
    with pytest.raises(DataError, match=message):
        opened(folder)


def test_a_missing_document_may_be_dropped(tmp_path: Path) -> None:
    """The other judgements stay; a query that loses its only relevant document has none."""
    folder = make(tmp_path / "c", judged=[("q1", "d1", 1), ("q1", "d9", 1), ("q2", "d8", 1)])
    found = opened(folder, missing="drop")
    assert found.gains == {"q1": {"d1": 1.0}, "q2": {}}
    assert found.without_relevant == ("q2",)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "corpus.jsonl",
            lines([DOCUMENTS[0], DOCUMENTS[1], DOCUMENTS[0]]),
            "'d1' a second time in c/corpus.jsonl, line 3",
        ),
        ("corpus.jsonl", lines([{"_id": "d1", "txt": "x"}]), "expected a field 'text', found '_id', 'txt'"),
        ("corpus.jsonl", lines([{"doc": "d1", "text": "x"}]), "expected a field '_id'"),
        ("corpus.jsonl", lines([DOCUMENTS[2]]), "documents with a text, found none"),
        ("queries.jsonl", lines([{"_id": "q1", "text": " "}]), "text of query 'q1', found an empty one"),
        ("queries.jsonl", lines([QUERIES[0], QUERIES[0]]), "'q1' a second time"),
        ("qrels/test.tsv", "q1\td1\t1\n", "found no row below its first line"),
        (
            "qrels/test.tsv",
            "query-id\tdoc\tscore\nq1\td1\t1\n",
            "found 'query-id', 'doc', 'score', in c/qrels/test.tsv",
        ),
    ],
)
def test_files_that_do_not_fit_are_named(tmp_path: Path, name: str, content: str, message: str) -> None:
    """A doubled id, a wrong column, an empty text."""
    folder = make(tmp_path / "c")
    (folder / name).write_text(content)
    with pytest.raises(DataError, match=message):
        opened(folder)


def test_a_split_that_is_not_there_is_named(tmp_path: Path) -> None:
    """With the files that are there; a path is no split."""
    folder = make(tmp_path / "c")
    with pytest.raises(DataError, match=r"expected c/qrels/dev or c/qrels_dev.*found .*qrels/test.tsv"):
        opened(folder, split="dev")
    with pytest.raises(DataError, match="expected a split such as test"):
        opened(folder, split="../test")
    (folder / "corpus.csv").touch()
    with pytest.raises(DataError, match=r"expected one file c/corpus, found corpus\.jsonl and corpus.csv"):
        opened(folder)
    assert not BeirReader().is_subset(tmp_path)
