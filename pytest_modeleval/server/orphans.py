"""Servers of ours that an earlier run left behind: known by a file with pids, start times and a mark, and ended.

Normally the guard ends them (guard.py). This is for the rest: the guard itself was killed, or the machine froze.
Nothing is ever ended by its name: only processes that carry the mark of the file, or the very process (same pid and
same start time, same boot) that the file names.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from pytest_modeleval._support.atomic_file import atomic_write
from pytest_modeleval.server.guard import end_all, in_group, marked, process_state

_MOST_BYTES = 100_000
_PATIENCE_S = 2.0


@dataclass(frozen=True, slots=True)
class ServerRecord:
    """What is written down of a running server. Start times are in clock ticks since boot (/proc/PID/stat)."""

    mark: str
    boot: str
    owner: int
    owner_start: int
    guard: int
    guard_start: int
    server: int
    server_start: int
    what: str

    def written(self, folder: Path) -> Path:
        """Write it into `folder`, whole or not at all."""
        path = folder / f"{self.mark}.json"
        atomic_write(path, json.dumps(asdict(self)).encode())
        return path


def state_dir() -> Path:
    """Where the traces are: private to the user, on this machine, gone with a reboot where the system does that."""
    base = os.environ.get("XDG_RUNTIME_DIR")
    if base and os.access(base, os.W_OK):
        folder = Path(base) / "pytest-modeleval"
    else:
        folder = Path(tempfile.gettempdir()) / f"pytest-modeleval-{os.getuid()}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def boot_id() -> str:
    """Tells one boot of one machine from every other; "" where the system does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def start_time(pid: int) -> int:
    """When a process started, in clock ticks since boot; 0 if there is no such process."""
    state = process_state(pid)
    return state[2] if state else 0


def clean(folder: Path) -> list[str]:
    """End what runs of ours left behind; a sentence for each server that was ended.

    A server whose pytest still runs is none of our business, nor is one whose guard still runs: that one ends it.
    """
    told: list[str] = []
    for path in sorted(folder.glob("*.json")):
        trace = _read(path)
        if trace is None:
            continue
        if trace.boot != boot_id():
            path.unlink(missing_ok=True)
            continue
        if _runs(trace.owner, trace.owner_start) or _runs(trace.guard, trace.guard_start):
            continue
        has_leader = _runs(trace.server, trace.server_start)
        # Without its leader the number of a group may long belong to somebody else.
        group = trace.server if has_leader else -1
        left = sorted({*marked(trace.mark), *(in_group(group) if has_leader else ())})
        if left:
            remaining = end_all(group, trace.mark, _PATIENCE_S)
            outcome = f"; {len(remaining)} could not be ended" if remaining else ""
            told.append(
                f"ended {len(left)} process{'es' if len(left) > 1 else ''} that an earlier run left behind "
                f"({trace.what}){outcome}"
            )
            if remaining:
                continue
        path.unlink(missing_ok=True)
    return told


def _runs(pid: int, start: int) -> bool:
    state = process_state(pid)
    return state is not None and start > 0 and state[2] == start and state[0] not in "ZX"


def _read(path: Path) -> ServerRecord | None:
    """A trace; None for a file that is not ours, not whole or not owned by this user."""
    try:
        if path.stat().st_uid != os.getuid() or path.stat().st_size > _MOST_BYTES:
            return None
        found = json.loads(path.read_text(encoding="utf-8"))
        trace = ServerRecord(**found)
    except (OSError, ValueError, TypeError):
        return None
    numbers = (trace.owner, trace.owner_start, trace.guard, trace.guard_start, trace.server, trace.server_start)
    if not all(isinstance(number, int) and number > 1 for number in numbers):
        return None
    is_text = isinstance(trace.mark, str) and isinstance(trace.boot, str) and isinstance(trace.what, str)
    # An empty mark would match every process that was started with an empty variable of that name.
    return trace if is_text and len(trace.mark) >= 16 else None
