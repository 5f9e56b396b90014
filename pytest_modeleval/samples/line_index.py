"""Which lines of a run folder's journals belong to which item: requests with their replies, and failed attempts."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from pytest_modeleval.records import ItemKey, JsonObject
from pytest_modeleval.store.contents import JournalOffset
from pytest_modeleval.store.journal import JournalError, journal_files, read_line
from pytest_modeleval.store.journal_line import is_intact, read_lines

# Of one item: a conversation of hundreds of turns fits, a folder made to fill the memory does not.
MAX_LINES = 1_000
MAX_BYTES = 32 << 20
_WANTED = (b'{"type":"response"', b'{"type":"attempt"')


class LineIndex:
    """Item -> its lines, in the order of the journals. Grows with them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read_to: dict[Path, int] = {}
        self._lines: dict[ItemKey, list[JournalOffset]] = {}
        self._files: dict[Path, BinaryIO] = {}

    def refresh(self) -> None:
        """Take in all whole lines that were added since the last call. Raises RunFolderError for what is no file."""
        for path in journal_files(self._folder):
            for offset, length, line in read_lines(path, self._read_to.get(path, 0)):
                self._read_to[path] = offset + length
                if line is not None and line.startswith(_WANTED) and is_intact(line):
                    self._enter(line, JournalOffset(path, offset, length))

    def _enter(self, line: bytes, at: JournalOffset) -> None:
        try:
            key = item_of(orjson.loads(line))
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return
        self._lines.setdefault(key, []).append(at)

    def entries(self, key: ItemKey) -> tuple[list[JsonObject], int]:
        """The lines of an item, at most MAX_LINES and MAX_BYTES of the last ones; and how many are left out."""
        places = self._lines.get(key, [])
        kept = list(_last(places))[::-1]
        return [entry for entry in map(self._read, kept) if entry], len(places) - len(kept)

    @contextlib.contextmanager
    def held_open(self) -> Iterator[None]:
        """Opens each journal once for everything that is read inside; opening it for each line takes as long again."""
        with contextlib.ExitStack() as stack:
            self._files = {path: stack.enter_context(path.open("rb")) for path in journal_files(self._folder)}
            try:
                yield
            finally:
                self._files = {}

    def _read(self, place: JournalOffset) -> JsonObject:
        try:
            return read_line(place, self._files.get(place.path))
        except (JournalError, OSError, orjson.JSONDecodeError):
            # Another program has changed the folder since the line was indexed.
            return {}


def _last(places: list[JournalOffset]) -> Iterator[JournalOffset]:
    size = 0
    for place in places[: -MAX_LINES - 1 : -1]:
        size += place.length
        if size > MAX_BYTES:
            return
        yield place


def item_of(entry: Mapping[str, Any]) -> ItemKey:
    """The item of a line. Raises KeyError or TypeError where a field is missing or of another type."""
    names = entry["benchmark"], entry["subset"], entry["sample"]
    repeat = entry["repeat"]
    if not all(isinstance(text, str) for text in (*names, entry["key"])) or type(repeat) is not int:
        raise TypeError
    return ItemKey(*names, repeat)
