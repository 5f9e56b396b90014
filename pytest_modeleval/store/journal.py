"""The journal: what was asked, what came back, what it was worth. Append-only JSON Lines, one file per process.

A line is written in one go, when the thing happens or soon after (`hold`), so that a process can be killed at any
moment: what is lost then is made again from what is there. A torn last line (power cut, full disk) is fenced off by a
line break at the next start and passed over when reading.

Line types (docs/run-folder.md): plan, response, tool, attempt (failed), grade, ungraded.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from pytest_modeleval.errors import ModelEvalError
from pytest_modeleval.plan import Plan
from pytest_modeleval.records import ItemKey, JsonObject, Outcome
from pytest_modeleval.store.outcome_codec import outcome_from_json, outcome_to_json


class JournalError(ModelEvalError):
    """The journal cannot be written. Going on would lose answers, so the run stops."""


@dataclass(frozen=True, slots=True)
class JournalOffset:
    """Where a line stands: file, byte offset, length in bytes."""

    path: Path
    offset: int
    length: int


@dataclass(slots=True)
class Contents:
    """What the journals of a run folder hold.

    responses: request key -> place of its line. tools: the same for results of tools outside of the
    model. outcomes: the latest of each item, times: when it was entered. plans: as written.
    """

    responses: dict[str, JournalOffset] = field(default_factory=dict)
    tools: dict[str, JournalOffset] = field(default_factory=dict)
    outcomes: dict[ItemKey, Outcome] = field(default_factory=dict)
    times: dict[ItemKey, str] = field(default_factory=dict)
    plans: list[Plan] = field(default_factory=list)
    attempts: int = 0

    def enter(self, outcome: Outcome, time: str) -> None:
        """Keep an outcome unless a later one is known: the journals of several processes are read one after another."""
        if time >= self.times.get(outcome.key, ""):
            self.outcomes[outcome.key] = outcome
            self.times[outcome.key] = time


# The text of the last second: every line of the journal needs it.
_second: tuple[int, str] = (-1, "")


def utc_now() -> str:
    """The time as every file of ours has it: UTC, ISO 8601, to the millisecond."""
    global _second  # noqa: PLW0603
    now = time.time()
    second = int(now)
    known = _second
    if known[0] != second:
        known = _second = (second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second)))
    return f"{known[1]}.{int((now - second) * 1000):03d}Z"


# How many lines wait at most, and when the next one takes them along in any case: what is held when the process is
# killed has to be made anew.
HELD_LINES = 64
HELD_S = 0.5


class JournalWriter:
    """Appends to one journal file. Safe to use from several threads.

    A line that can be made anew from another (a grade, from its response) may be held: it is written together with the
    next line that cannot, or by flush().
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._held: list[bytes] = []
        self._held_since_s = 0.0
        try:
            self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
            self._end = os.lseek(self._file, 0, os.SEEK_END)
            if self._end and os.pread(self._file, 1, self._end - 1) != b"\n":
                self._end += os.write(self._file, b"\n")
        except OSError as error:
            raise JournalError(f"cannot write the journal {path}: {error.strerror}") from error

    def write(self, line: Mapping[str, Any]) -> JournalOffset:
        """Append one line. Raises JournalError if not all of it reached the file."""
        data = orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
        with self._lock:
            self._write([*self._held, data])
            return JournalOffset(self.path, self._end - len(data), len(data))

    def hold(self, line: Mapping[str, Any]) -> None:
        """Append one line soon: with the next one, by flush(), or when one waits for HELD_S. Raises as write()."""
        data = orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
        now_s = time.monotonic()
        with self._lock:
            if not self._held:
                self._held_since_s = now_s
            self._held.append(data)
            if len(self._held) >= HELD_LINES or now_s - self._held_since_s >= HELD_S:
                self._write(self._held)

    def flush(self) -> None:
        """Write what is held. Raises as write()."""
        if self._held:
            with self._lock:
                self._write(self._held)

    def _write(self, lines: list[bytes]) -> None:
        """Write lines, the held ones among them, in one go; the lock is held."""
        data = b"".join(lines)
        try:
            written = os.write(self._file, data)
        except OSError as error:
            raise JournalError(f"cannot write the journal {self.path}: {error.strerror}") from error
        self._end += written
        self._held = []
        if written != len(data):
            raise JournalError(f"cannot write the journal {self.path}: only {written} of {len(data)} bytes fit")

    def close(self) -> None:
        """Write what is held, make it last, and let go of the file. Raises as write(); the file is closed then too."""
        with self._lock:
            if self._file < 0:
                return
            try:
                if self._held:
                    self._write(self._held)
                os.fsync(self._file)
            finally:
                os.close(self._file)
                self._file = -1


