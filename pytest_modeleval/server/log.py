"""Reads a server's log file while it grows, and keeps its last lines. Memory is bounded, whatever the server writes."""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING

from pytest_modeleval._support import redact

if TYPE_CHECKING:
    from pathlib import Path

LAST_LINES = 50
_MAX_BYTES_AT_ONCE = 1_000_000
_MAX_LINE = 2_000
_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


class LogTail:
    """Follows a log file."""

    size_bytes: int
    """How much of the file has been read."""

    def __init__(self, path: Path, *, start: int = 0) -> None:
        self.path = path
        self.size_bytes = start
        self._lines: deque[str] = deque(maxlen=LAST_LINES)
        self._open = ""

    @property
    def last_lines(self) -> tuple[str, ...]:
        """The newest lines, at most 50, without colours, control characters and secrets; the last may be incomplete."""
        lines = (*self._lines, clean_line(self._open)) if self._open else tuple(self._lines)
        return tuple(lines[-LAST_LINES:])

    def read(self) -> list[str]:
        """The lines that were completed since the last call.

        A progress bar that redraws itself with carriage returns counts as lines. Of more than a megabyte at once only
        the end is read.
        """
        try:
            with self.path.open("rb") as file:
                size = file.seek(0, 2)
                file.seek(max(self.size_bytes, size - _MAX_BYTES_AT_ONCE))
                raw = file.read(_MAX_BYTES_AT_ONCE)
                self.size_bytes = file.tell()
        except OSError:
            return []
        if not raw:
            return []
        text = (self._open + raw.decode(errors="replace")).replace("\r", "\n")
        *finished, self._open = text.split("\n")
        self._open = self._open[-_MAX_LINE:]
        lines = [clean_line(line) for line in finished if line.strip()]
        self._lines.extend(lines)
        return lines


def clean_line(line: str) -> str:
    """A line of a log, safe for a terminal and without secrets."""
    return redact.diagnostic(_CONTROL.sub(" ", _COLOUR.sub("", line[:_MAX_LINE])).rstrip())
