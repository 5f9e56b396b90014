"""Reading JSONL, CSV and Parquet, packed or not."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pytest_modeleval.datasets.files import SUFFIXES, count_records, parse_line, read_at, read_records
from pytest_modeleval.errors import DataError

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
FIELDS = st.dictionaries(TEXT, SCALARS | st.lists(SCALARS, max_size=3), max_size=4)
# One folder for all examples of a property: each writes its file anew.
reuses_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def write_jsonl(path: Path, rows: list[dict[str, object]]) -> Path:
    """Rows as JSON Lines, packed where the name says so."""
    content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(content) if path.name.endswith(".gz") else content)
    return path


def rows_of(path: Path, wanted: set[int] | None = None) -> list[dict[str, object]]:
    """All rows of a file."""
    return [record.fields for record in read_records(path, path.name, wanted)]


@reuses_folder
@given(st.lists(FIELDS, max_size=8), st.sampled_from(["rows.jsonl", "rows.jsonl.gz"]))
@example([{"q": "line\u2028separator\u0085and\x0cform feed"}], "rows.jsonl")
@example([{"n": 123456789012345678901234567890}, {"n": -(2**63) - 1}, {"n": 2**64}], "rows.jsonl")
def test_json_lines_come_back_exactly(tmp_path: Path, rows: list[dict[str, object]], name: str) -> None:
    """Written, read: equal, with integers beyond 64 bits unrounded and no split at exotic line ends."""
    path = write_jsonl(tmp_path / name, rows)
    read = rows_of(path)
    assert read == rows
    assert [[type(value) for value in row.values()] for row in read] == [
        [type(value) for value in row.values()] for row in rows
    ]
    assert count_records(path, name) == len(rows)


@reuses_folder
@given(st.lists(FIELDS, min_size=1, max_size=8), st.data())
def test_only_wanted_rows_are_given_with_their_places(
    tmp_path: Path, rows: list[dict[str, object]], data: st.DataObject
) -> None:
    """Blank lines are no rows but lines: ordinals count rows, line numbers count lines."""
    wanted = data.draw(st.sets(st.integers(0, len(rows) - 1)))
    blanks = data.draw(st.lists(st.integers(0, 2), min_size=len(rows), max_size=len(rows)))
    path = tmp_path / "blanks.jsonl"
    lines, expected = 0, []
    with path.open("wb") as stream:
        for ordinal, (row, blank) in enumerate(zip(rows, blanks, strict=True)):
            stream.write(b" \r\n" * blank + json.dumps(row).encode() + b"\r\n")
            lines += blank + 1
            if ordinal in wanted:
                expected.append((ordinal, lines, row))
    records = list(read_records(path, "f", wanted))
    assert [record[:3] for record in records] == expected
    for record in records:
        assert record.position is not None
        assert read_at(path, "f", record.position, ()) == record.fields
    assert count_records(path, "f") == len(rows)


def test_rows_that_are_not_wanted_are_not_parsed(tmp_path: Path) -> None:
    """A broken line after the last wanted row, or between wanted rows, harms nobody who does not want it."""
    path = tmp_path / "f.jsonl"
    path.write_bytes(b'{"a":1}\nbroken\n{"a":3}\nbroken too\n')
    assert rows_of(path, {0, 2}) == [{"a": 1}, {"a": 3}]
    with pytest.raises(DataError, match=r"f\.jsonl, line 2"):
        rows_of(path)


def test_a_byte_order_mark_is_tolerated(tmp_path: Path) -> None:
    """Windows editors put one before the first row; it belongs to none."""
    jsonl, table = tmp_path / "f.jsonl", tmp_path / "f.csv"
    jsonl.write_bytes(b'\xef\xbb\xbf{"a": "b"}\n')
    table.write_bytes(b"\xef\xbb\xbfa\nb\n")
    assert rows_of(jsonl) == rows_of(table) == [{"a": "b"}]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b'{"a": 1', "expected a JSON object"),
        (b"[1, 2]", "found a JSON list"),
        (b'"text"', "found a JSON str"),
        (b"{'a': 1}", "expected a JSON object"),
        (b'{"a": NaN}', "expected a JSON object"),
        (b'{"a": NaN, "n": 12345678901234567890123}', "NaN is not JSON"),
        (b'{"a": "\xff"}', "expected UTF-8, found byte 0xff at byte 8"),
        (b'{"a": "\xff", "n": 12345678901234567890123}', "expected UTF-8, found byte 0xff at byte 8"),
        (b'{"a": "\\ud800"}', "expected a JSON object"),
        (b"[" * 100_000, "expected a JSON object"),
        (b"[" * 100_000 + b"1" * 30, "expected a JSON object"),
        (b'{"n": ' + b"9" * 5000 + b"}", "expected a JSON object"),
    ],
)
def test_a_line_that_is_no_row_is_told_with_file_and_number(line: bytes, told: str) -> None:
    """Each way of being wrong names what was expected and found, the file and the line."""
    with pytest.raises(DataError) as caught:
        parse_line(line, "dir/f.jsonl", 7)
    message = str(caught.value)
    assert told in message
    assert "dir/f.jsonl, line 7" in message
    assert len(message) < 500


def test_an_array_in_a_jsonl_file_is_explained(tmp_path: Path) -> None:
    """The common mistake, a JSON document in place of JSON Lines, gets its own advice."""
    path = tmp_path / "f.jsonl"
    path.write_bytes(b'[\n{"a": 1}\n]\n')
    with pytest.raises(DataError, match="one object on each line"):
        rows_of(path)


@reuses_folder
@given(
    st.lists(TEXT.filter(bool), min_size=1, max_size=4, unique=True),
    st.lists(st.lists(TEXT, min_size=4, max_size=4), max_size=6),
    st.sampled_from(["rows.csv", "rows.csv.gz"]),
)
def test_csv_comes_back_exactly(tmp_path: Path, names: list[str], cells: list[list[str]], name: str) -> None:
    """Commas, quotes and line ends inside fields survive; every value is text."""
    # A row of one empty cell is a blank line to every CSV reader.
    rows = [row[: len(names)] for row in cells if any(row[: len(names)])]
    written = io.StringIO(newline="")
    csv.writer(written, quoting=csv.QUOTE_ALL).writerows([names, *rows])
    content = written.getvalue().encode()
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    assert rows_of(path) == [dict(zip(names, row, strict=True)) for row in rows]
    assert count_records(path, name) == len(rows)


def test_csv_line_numbers_count_line_ends_inside_fields(tmp_path: Path) -> None:
    """A record's place is the line where it begins, so that an editor finds it."""
    path = tmp_path / "f.csv"
    path.write_bytes(b'q,a\n"two\nlines",1\n\nnext,2\n')
    assert [(record.line, record.fields["q"]) for record in read_records(path, "f")] == [(2, "two\nlines"), (5, "next")]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"q,a\n1,2,3\n", "found 3, in f.csv, line 2"),
        (b"q,a\n1,2\n1\n", "found 1, in f.csv, line 3"),
        (b"q,q\n1,2\n", "distinct column names"),
        (b"q,\n1,2\n", "distinct column names"),
        (b"", "distinct column names"),
        (b'q,a\n"never closed,2\n', "in f.csv, line 2; correct the quoting"),
        (b"q,a\n1,\xff\n", "expected UTF-8, found byte 0xff"),
        (b"q,a\n1," + b"x" * ((16 << 20) + 1) + b"\n", "or save the file as JSONL"),
    ],
)
def test_csv_that_is_no_table_is_told_with_its_line(tmp_path: Path, content: bytes, told: str) -> None:
    """Wrong numbers of columns, column names, quotes and bytes are errors, never shifted fields."""
    path = tmp_path / "f.csv"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        rows_of(path)
    assert told in str(caught.value)


