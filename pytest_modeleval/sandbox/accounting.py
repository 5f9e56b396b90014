"""CPU time, memory and sleep of all processes of one run. Runs inside the sandbox; standard library only.

Two sources. A control group, where the plugin could create one (cgroup.py), counts exactly, including children that
no process waits for and shared memory that no process maps. Without one, /proc is summed over the whole tree: the
seccomp
filter keeps children from being reaped unseen, address space that may be shared counts as if it were resident, and
each AF_UNIX socket counts as what its buffers can hold.
"""

from __future__ import annotations

import contextlib
import os
import resource
import time
from dataclasses import dataclass
from pathlib import Path

_PAGE = resource.getpagesize()
_TICK_S = 1.0 / os.sysconf("SC_CLK_TCK")
_MAX_THREADS = 64
_MAX_DESCENDANTS = 4096
# Less than this share of an interval spent asleep is scheduling noise.
_NOISE_SHARE = 0.3
# asyncio needs 2 sockets. Each further one can hold twice the default send buffer (208 KiB) and one message.
_FREE_SOCKETS = 8
_SOCKET_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class CgroupFiles:
    """Open files of the sandbox's control group; -1 where there is none."""

    cpu: int = -1
    """cpu.stat (version 2) or cpuacct.usage (version 1)."""
    memory: int = -1
    """memory.current (version 2) or memory.usage_in_bytes (version 1)."""
    memory_stat: int = -1
    """memory.stat."""

    def cpu_s(self) -> float:
        """CPU seconds that the group has used so far."""
        text = os.pread(self.cpu, 4096, 0)
        # "usage_usec N ..." or nanoseconds.
        return int(text.split()[1]) / 1e6 if text.startswith(b"usage_usec") else int(text) / 1e9

    def memory_bytes(self, *, at_least: int = 0) -> int:
        """Memory of the group without cached files; cheaper where it is below at_least in any case."""
        used = int(os.pread(self.memory, 64, 0))
        if used <= at_least:
            return used
        lines = os.pread(self.memory_stat, 65_536, 0).split(b"\n")
        cached = sum(int(line.split()[1]) for line in lines if line.startswith((b"inactive_file ", b"active_file ")))
        return max(0, used - cached)


