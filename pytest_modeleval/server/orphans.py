"""Finds and ends servers that an earlier run of ours left behind, by a record of pids, start times and a mark.

Normally the guard ends them (guard.py). This is for the other cases: the guard itself was killed, or the machine froze.
No process is ever ended because of its name: only processes that carry the record's mark, or the exact process (same
pid, start time and boot) that it names.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from pytest_modeleval._support.atomic_file import atomic_write
from pytest_modeleval.server.guard import end_all, find_marked, in_group, process_state

_MOST_BYTES = 100_000
_STOP_S = 2.0


@dataclass(frozen=True, slots=True)
class ServerRecord:
    """The file about one running server. Start times are in clock ticks since boot (/proc/PID/stat)."""

    mark: str
    """The value of guard.MARK in the environment of its processes."""
    boot: str
    """boot_id of the machine when it was started."""
    owner: int
    """The pid of the pytest that started it."""
    owner_start: int
    guard: int
    guard_start: int
    server: int
    server_start: int
    what: str
    """For people: its name and pid."""

    def write(self, folder: Path) -> Path:
        """Write it into `folder`, whole or not at all."""
        path = folder / f"{self.mark}.json"
        atomic_write(path, json.dumps(asdict(self)).encode())
        return path


def state_dir() -> Path:
    """The folder of the records: private to the user and on this machine; some systems empty it at a reboot."""
    base = os.environ.get("XDG_RUNTIME_DIR")
    if base and os.access(base, os.W_OK):
        folder = Path(base) / "pytest-modeleval"
    else:
        folder = Path(tempfile.gettempdir()) / f"pytest-modeleval-{os.getuid()}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def boot_id() -> str:
    """An id of this boot of this machine; "" where the system has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def start_time(pid: int) -> int:
    """The start of a process in clock ticks since boot; 0 if there is no such process."""
    state = process_state(pid)
    return state[2] if state else 0


def clean(folder: Path) -> list[str]:
    """End what earlier runs left behind; returns a sentence for each server that was ended.

    A server whose pytest or guard still runs is left alone: the guard will end it.
    """
    reports: list[str] = []
    for path in sorted(folder.glob("*.json")):
        record = _read(path)
        if record is None:
            continue
        if record.boot != boot_id():
            path.unlink(missing_ok=True)
            continue
        if _runs(record.owner, record.owner_start) or _runs(record.guard, record.guard_start):
            continue
        report, is_ended = _end_server(record)
        if report:
            reports.append(report)
        if is_ended:
            path.unlink(missing_ok=True)
    return reports


def _end_server(record: ServerRecord) -> tuple[str, bool]:
    """End the processes of a server; a sentence ("" if none was left), and True if all of them ended."""
    has_leader = _runs(record.server, record.server_start)
    # Without its leader the group's number may already belong to other processes.
    group = record.server if has_leader else -1
    left = {*find_marked(record.mark), *(in_group(group) if has_leader else ())}
    if not left:
        return "", True
    remaining = end_all(group, record.mark, _STOP_S)
    outcome = f"; {len(remaining)} could not be ended" if remaining else ""
    processes = "processes" if len(left) > 1 else "process"
    return f"ended {len(left)} {processes} that an earlier run left behind ({record.what}){outcome}", not remaining


def _runs(pid: int, start: int) -> bool:
    state = process_state(pid)
    return state is not None and start > 0 and state[2] == start and state[0] not in "ZX"


def _read(path: Path) -> ServerRecord | None:
    """A record; None for a file of another kind or user, or one that is incomplete."""
    try:
        if path.stat().st_uid != os.getuid() or path.stat().st_size > _MOST_BYTES:
            return None
        found = json.loads(path.read_text(encoding="utf-8"))
        record = ServerRecord(**found)
    except (OSError, ValueError, TypeError):
        return None
    return record if _is_complete(record) else None


def _is_complete(record: ServerRecord) -> bool:
    """True if every field has its type and the mark is long enough."""
    numbers = (record.owner, record.owner_start, record.guard, record.guard_start, record.server, record.server_start)
    if not all(isinstance(number, int) and number > 1 for number in numbers):
        return False
    is_text = all(isinstance(text, str) for text in (record.mark, record.boot, record.what))
    # An empty mark would match every process that was started with an empty variable of that name.
    return is_text and len(record.mark) >= 16
