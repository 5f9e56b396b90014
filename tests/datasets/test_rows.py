"""Reading the fields of one row."""

from __future__ import annotations

import gzip
import json
import string
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modeleval.datasets import Row, each_row_of_parts, local, open_manifest, row_reader
from pytest_modeleval.datasets.files import Record, read_records
from pytest_modeleval.errors import DataError

# The machine's load is no property of a row.
untimed = settings(deadline=None)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=8,
)


def row(**fields: object) -> Row:
    """A row that stands in line 3 of a file."""
    return Row(fields, subset="europe", index=1, file="capitals/europe.jsonl", line=3)


def test_a_missing_field_is_told_with_place_and_found_fields() -> None:
    """An absent field names itself, the fields that are there, file and line, and a next step."""
    with pytest.raises(DataError) as caught:
        row(question="?", answer="A")["choices"]
    message = str(caught.value)
    for part in ("'choices'", "'question'", "'answer'", "capitals/europe.jsonl, line 3", "rename"):
        assert part in message


def test_a_row_is_a_mapping_of_its_fields() -> None:
    """dict() gives the fields back; `get`, `in` and len say what a dict would."""
    fields = {"a": 1, "b": None}
    made = row(**fields)
    assert dict(made) == fields
    assert len(made) == 2
    assert made.get("b", 7) is None
    assert made.get("c", 7) == 7
    assert "a" in made
    assert "c" not in made
    assert (made.subset, made.index, made.where) == ("europe", 1, "capitals/europe.jsonl, line 3")


def test_parquet_rows_are_counted_as_rows() -> None:
    """Where lines mean nothing the place says row."""
    assert Row({}, subset="s", index=0, file="a/b.parquet", line=4).where == "a/b.parquet, row 4"


@untimed
@given(VALUES, st.integers(0, 26))
def test_typed_access_gives_its_type_or_a_data_error(value: object, count: int) -> None:
    """Whatever a field holds, each reader gives its own type or a DataError that names the field."""
    made = row(field=value)
    refused = []
    for kind, read in ((str, made.text), (tuple, made.texts), (int, made.integer)):
        try:
            assert type(read("field")) is kind
        except DataError as error:
            refused.append(str(error))
    try:
        assert made.letter("field", count) in string.ascii_uppercase[:count]
    except DataError as error:
        refused.append(str(error))
    assert all("'field'" in message and "line 3" in message for message in refused)


@untimed
@given(st.lists(st.text()))
def test_a_list_of_texts_survives_a_csv_column(texts: list[str]) -> None:
    """Written as a JSON array, as CSV must, the same texts come back as from a list."""
    assert row(c=json.dumps(texts)).texts("c") == row(c=texts).texts("c") == tuple(texts)


@untimed
@given(st.integers())
def test_a_whole_number_is_read_from_digits(number: int) -> None:
    """Digits and numbers give the same integer."""
    assert row(n=str(number)).integer("n") == row(n=number).integer("n") == number


@pytest.mark.parametrize("value", [True, 1.5, "1.5", "", "one", None, float("nan"), float("inf"), 1e300, "1" * 5000])
def test_what_is_no_whole_number_is_refused(value: object) -> None:
    """Nothing is rounded, and True is not 1."""
    with pytest.raises(DataError, match="whole number"):
        row(n=value).integer("n")


@untimed
@given(st.integers(1, 26), st.data())
def test_index_and_letter_of_a_choice_agree(count: int, data: st.DataObject) -> None:
    """The k-th choice is the k-th letter, in either case, whichever way the data writes it."""
    index = data.draw(st.integers(0, count - 1))
    letter = string.ascii_uppercase[index]
    assert row(a=index).letter("a", count) == letter
    assert row(a=letter).letter("a", count) == letter
    assert row(a=f" {letter.lower()} ").letter("a", count) == letter


@pytest.mark.parametrize("value", ["E", 4, -1, True, "", "AB", "(A)", None, 1.0, ["A"]])
def test_a_choice_out_of_range_or_unclear_is_refused(value: object) -> None:
    """Only one of the first four letters, or 0 to 3, names one of four choices."""
    with pytest.raises(DataError, match="from A to D"):
        row(a=value).letter("a", 4)


def test_digits_in_text_are_refused_with_the_reason() -> None:
    """A "1" is the first choice in some data sets and the second in others."""
    with pytest.raises(DataError, match="count from 0 or from 1"):
        row(a="1").letter("a", 4)


def test_long_values_are_shortened_in_errors() -> None:
    """An error shows the beginning of a long value and its length, not all of it."""
    with pytest.raises(DataError) as caught:
        row(n="x" * 10_000).integer("n")
    assert len(str(caught.value)) < 400
    assert "10002 characters" in str(caught.value)


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz"])
def test_a_file_of_many_subsets_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str) -> None:
    """Rows of all subsets come in the order of the file, each with its subset and its index there."""
    lines = b"".join(b'{"part": "%s", "n": %d}\n' % (b"ab"[number % 2 : number % 2 + 1], number) for number in range(6))
    (tmp_path / f"all.{ending}").write_bytes(gzip.compress(lines) if ending.endswith("gz") else lines)
    dataset = local("all", subset_of=lambda row: row.text("part"))
    manifests = [
        open_manifest(
            dataset, subset, benchmark="x", version="1", data_dir=tmp_path, cache_dir=tmp_path / "c", sample_id=None
        )
        for subset in "ab"
    ]
    reads: list[Path] = []

    def counted(path: Path, file: str, wanted: set[int] | None = None) -> Iterator[Record]:
        reads.append(path)
        return read_records(path, file, wanted)

    monkeypatch.setattr(row_reader, "read_records", counted)
    rows = list(each_row_of_parts([(manifest, [0, 2]) for manifest in manifests], dataset))
    assert [(row.subset, row.index, row["n"]) for row in rows] == [("a", 0, 0), ("b", 0, 1), ("a", 2, 4), ("b", 2, 5)]
    assert len(reads) == 1
