"""The samples of a run as CSV and as Parquet, written as they are read."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from pytest_modeleval._support.extras import missing_extra
from pytest_modeleval.errors import SettingsError
from pytest_modeleval.exports.target import new_file
from pytest_modeleval.samples.record import SampleRecord
from pytest_modeleval.samples.rows import COLUMNS, rows

# A spreadsheet takes a cell that begins so for a formula, which may run a program (CWE-1236; full-width forms too).
_FORMULA = re.compile(r"\s*[=+\-@\uff0b\uff0d\uff1d\uff20]")
_NUMBER = re.compile(r"[+-]?\d[\d.,]*([eE][+-]?\d+)?")
_BATCH = 500


def write_csv(records: Iterable[SampleRecord], path: Path) -> None:
    """One row for each item, UTF-8. A text that a spreadsheet would take for a formula begins with an apostrophe."""
    with new_file(path) as draft, draft.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for row in rows(records):
            writer.writerow(map(_cell, row.values()))


def _cell(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = value.replace("\x00", "\ufffd")
    is_formula = _FORMULA.match(text) is not None and _NUMBER.fullmatch(text) is None
    return f"'{text}" if is_formula or text[:1] in ("\t", "\r") else text


def write_parquet(records: Iterable[SampleRecord], path: Path) -> None:
    """One row for each item; columns have the types of samples.rows.COLUMNS. Raises SettingsError without pyarrow."""
    if missing := missing_extra("export", ("pyarrow",)):
        raise SettingsError(f"--to parquet: {missing}")
    import pyarrow  # noqa: PLC0415 - a large package, for this format only
    from pyarrow import parquet  # noqa: PLC0415

    types = {str: pyarrow.string(), int: pyarrow.int64(), float: pyarrow.float64()}
    schema = pyarrow.schema([(name, types[kind]) for name, kind in COLUMNS.items()])
    with new_file(path) as draft, parquet.ParquetWriter(draft, schema) as writer:
        for batch in _batches(rows(records)):
            writer.write_table(pyarrow.Table.from_pylist(batch, schema=schema))


def _batches(found: Iterable[Mapping[str, Any]]) -> Iterable[list[Mapping[str, Any]]]:
    remaining = iter(found)
    return iter(lambda: list(islice(remaining, _BATCH)), [])
