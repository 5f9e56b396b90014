"""The journal: requests, responses and grades of a run. Append-only JSON Lines, one file per process.

A line is written in one go, at once or soon after (`hold`), so that a process can be killed at any moment: lost
lines are made again from the rest. A torn last line (power cut, full disk) is closed with a line break at the
next start.
Lines that are damaged are not used; readers list them.

Line types (docs/run-folder.md): plan, response, vectors, tool, point, attempt (failed), grade, ungraded, rescored. The
key of a response, under which a resumed run finds it again, is `client.body.request_key`.
"""

from __future__ import annotations

import contextlib
import os
import stat
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from pytest_modeleval.errors import ModelEvalError, RunFolderError
from pytest_modeleval.plan import Plan
from pytest_modeleval.records import JsonObject, Outcome
from pytest_modeleval.store.contents import Contents, DamagedLine, JournalOffset, OutcomeRank
from pytest_modeleval.store.journal_line import encode_line, is_intact, read_lines
from pytest_modeleval.store.outcome_codec import MAX_COUNT, item_key, outcome_from_json, outcome_to_json
from pytest_modeleval.store.stored_reply import is_reply
from pytest_modeleval.stress.point import PointResult

JOURNAL_FILE = "journal.jsonl"
"""The journal of a run without xdist, and of a merged run."""


class JournalError(ModelEvalError):
    """The journal cannot be written. Going on would lose answers, so the run stops."""


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


# A link is not followed: the file that it leads to may be anything. A pipe without a reader does not block.
_WRITE = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


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
        self._failure = ""
        try:
            self._file = os.open(path, _WRITE, 0o644)
            self._end = os.lseek(self._file, 0, os.SEEK_END)
            if self._end and os.pread(self._file, 1, self._end - 1) != b"\n":
                self._end += os.write(self._file, b"\n")
        except OSError as error:
            raise JournalError(f"cannot write the journal {path}: {error.strerror}") from error

    def write(self, line: Mapping[str, Any]) -> JournalOffset:
        """Append one line. Raises JournalError if not all of it reached the file."""
        data = encode_line(line)
        with self._lock:
            self._write([*self._held, data])
            return JournalOffset(self.path, self._end - len(data), len(data))

    def hold(self, line: Mapping[str, Any]) -> None:
        """Append one line soon: with the next one, by flush(), or when one waits for HELD_S. Raises as write()."""
        data = encode_line(line)
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
        if self._failure:
            # Whatever came after a line that is cut short would be damaged with it.
            raise JournalError(self._failure)
        data = b"".join(lines)
        try:
            written = os.write(self._file, data)
        except OSError as error:
            self._failure = f"cannot write the journal {self.path}: {error.strerror}"
            raise JournalError(self._failure) from error
        self._end += written
        self._held = []
        if written != len(data):
            self._failure = f"cannot write the journal {self.path}: only {written} of {len(data)} bytes fit"
            raise JournalError(self._failure)

    def close(self) -> None:
        """Write what is held, make it last, and let go of the file. The file is closed in any case.

        Raises as write(), and JournalError where another program changed the file meanwhile.
        """
        with self._lock:
            if self._file < 0:
                return
            try:
                if self._held:
                    self._write(self._held)
                os.fsync(self._file)
                if not self._failure:
                    self._check_unchanged()
            finally:
                os.close(self._file)
                self._file = -1

    def _check_unchanged(self) -> None:
        """Raises JournalError if the file is not what was written: cut, replaced, removed, or with other lines."""
        try:
            found = self.path.stat()
        except OSError:
            size = 0
        else:
            size = found.st_size if found.st_ino == os.fstat(self._file).st_ino else -1
        if size != self._end:
            raise JournalError(f"another program changed the journal {self.path} while it was written")


# The start of every response line; most bytes of a journal are in lines that begin like this.
_RESPONSE = b'{"type":"response"'


class JournalReader:
    """Reads the journals of a folder, again and again as they grow.

    has_responses: False leaves responses out, several times faster where only outcomes are wanted. rescoring: the
    number of an invocation whose outcomes count although its rescoring has not ended; 0 for none.
    """

    def __init__(self, folder: Path, *, has_responses: bool = True, rescoring: int = 0) -> None:
        self._folder = folder
        self._has_responses = has_responses
        self._read_to: dict[Path, int] = {}
        self._line_counts: dict[Path, int] = {}
        self._excluded: Path | None = None
        self.rescoring = rescoring
        self.contents = Contents()

    def exclude(self, path: Path) -> None:
        """Do not read this journal from now on: its writer keeps contents up to date."""
        self._excluded = path

    def refresh(self) -> Contents:
        """Take in all whole lines that were added since the last call. Raises RunFolderError for what is no file."""
        for path in journal_files(self._folder):
            if path == self._excluded:
                continue
            start = self._read_to.get(path, 0)
            if path.stat().st_size > start:
                for offset, length, line in read_lines(path, start):
                    self._line_counts[path] = self._line_counts.get(path, 0) + 1
                    self._read_to[path] = offset + length
                    if not self._take(line, JournalOffset(path, offset, length)):
                        self.contents.damaged.append(DamagedLine(path, self._line_counts[path]))
        return self.contents

    def _take(self, line: bytes | None, at: JournalOffset) -> bool:
        if line is None or not is_intact(line):
            return False
        if not self._has_responses and line.startswith(_RESPONSE):
            return True
        return apply_line(self.contents, line, at, rescoring=self.rescoring)


