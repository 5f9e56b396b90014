"""Text fields of a row that are read from the file when they are used, so that large ones do not stay in memory.

    cases = row.lazy("public_tests", "private_tests")       # a handle: file and position
    ...
    public, private = cases.texts()                         # read now

If the file changed in between, reading raises DataError.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_modeleval.datasets.files import RecordPosition, Stamp, read_at
from pytest_modeleval.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class FileOffset:
    """Where a row is on disk."""

    path: Path
    file: str
    """The file's name in messages."""
    position: RecordPosition
    stamp: Stamp
    """The state of the file when the row was read."""


@dataclass(frozen=True, slots=True, eq=False)
class LazyFields:
    """Text fields of one row, made by `Row.lazy`.

    For uncompressed JSONL and for Parquet only the position is kept; for compressed files, CSV and inline rows the
    texts are.
    """

    names: tuple[str, ...]
    where: str
    """The row in messages: file and line."""
    offset: FileOffset | None = None
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The texts, where there is no offset."""

    def texts(self) -> tuple[str, ...]:
        """The fields, in the order of the names. Raises DataError if the file is another one now."""
        fields = self.values if self.offset is None else _read(self.offset, self.names)
        found = tuple(fields.get(name) for name in self.names)
        if not all(isinstance(text, str) for text in found):
            raise DataError(
                f"expected the text fields {', '.join(self.names)} that were there when the tests were collected, "
                f"found others, in {self.where}; run again"
            )
        return tuple(str(text) for text in found)


def _read(offset: FileOffset, names: tuple[str, ...]) -> Mapping[str, Any]:
    try:
        is_same = Stamp.of(offset.path) == offset.stamp
    except OSError:
        is_same = False
    if not is_same:
        raise DataError(
            f"expected the file as it was when the tests were collected, found it changed, at {offset.path}; run again"
        )
    return read_at(offset.path, offset.file, offset.position, names)
