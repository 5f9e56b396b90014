"""Fields of a row that are read again when they are needed, so that large ones need not wait in memory.

    cases = row.later("public_tests", "private_tests")      # a handle: file and place
    ...
    public, private = cases.texts()                         # read now, held by nobody else

A file that changed in between is an error, never another row's text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_modeleval.datasets.files import Place, Stamp, read_at
from pytest_modeleval.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class FileOffset:
    """Where a row lies on disk. file: its name for people. stamp: the state of the file when the row was read."""

    path: Path
    file: str
    place: Place
    stamp: Stamp


@dataclass(frozen=True, slots=True, eq=False)
class LazyFields:
    """Text fields of one row. names: which. where: the row for people.

    Where the file can be entered at a row (JSONL that is not packed, Parquet) nothing is held but its place; otherwise
    (packed files, CSV, inline rows) the texts themselves.
    """

    names: tuple[str, ...]
    where: str
    spot: FileOffset | None = None
    held: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def texts(self) -> tuple[str, ...]:
        """The fields, in the order of the names. Raises DataError if the file is another one now."""
        fields = self.held if self.spot is None else _read(self.spot, self.names)
        found = tuple(fields.get(name) for name in self.names)
        if not all(isinstance(text, str) for text in found):
            raise DataError(
                f"expected the text fields {', '.join(self.names)} that were there when the tests were collected, "
                f"found others, in {self.where}; run again"
            )
        return tuple(str(text) for text in found)


def _read(spot: FileOffset, names: tuple[str, ...]) -> Mapping[str, Any]:
    try:
        is_same = Stamp.of(spot.path) == spot.stamp
    except OSError:
        is_same = False
    if not is_same:
        raise DataError(
            f"expected the file as it was when the tests were collected, found it changed, at {spot.path}; run again"
        )
    return read_at(spot.path, spot.file, spot.place, names)