def journal_files(folder: Path) -> list[Path]:
    """The journals of a run folder, in the order in which they are read.

    Raises RunFolderError where one is a link, a pipe or a device: what it leads to may be anything.
    """
    found = sorted(folder.glob("journal*.jsonl"))
    for path in found:
        if not stat.S_ISREG(path.lstat().st_mode):
            raise RunFolderError(f"{path}: expected a journal, found {_kind_of_file(path)}; remove it")
    return found


def _kind_of_file(path: Path) -> str:
    mode = path.lstat().st_mode
    kinds = (("a link", stat.S_ISLNK), ("a folder", stat.S_ISDIR), ("a pipe", stat.S_ISFIFO))
    return next((name for name, is_kind in kinds if is_kind(mode)), "a device or socket")


def journal_lines(folder: Path) -> Iterator[bytes]:
    """Every whole and intact line of a folder's journals, each with its line break."""
    for path in journal_files(folder):
        for _, _, line in read_lines(path, 0):
            if line is not None and is_intact(line):
                yield line


def apply_line(contents: Contents, line: bytes, at: JournalOffset, *, rescoring: int = 0) -> bool:
    """Enter one journal line into contents; False if it is damaged."""
    try:
        entry = orjson.loads(line)
        kind = entry["type"]
        if kind == "response":
            return _apply_response(contents, entry, at)
        if kind == "tool":
            contents.tools.setdefault(_text(entry["key"]), at)
        elif kind == "point":
            contents.points[_text(entry["key"])] = item_key(entry), PointResult.from_json(entry["point"])
        elif kind in ("grade", "ungraded"):
            _apply_outcome(contents, entry, at, rescoring)
        elif kind == "rescored":
            _apply_rescored(contents, _count(entry["invocation"]))
        elif kind == "vectors":
            if "role" not in entry:
                contents.count_reply(_text(entry.get("benchmark", "")), entry.get("reply"), entry.get("attempts"))
        elif kind == "plan":
            contents.plans.append(Plan.from_json(entry))
        elif kind == "attempt":
            contents.count_failure(_text(entry.get("benchmark", "")), _text(entry.get("cause", "")))
        else:
            # Of a later version, perhaps.
            return isinstance(kind, str)
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError, ValueError):
        return False
    return True


def _apply_response(contents: Contents, entry: Mapping[str, Any], at: JournalOffset) -> bool:
    """Enter a reply; False if it is damaged. The first reply to a request is the one that counts."""
    reply = entry.get("reply")
    if isinstance(reply, dict) and not is_reply(reply):
        return False
    key, benchmark = _text(entry["key"]), _text(entry.get("benchmark", ""))
    if key in contents.responses:
        return True
    contents.responses[key] = at
    if "role" not in entry:
        contents.count_reply(benchmark, reply, entry.get("attempts"))
    return True


def _apply_outcome(contents: Contents, entry: Mapping[str, Any], at: JournalOffset, rescoring: int) -> None:
    outcome = outcome_from_line(entry)
    if outcome.kind.is_verdict is not (entry["type"] == "grade"):
        raise ValueError
    rank = OutcomeRank(_count(entry.get("invocation", 0)), _text(entry["time"]), at.path)
    if entry.get("rescore") and rank.invocation != rescoring and rank.invocation not in contents.rescored:
        contents.unfinished.setdefault(rank.invocation, []).append((outcome, rank))
    else:
        contents.enter(outcome, rank)


def _apply_rescored(contents: Contents, invocation: int) -> None:
    contents.rescored.add(invocation)
    for outcome, rank in contents.unfinished.pop(invocation, ()):
        contents.enter(outcome, rank)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_COUNT:
        raise ValueError
    return value


def read_line(at: JournalOffset, file: BinaryIO | None = None) -> JsonObject:
    """The entry of a line. Raises JournalError where the file has changed since it was read. file: it, opened."""
    with contextlib.ExitStack() as stack:
        if file is None:
            file = stack.enter_context(at.path.open("rb"))
        data = os.pread(file.fileno(), at.length, at.offset)
    if len(data) != at.length or not is_intact(data):
        raise JournalError(f"{at.path}: the journal was changed by another program while the run used it")
    found: JsonObject = orjson.loads(data)
    found.pop("crc", None)
    return found


def outcome_line(outcome: Outcome, *, version: str, invocation: int = 0, is_rescore: bool = False) -> JsonObject:
    """A grade or ungraded line. version: the benchmark's. invocation: which use of the folder, from 1."""
    return {
        "type": "grade" if outcome.kind.is_verdict else "ungraded",
        "key": outcome.request_key,
        **outcome_to_json(outcome),
        "version": version,
        "time": utc_now(),
        "invocation": invocation,
        **({"rescore": True} if is_rescore else {}),
    }


def rescored_line(invocation: int) -> JsonObject:
    """The line that makes the outcomes of a rescoring count, all at once."""
    return {"type": "rescored", "invocation": invocation, "time": utc_now()}


def outcome_from_line(line: Mapping[str, Any]) -> Outcome:
    """The reverse of outcome_line. Raises KeyError, TypeError or ValueError where the line is damaged."""
    return outcome_from_json(line, request_key=line.get("key") or "")