@pytest.mark.parametrize("number", [2**63 - 1, 2**63, 2**64, -(2**63) - 1, 10**30])
def test_numbers_are_exact_in_long_lines_too(number: int) -> None:
    """A row with a text of many thousand characters is read another way, and no integer is rounded there either."""
    fields = {"text": "x" * 100_000, "deep": [{"n": [number]}], "share": 0.25}
    assert parse_line(json.dumps(fields).encode(), "f", 1) == fields


@settings(reuses_folder, max_examples=20)
@given(st.integers(0, 3000), st.sets(st.integers(0, 2999), max_size=5))
def test_parquet_gives_rows_and_count(tmp_path: Path, count: int, wanted: set[int]) -> None:
    """All rows or the wanted ones, over several batches, nested values as Python values."""
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    rows = [{"n": n, "choices": [str(n), "x"]} for n in range(count)]
    path = tmp_path / "rows.parquet"
    schema = pyarrow.schema([("n", pyarrow.int64()), ("choices", pyarrow.list_(pyarrow.string()))])
    parquet.write_table(pyarrow.Table.from_pylist(rows, schema=schema), path, row_group_size=700)
    present = {ordinal for ordinal in wanted if ordinal < count}
    assert count_records(path, "rows.parquet") == count
    assert rows_of(path, present) == [rows[ordinal] for ordinal in sorted(present)]
    assert [record.line for record in read_records(path, "rows.parquet")] == list(range(1, count + 1))
    for record in read_records(path, "rows.parquet", present):
        assert record.position is not None
        assert read_at(path, "rows.parquet", record.position, ["choices"]) == {"choices": record.fields["choices"]}


@pytest.mark.parametrize("suffix", [suffix for suffix in SUFFIXES if suffix != ".csv"])
def test_a_file_of_noise_is_a_data_error(tmp_path: Path, suffix: str) -> None:
    """Bytes that are no such format end in a DataError that names the file."""
    path = tmp_path / f"noise{suffix}"
    path.write_bytes(bytes(range(256)) * 8)
    with pytest.raises(DataError, match="noise"):
        rows_of(path)


def test_a_cut_gzip_file_is_told(tmp_path: Path) -> None:
    """A download that ended early is an error, not fewer rows."""
    path = write_jsonl(tmp_path / "f.jsonl.gz", [{"n": n, "text": str(n) * 50} for n in range(200)])
    path.write_bytes(path.read_bytes()[:-40])
    for read in (count_records, lambda path, file: list(read_records(path, file))):
        with pytest.raises(DataError, match=r"whole gzip file.*f\.jsonl\.gz"):
            read(path, "f.jsonl.gz")


def test_a_file_that_cannot_be_opened_is_a_data_error(tmp_path: Path) -> None:
    """A folder where a file should be is told as such."""
    (tmp_path / "f.jsonl").mkdir()
    with pytest.raises(DataError, match="can be read"):
        rows_of(tmp_path / "f.jsonl")