# What json writers of ours put first; most of a journal's bytes are in lines that begin like this.
_RESPONSE = b'{"type":"response"'


class JournalReader:
    """Reads the journals of a folder, again and again as they grow.

    has_responses: False leaves responses out, several times faster where only outcomes are wanted.
    """

    def __init__(self, folder: Path, *, has_responses: bool = True) -> None:
        self._folder = folder
        self._has_responses = has_responses
        self._read_to: dict[Path, int] = {}
        self._own: Path | None = None
        self.contents = Contents()

    def exclude(self, path: Path) -> None:
        """Do not read this journal from now on: whoever writes it keeps contents up to date."""
        self._own = path

    def refresh(self) -> Contents:
        """Take in all whole lines that were added since the last call."""
        for path in journal_files(self._folder):
            if path == self._own:
                continue
            start = self._read_to.get(path, 0)
            if path.stat().st_size > start:
                end = start
                for offset, line in _lines(path, start):
                    end = offset + len(line)
                    if not self._has_responses and line.startswith(_RESPONSE):
                        continue
                    apply_line(self.contents, line, JournalOffset(path, offset, len(line)))
                self._read_to[path] = end
        return self.contents


def journal_files(folder: Path) -> list[Path]:
    """The journals of a run folder, in the order in which they are read."""
    return sorted(folder.glob("journal*.jsonl"))


def journal_lines(folder: Path) -> Iterator[bytes]:
    """Every whole line of a folder's journals, each with its line break."""
    for path in journal_files(folder):
        for _, line in _lines(path, 0):
            yield line


def apply_line(contents: Contents, line: bytes, place: JournalOffset) -> None:
    """Enter one journal line into contents. A line that is no JSON (torn) says nothing."""
    try:
        entry = orjson.loads(line)
        kind = entry["type"]
        if kind == "response":
            contents.responses.setdefault(entry["key"], place)
        elif kind == "tool":
            contents.tools.setdefault(entry["key"], place)
        elif kind in ("grade", "ungraded"):
            contents.enter(outcome_from_line(entry), entry["time"])
        elif kind == "plan":
            contents.plans.append(Plan.from_json(entry))
        elif kind == "attempt":
            contents.attempts += 1
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError, ValueError):
        return


def read_line(place: JournalOffset) -> JsonObject:
    """The line at a place."""
    with place.path.open("rb") as file:
        data = os.pread(file.fileno(), place.length, place.offset)
    found: JsonObject = orjson.loads(data)
    return found


def outcome_line(outcome: Outcome, *, version: str) -> JsonObject:
    """A grade or ungraded line. version: the benchmark's."""
    return {
        "type": "grade" if outcome.kind.is_verdict else "ungraded",
        "key": outcome.request_key,
        **outcome_to_json(outcome),
        "version": version,
        "time": utc_now(),
    }


def outcome_from_line(line: Mapping[str, Any]) -> Outcome:
    """The reverse of outcome_line. Raises KeyError, TypeError or ValueError where the line is damaged."""
    return outcome_from_json(line, request_key=line.get("key") or "")


def _lines(path: Path, start: int) -> Iterator[tuple[int, bytes]]:
    """(offset, line with its line break) of every whole line from `start` on."""
    with path.open("rb") as file:
        file.seek(start)
        offset = start
        for line in file:
            if not line.endswith(b"\n"):
                return
            yield offset, line
            offset += len(line)
