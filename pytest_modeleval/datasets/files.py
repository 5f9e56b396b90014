"""Data files as records: (line, fields) of JSONL, CSV and Parquet, gzip too, read in one pass and never whole.

A line that is no row is an error with file and line number, never a row that is left out.
"""

from __future__ import annotations

import contextlib
from typing import IO, TYPE_CHECKING, Any, NoReturn

from pytest_modeleval.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SUFFIXES = (".jsonl", ".jsonl.gz", ".csv", ".csv.gz", ".parquet")
_BOM = b"\xef\xbb\xbf"
# 19 digits in a row may not fit 64 bits, where orjson turns an integer into a rounded float without a word.
_LONG_DIGITS = b"0" * 19
_DIGITS = bytes.maketrans(b"123456789", b"0" * 9)


def count_records(path: Path, file: str) -> int:
    """How many rows the file holds, without parsing more than needed: lines that are not blank, CSV records, metadata.

    file: the file's name for people, for errors.
    """
    if path.name.endswith(".parquet"):
        with _parquet(path, file) as table:
            return int(table.metadata.num_rows)
    if ".csv" in path.suffixes[-2:]:
        return sum(1 for _ in _csv_records(path, file))
    with _opened(path, file) as stream:
        return sum(1 for line in stream if line.strip(b" \t\r\n"))


def read_records(path: Path, file: str, wanted: set[int] | None = None) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """The rows as (ordinal from 0, line from 1, fields), in the order of the file.

    wanted: only these ordinals are parsed and given, and reading ends after the last of them; None gives all.
    """
    if path.name.endswith(".parquet"):
        return _parquet_records(path, file, wanted)
    if ".csv" in path.suffixes[-2:]:
        records = _csv_records(path, file)
        return ((n, line, fields) for n, (line, fields) in enumerate(records) if wanted is None or n in wanted)
    return _json_records(path, file, wanted)


def parse_line(line: bytes, file: str, number: int) -> dict[str, Any]:
    """One line of JSONL as an object. Raises DataError with file and line number."""
    import orjson  # noqa: PLC0415 (imports of a data format are paid by those who read it)

    try:
        fields = _parse_exactly(line) if _LONG_DIGITS in line.translate(_DIGITS) else orjson.loads(line)
    except (ValueError, RecursionError) as error:
        _refuse_line(line, file, number, error)
    if not isinstance(fields, dict):
        raise DataError(f"expected a JSON object, found a JSON {type(fields).__name__}, in {file}, line {number}")
    return fields


def _json_records(path: Path, file: str, wanted: set[int] | None) -> Iterator[tuple[int, int, dict[str, Any]]]:
    ordinal = 0
    last = max(wanted, default=-1) if wanted is not None else None
    with _opened(path, file) as stream:
        for number, line in enumerate(stream, 1):
            if last is not None and ordinal > last:
                return
            bare = line.removeprefix(_BOM) if number == 1 else line
            if not bare.strip(b" \t\r\n"):
                continue
            if wanted is None or ordinal in wanted:
                yield ordinal, number, parse_line(bare, file, number)
            ordinal += 1


def _parse_exactly(line: bytes) -> Any:
    import json  # noqa: PLC0415

    def refuse(name: str) -> NoReturn:
        raise ValueError(f"{name} is not JSON")

    return json.loads(line.decode("utf-8"), parse_constant=refuse)


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
        hint = "mend or remove the line"
    if len(shown) > 60:
        shown = f"{shown[:60]}... ({len(text)} characters)"
    raise DataError(f"expected a JSON object, found {shown!r} ({error}), in {file}, line {number}; {hint}") from error


@contextlib.contextmanager
def _opened(path: Path, file: str) -> Iterator[IO[bytes]]:
    """The bytes of a file, unpacked. Lines end at line feeds only: other separators may occur inside a question."""
    import gzip  # noqa: PLC0415
    import zlib  # noqa: PLC0415

    try:
        with gzip.open(path, "rb") if path.name.endswith(".gz") else path.open("rb") as stream:
            yield stream  # type: ignore[misc]  # GzipFile is a binary stream in all but its annotations.
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"expected a whole gzip file, found {error}, in {file}; fetch or pack it again") from error
    except OSError as error:
        raise DataError(f"expected a file that can be read, found {error.strerror or error}, at {path}") from error


def _csv_records(path: Path, file: str) -> Iterator[tuple[int, dict[str, Any]]]:
    import csv  # noqa: PLC0415
    import io  # noqa: PLC0415

    line = 1
    with _opened(path, file) as raw:
        # newline="": line ends inside quotes belong to the field.
        reader = csv.reader(io.TextIOWrapper(raw, encoding="utf-8-sig", newline=""), strict=True)
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
                f"in {file}, line {line}; mend the quoting, or save the file as JSONL"
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
        with parquet.ParquetFile(path) as table:
            yield table
    except (ArrowException, OSError) as error:
        raise DataError(f"expected a Parquet file, found {error}, in {file}; fetch or write it again") from error


def _parquet_records(path: Path, file: str, wanted: set[int] | None) -> Iterator[tuple[int, int, dict[str, Any]]]:
    start = 0
    last = max(wanted, default=-1) if wanted is not None else None
    with _parquet(path, file) as table:
        for batch in table.iter_batches(batch_size=1024):
            if last is not None and start > last:
                return
            rows = range(batch.num_rows)
            if wanted is None or any(start + n in wanted for n in rows):
                fields = batch.to_pylist()
                for n in rows:
                    if wanted is None or start + n in wanted:
                        yield start + n, start + n + 1, fields[n]
            start += batch.num_rows