@dataclass(frozen=True, slots=True)
class Usage:
    """What all processes of a run use at one moment."""

    cpu_s: float
    """CPU seconds since the run began."""
    memory_bytes: int
    """Memory now."""
    asleep_s: float
    """Seconds since the previous look in which no process ran or was ready to run."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """Sizes of one process, from /proc/PID/statm."""

    private_bytes: int = 0
    """Resident anonymous memory."""
    shareable_bytes: int = 0
    """Address space that is no private writable memory: mapped files, and shared mappings whether resident or not."""


def footprint(process: str) -> Footprint:
    """Sizes of one process; zeros where /proc does not show it."""
    try:
        size, resident, shared, _text, _lib, data, *_ = map(int, Path(f"/proc/{process}/statm").read_bytes().split())
    except (OSError, ValueError):
        return Footprint()
    return Footprint(max(0, resident - shared) * _PAGE, max(0, size - data) * _PAGE)


class Meter:
    """Measures one run. Create it before the run's first process starts."""

    def __init__(self, cgroup: CgroupFiles, base: Footprint, *, is_first: bool) -> None:
        """base: footprint of the supervisor, which every process of the run inherits. is_first: this is process 1."""
        self._cgroup, self._base, self._is_first = cgroup, base, is_first
        self._own_cpu_s = time.process_time()
        self._cgroup_cpu_s = cgroup.cpu_s() if cgroup.cpu >= 0 else 0.0
        self._cgroup_bytes = cgroup.memory_bytes() if cgroup.memory >= 0 else 0
        self._busy_ns: dict[str, int] = {}
        self._last_cpu_s = 0.0
        self._seen_at = time.monotonic()

    def look(self, limit_bytes: int) -> Usage:
        """What the run uses now. limit_bytes: its memory limit; below it an estimate is good enough."""
        now = time.monotonic()
        interval_s, self._seen_at = now - self._seen_at, now
        cpu_s, memory_bytes, busy_s, is_ready = self._sum_processes()
        cpu_s = max(cpu_s, self.cgroup_cpu_s())
        if self._cgroup.memory >= 0:
            used = self._cgroup.memory_bytes(at_least=self._cgroup_bytes + limit_bytes)
            memory_bytes = max(0, used - self._cgroup_bytes)
        asleep_s = 0.0 if is_ready else max(0.0, interval_s - max(busy_s, cpu_s - self._last_cpu_s))
        self._last_cpu_s = cpu_s
        return Usage(cpu_s, memory_bytes, asleep_s if asleep_s > _NOISE_SHARE * interval_s else 0.0)

    def cgroup_cpu_s(self) -> float:
        """CPU seconds of the run by the control group, without this process; 0 without a group."""
        if self._cgroup.cpu < 0:
            return 0.0
        own_s = time.process_time() - self._own_cpu_s
        return max(0.0, self._cgroup.cpu_s() - self._cgroup_cpu_s - own_s)

    def _sum_processes(self) -> tuple[float, int, float, bool]:
        """CPU seconds, bytes, seconds busy since the last look, and whether a thread is ready or in a disk wait.

        Without /proc all of them are zero, and only the limits of each single process hold.
        """
        cpu_ticks, memory_bytes, is_ready = 0, 0, False
        busy_ns: dict[str, int] = {}
        for name in process_ids(is_first=self._is_first):
            try:
                fields = _stat(name)
                threads = os.listdir(f"/proc/{name}/task")[:_MAX_THREADS]  # noqa: PTH208 - names are enough
                states = [fields[0]] if len(threads) < 2 else [_stat(f"{name}/task/{id_}")[0] for id_ in threads]
                busy_ns.update((id_, _scheduled_ns(f"{name}/task/{id_}")) for id_ in threads)
            except (OSError, IndexError, ValueError):
                continue
            cpu_ticks += sum(map(int, fields[11:15]))
            is_ready = is_ready or any(state in (b"R", b"D") for state in states)
            sizes = footprint(name)
            memory_bytes += max(0, sizes.private_bytes - self._base.private_bytes)
            memory_bytes += max(0, sizes.shareable_bytes - self._base.shareable_bytes)
        busy_s = sum(max(0, ns - self._busy_ns.get(id_, 0)) for id_, ns in busy_ns.items()) / 1e9
        self._busy_ns = busy_ns
        if self._is_first:
            memory_bytes += max(0, _socket_count() - _FREE_SOCKETS) * _SOCKET_BYTES
        return cpu_ticks * _TICK_S, memory_bytes, busy_s, is_ready


def process_ids(*, is_first: bool) -> list[str]:
    """The processes of a run: all but process 1 in a PID namespace, else the descendants of this process."""
    if is_first:
        try:
            return [name for name in os.listdir("/proc") if name.isdigit() and name != "1"]  # noqa: PTH208
        except OSError:
            return []
    found: list[str] = []
    look_at = [str(os.getpid())]
    while look_at and len(found) < _MAX_DESCENDANTS:
        parent = look_at.pop()
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{parent}/task"):  # noqa: PTH208
                children = Path(f"/proc/{parent}/task/{thread}/children").read_text().split()
                found += children
                look_at += children
    return found


def _stat(place: str) -> list[bytes]:
    """The fields of /proc/PLACE/stat from the third on, the state; proc(5)."""
    # The name in parentheses before them may contain anything, parentheses too.
    return Path(f"/proc/{place}/stat").read_bytes().rpartition(b")")[2].split()


def _scheduled_ns(place: str) -> int:
    """Nanoseconds that a thread ran or waited for a core; 0 where the kernel does not count them."""
    try:
        ran, waited, _ = Path(f"/proc/{place}/schedstat").read_bytes().split()
        return int(ran) + int(waited)
    except (OSError, ValueError):
        return 0


def _socket_count() -> int:
    """Sockets of this network namespace; 0 where the kernel does not say."""
    try:
        return int(Path("/proc/self/net/sockstat").read_bytes().split()[2])
    except (OSError, IndexError, ValueError):
        return 0
