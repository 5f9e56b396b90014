"""One row of a data file; reading a field of the wrong type raises an error that names file, line and field."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pytest_modeleval.datasets.lazy import FileOffset, LazyFields
from pytest_modeleval.errors import DataError
from pytest_modeleval.images import Image

if TYPE_CHECKING:
    from pathlib import Path

# The option that lets a page's rows name pictures by their http addresses.
REMOTE_IMAGES = "image_urls"
_INTEGER = re.compile(r"[+-]?[0-9]{1,4000}\Z")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SHOWN = 60


class Row(Mapping[str, Any]):
    """The fields of one row, as a mapping and through typed readers (`text`, `integer`, ...).

    subset, index: the subset it belongs to, and its number there counted from 0.
    file, line: the file's name in messages, and the line counted from 1 (in Parquet: the row).
    offset: makes the row's position on disk, for rows that can be read again.
    options: the values of the page's options.
    folder: that of the data file, for paths in rows; None for rows made by code.
    Every access raises DataError with the row's place, the expected type and the value found.
    """

    __slots__ = ("_fields", "_offset", "file", "folder", "index", "line", "options", "subset")

    def __init__(
        self,
        fields: Mapping[str, Any],
        *,
        subset: str,
        index: int,
        file: str,
        line: int,
        offset: Callable[[], FileOffset] | None = None,
        options: Mapping[str, Any] | None = None,
        folder: Path | None = None,
    ) -> None:
        self._fields = fields
        self.folder = folder
        self.options = options or {}
        self._offset = offset
        self.subset = subset
        self.index = index
        self.file = file
        self.line = line

    @property
    def where(self) -> str:
        """The row in messages, e.g. "aime25/AIME2025-I.jsonl, line 3"."""
        return f"{self.file}, {'row' if self.file.endswith('.parquet') else 'line'} {self.line}"

    def __getitem__(self, name: str) -> Any:
        try:
            return self._fields[name]
        except KeyError:
            raise DataError(
                f"expected a field {name!r}, found {', '.join(map(repr, self._fields)) or 'no field'}, "
                f"in {self.where}; rename the field in the data, or read another one in the benchmark"
            ) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __contains__(self, name: object) -> bool:
        return name in self._fields

    def __repr__(self) -> str:
        return f"<Row {self.where}: {', '.join(self._fields)}>"

    def get(self, name: str, default: Any = None) -> Any:
        """The field, or `default` where the row has no such field."""
        return self._fields.get(name, default)

    def text(self, name: str) -> str:
        """A field that holds text."""
        value = self[name]
        if isinstance(value, str):
            return value
        raise self._unlike(name, value, "text")

    def lazy(self, *names: str) -> LazyFields:
        """Text fields that are read from the file when `.texts()` is called, and not kept in memory.

        For large fields that only grading needs. That they exist and hold text is checked now.
        """
        values = {name: self.text(name) for name in names}
        if self._offset is None:
            return LazyFields(names, self.where, None, values)
        return LazyFields(names, self.where, self._offset())

    def image(self, name: str) -> Image:
        """A field that holds a picture in any form that `Image.read` takes; a path leads from the data file's folder.

        An http address is fetched only where the page declares `Option("image_urls", False)` and the user sets it.
        """
        return Image.read(
            self[name],
            folder=self.folder,
            where=f"{self.where}, field {name!r}",
            is_remote_allowed=self.options.get(REMOTE_IMAGES) is True,
        )

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts; also one written as a JSON array, as in a CSV column."""
        value = self[name]
        found = value
        if isinstance(value, str) and value.lstrip().startswith("["):
            try:
                found = json.loads(value)
            except (ValueError, RecursionError):
                found = value
        if isinstance(found, list | tuple) and all(isinstance(part, str) for part in found):
            return tuple(found)
        raise self._unlike(name, value, 'a list of texts (in CSV: a JSON array such as ["yes", "no"])')

    def integer(self, name: str) -> int:
        """A field that holds a whole number, as a number or in digits."""
        value = self[name]
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
            return int(value)
        if isinstance(value, str) and _INTEGER.match(value.strip()):
            return int(value)
        raise self._unlike(name, value, "a whole number")

    def letter(self, name: str, count: int) -> str:
        """A field that names one of `count` choices (at most 26): a letter from A, or a number counted from 0.

        Digits in text ("1") are refused: some data sets count from 0 and some from 1.
        """
        value = self[name]
        letters = _LETTERS[:count]
        if isinstance(value, str) and len(bare := value.strip().upper()) == 1 and bare in letters:
            return bare
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(letters):
            return letters[value]
        if isinstance(value, str) and value.strip().isdigit():
            hint = "digits in text may count from 0 or from 1: make the letter in the benchmark's sample function"
            raise self._unlike(name, value, f"a letter from A to {letters[-1:]}", hint)
        raise self._unlike(name, value, f"a letter from A to {letters[-1:]} or a number from 0 to {len(letters) - 1}")

    def _unlike(self, name: str, value: Any, expected: str, hint: str = "") -> DataError:
        shown = repr(value)
        if len(shown) > _SHOWN:
            shown = f"{shown[:_SHOWN]}... ({len(shown)} characters)"
        return DataError(
            f"expected {expected} in field {name!r}, found {type(value).__name__} {shown}, in {self.where}; "
            f"{hint or 'correct the row, or read the field another way in the benchmark'}"
        )
