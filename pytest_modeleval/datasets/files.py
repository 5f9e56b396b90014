"""Reads JSONL, CSV, TSV and Parquet files, also gzipped, as records: in one pass, or one record at a known position.

A line that does not hold a row is an error with file and line number; it is never skipped.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, NamedTuple, NoReturn

from pytest_modeleval.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

SUFFIXES = (".jsonl", ".jsonl.gz", ".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet")
_BOM = b"\xef\xbb\xbf"
# An integer of 19 digits may not fit 64 bits; orjson would silently round it to a float.
_LONG_DIGITS = b"0" * 19
_DIGITS = bytes.maketrans(b"123456789", b"0" * 9)
_ROUNDED_FROM = 2.0**63
_LONG_LINE = 2**16
# Rows of a Parquet file that are decoded at once; fewer where rows are large.
_BATCH_ROWS = 1024
_BATCH_BYTES = 8 * 2**20
# Characters; documents of a long prompt stand in one field.
_CSV_FIELD = 16 * 1024 * 1024
_READ_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Stamp:
    """Size, times and inode of a file: they change when the file does. Times in nanoseconds since 1970."""

    size_bytes: int
    mtime_ns: int
    ctime_ns: int
    inode: int

    @classmethod
    def of(cls, path: Path) -> Stamp:
        """The present state. ctime and inode see what a copy with kept times would hide."""
        found = path.stat()
        return cls(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


class RecordPosition(NamedTuple):
    """Where a record is in its file: (offset, length) in bytes for JSONL, (row group, row in it) for Parquet."""

    start: int
    extent: int


class Record(NamedTuple):
    """One row of a file.

    ordinal: counted from 0; line: from 1 (the row, in Parquet). position: None where reading cannot start in the
    middle (gzip, CSV).
    """

    ordinal: int
    line: int
    fields: dict[str, Any]
    position: RecordPosition | None = None


def count_records(path: Path, file: str) -> int:
    """The number of rows: non-blank lines, CSV records, or the count in the metadata of a Parquet file.

    file: the name that errors show.
    """
    if path.name.endswith(".parquet"):
        with _parquet(path, file) as table:
            return int(table.metadata.num_rows)
    if _delimiter(path):
        return sum(1 for _ in _csv_records(path, file))
    with _opened(path, file) as stream:
        return sum(1 for line in stream if line.strip(b" \t\r\n"))


def read_records(path: Path, file: str, wanted: set[int] | None = None) -> Iterator[Record]:
    """Yield the rows in the order of the file; one is in memory at a time.

    wanted: only these ordinals are parsed, and reading ends after the last of them; None for all.
    """
    if path.name.endswith(".parquet"):
        return _parquet_records(path, file, wanted)
    if _delimiter(path):
        records = _csv_records(path, file)
        return (Record(n, line, fields) for n, (line, fields) in enumerate(records) if wanted is None or n in wanted)
    return _json_records(path, file, wanted)


def read_at(path: Path, file: str, position: RecordPosition, names: Sequence[str]) -> dict[str, Any]:
    """Read one record again; the result may hold more than the named fields. Raises DataError."""
    if path.name.endswith(".parquet"):
        return _parquet_record(path, file, position, names)
    try:
        with path.open("rb") as stream:
            stream.seek(position.start)
            line = stream.read(position.extent)
    except OSError as error:
        raise DataError(f"expected a file that can be read, found {error.strerror or error}, at {path}") from error
    # The line number is unknown here, but the text was parsed before, so no error will name it.
    return parse_line(line.removeprefix(_BOM), file, 0)


def parse_line(line: bytes, file: str, number: int) -> dict[str, Any]:
    """One line of JSONL as an object. Raises DataError with file and line number."""
    import orjson  # noqa: PLC0415 (imports of a data format are paid by those who read it)

    try:
        if len(line) < _LONG_LINE:
            fields = _parse_exactly(line) if _LONG_DIGITS in line.translate(_DIGITS) else orjson.loads(line)
        else:
            # A long line is mostly long texts: checking its values costs less than checking its bytes.
            fields = orjson.loads(line)
            if _has_rounded(fields):
                fields = _parse_exactly(line)
    except (ValueError, RecursionError) as error:
        _refuse_line(line, file, number, error)
    if not isinstance(fields, dict):
        raise DataError(f"expected a JSON object, found a JSON {type(fields).__name__}, in {file}, line {number}")
    return fields


def _json_records(path: Path, file: str, wanted: set[int] | None) -> Iterator[Record]:
    ordinal = start = 0
    is_compressed = path.name.endswith(".gz")
    last = max(wanted, default=-1) if wanted is not None else None
    with _opened(path, file) as stream:
        for number, line in enumerate(stream, 1):
            if last is not None and ordinal > last:
                return
            position = None if is_compressed else RecordPosition(start, len(line))
            start += len(line)
            bare = line.removeprefix(_BOM) if number == 1 else line
            if not bare.strip(b" \t\r\n"):
                continue
            if wanted is None or ordinal in wanted:
                yield Record(ordinal, number, parse_line(bare, file, number), position)
            ordinal += 1


def _parse_exactly(line: bytes) -> Any:
    import json  # noqa: PLC0415

    def refuse(name: str) -> NoReturn:
        raise ValueError(f"{name} is not JSON")

    return json.loads(line.decode("utf-8"), parse_constant=refuse)


def _has_rounded(value: Any) -> bool:
    """True if the value holds a float that may be a rounded integer."""
    if isinstance(value, float):
        return abs(value) >= _ROUNDED_FROM
    if isinstance(value, list):
        return any(map(_has_rounded, value))
    return isinstance(value, dict) and any(map(_has_rounded, value.values()))


def _refuse_line(line: bytes, file: str, number: int, error: Exception) -> NoReturn:
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as bad:
        raise DataError(
            f"expected UTF-8, found byte 0x{line[bad.start]:02x} at byte {bad.start + 1} of {file}, line {number}; "
            "save the file as UTF-8"
        ) from error
    shown = text.strip()
    if number == 1 and shown.startswith("["):
        hint = "a JSON array is not JSON Lines: write one object on each line"
    else:
        hint = "correct or remove the line"
    if len(shown) > 60:
        shown = f"{shown[:60]}... ({len(text)} characters)"
    raise DataError(f"expected a JSON object, found {shown!r} ({error}), in {file}, line {number}; {hint}") from error


@contextlib.contextmanager
def _opened(path: Path, file: str) -> Iterator[IO[bytes]]:
    """The bytes of a file, decompressed. Lines end at line feeds only: other separators may be part of a question."""
    import gzip  # noqa: PLC0415
    import zlib  # noqa: PLC0415

    try:
        with gzip.open(path, "rb") if path.name.endswith(".gz") else path.open("rb", _READ_BYTES) as stream:
            yield stream  # type: ignore[misc]  # GzipFile is a binary stream in all but its annotations.
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"expected a whole gzip file, found {error}, in {file}; fetch or compress it again") from error
    except OSError as error:
        raise DataError(f"expected a file that can be read, found {error.strerror or error}, at {path}") from error


def _delimiter(path: Path) -> str:
    """The character between the fields of a table in text; "" for files that are none."""
    endings = path.suffixes[-2:]
    return "," if ".csv" in endings else "\t" if ".tsv" in endings else ""


def _csv_records(path: Path, file: str) -> Iterator[tuple[int, dict[str, Any]]]:
    import csv  # noqa: PLC0415
    import io  # noqa: PLC0415

    line = 1
    with _opened(path, file) as raw:
        # newline="": line ends inside quotes belong to the field.
        text = io.TextIOWrapper(raw, encoding="utf-8-sig", newline="")
        csv.field_size_limit(max(csv.field_size_limit(), _CSV_FIELD))
        reader = csv.reader(text, delimiter=_delimiter(path), strict=True)
        try:
            names = next(reader, [])
            if not names or "" in names or len(set(names)) != len(names):
                raise DataError(f"expected a first line of distinct column names, found {names!r}, in {file}, line 1")
            line = reader.line_num + 1
            for cells in reader:
                if cells:
                    if len(cells) != len(names):
                        raise DataError(
                            f"expected {len(names)} columns ({', '.join(names)}), found {len(cells)}, "
                            f"in {file}, line {line}; quote fields that hold commas or line ends"
                        )
                    yield line, dict(zip(names, cells, strict=True))
                line = reader.line_num + 1
        except csv.Error as error:
            raise DataError(
                f"expected CSV with fields of at most {csv.field_size_limit()} characters, found {error}, "
                f"in {file}, line {line}; correct the quoting, or save the file as JSONL"
            ) from error
        except UnicodeDecodeError as error:
            raise DataError(
                f"expected UTF-8, found byte 0x{error.object[error.start]:02x} in {file}, at or after line {line}; "
                "save the file as UTF-8"
            ) from error


@contextlib.contextmanager
def _parquet(path: Path, file: str) -> Iterator[Any]:
    from pyarrow import ArrowException, parquet  # noqa: PLC0415

    try:
        # Buffered: otherwise a whole column of a row group, however large, is read at once.
        with parquet.ParquetFile(path, buffer_size=_READ_BYTES) as table:
            yield table
    except (ArrowException, OSError) as error:
        raise DataError(f"expected a Parquet file, found {error}, in {file}; fetch or write it again") from error


def _parquet_records(path: Path, file: str, wanted: set[int] | None) -> Iterator[Record]:
    start = 0
    last = max(wanted, default=-1) if wanted is not None else None
    with _parquet(path, file) as table:
        size = _batch_rows(path, table)
        for group in range(table.num_row_groups):
            if last is not None and start > last:
                return
            row = 0
            for batch in table.iter_batches(batch_size=size, row_groups=[group]):
                rows = [n for n in range(row, row + batch.num_rows) if wanted is None or start + n in wanted]
                # Most of the cost is in to_pylist: without a wanted row it is not paid.
                fields = batch.to_pylist() if rows else []
                for n in rows:
                    yield Record(start + n, start + n + 1, fields[n - row], RecordPosition(group, n))
                row += batch.num_rows
            start += row


def _batch_rows(path: Path, table: Any) -> int:
    """Rows per batch: at most _BATCH_ROWS, and about _BATCH_BYTES."""
    row_bytes: int = path.stat().st_size // max(1, table.metadata.num_rows) + 1
    return min(_BATCH_ROWS, max(1, _BATCH_BYTES // row_bytes))


def _parquet_record(path: Path, file: str, position: RecordPosition, names: Sequence[str]) -> dict[str, Any]:
    row = 0
    with _parquet(path, file) as table:
        size = _batch_rows(path, table)
        for batch in table.iter_batches(batch_size=size, row_groups=[position.start], columns=list(names)):
            if position.extent < row + batch.num_rows:
                found: dict[str, Any] = batch.slice(position.extent - row, 1).to_pylist()[0]
                return found
            row += batch.num_rows
    raise DataError(
        f"expected row {position.extent + 1} in row group {position.start + 1}, found {row} rows there, in {file}"
    )
