"""How much processor time the process has used that listens at a port: what computes does not hang. Linux only.

Only that process counts. SGLang's schedulers spin whether or not there is work, and would hide the death of the rest.
"""

from __future__ import annotations

import os
from pathlib import Path

from pytest_modeleval.server.guard import marked

_PROC = Path("/proc")
_LISTENING = "0A"


def cpu_seconds(port: int, mark: str) -> float | None:
    """Seconds of processor time, of user and system, of those processes with this mark that listen at the port.

    None if there is none: another system, a server in a container of its own, or a port without a listener.
    """
    wanted = _sockets(port)
    if not wanted:
        return None
    spent = [ticks for pid in marked(mark) if _holds(pid, wanted) and (ticks := _ticks(pid)) is not None]
    return sum(spent) / os.sysconf("SC_CLK_TCK") if spent else None


def _sockets(port: int) -> frozenset[str]:
    """The sockets that listen at a port, as links in /proc/PID/fd name them."""
    found = []
    for table in ("tcp", "tcp6"):
        try:
            lines = (_PROC / "net" / table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                found.append(f"socket:[{fields[9]}]")
    return frozenset(found)


def _holds(pid: int, sockets: frozenset[str]) -> bool:
    try:
        return any(str(entry.readlink()) in sockets for entry in (_PROC / str(pid) / "fd").iterdir())
    except OSError:
        return False


def _ticks(pid: int) -> int | None:
    try:
        text = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    # The name stands in brackets and may itself hold spaces and brackets.
    fields = text.rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
