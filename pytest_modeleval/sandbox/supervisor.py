"""The first process of the sandbox: a warm interpreter that forks one process per test and watches it from outside.

Its source is sent into the sandbox and runs there as process 1 of a PID namespace, so no signal of a program can
end it, and its end is the end of every process in there. It holds no secret: not what a test expects, not the
environment, not a descriptor but the socket to the plugin. Standard library only.
"""

# Paths here are arguments of system calls.
# ruff: noqa: PTH108, PTH110, PTH208
from __future__ import annotations

import contextlib
import gc
import importlib
import os
import resource
import select
import signal
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_modeleval.sandbox import ipc, privileges, run_modes

WATCH_S = 0.05
_PAGE = resource.getpagesize()
_TICK_S = 1.0 / os.sysconf("SC_CLK_TCK")
_WRITABLE = ("/tmp", "/dev/shm")  # noqa: S108 - the sandbox's own
_MAX_INODES = 20_000
_HIGH_FD = 100  # more than the supervisor ever holds open
# Beyond the memory limit, for stacks and arenas that are reserved and never touched.
_RESERVED_BYTES = 2**30
WARM = (
    "abc array bisect builtins cmath collections copy ctypes dataclasses datetime decimal enum fractions functools "
    "heapq io itertools json marshal math numbers operator os queue random re select signal statistics string struct "
    "threading time traceback types typing"
)


@dataclass(frozen=True, slots=True)
class Usage:
    """What all processes of a test use at this moment. runs: one of them is ready to run."""

    cpu_s: float
    memory_bytes: int
    runs: bool


def warm_up(packages_at: str, packages: Sequence[str] = ()) -> None:
    """Import what programs of contests import, once for all of them."""
    if packages_at and packages_at not in sys.path:
        sys.path.append(packages_at)
    for name in WARM.split():
        importlib.import_module(name)
    _warm(packages)


def serve(channel: socket.socket, *, is_first: bool) -> None:
    """Answer the plugin's messages until its side of the socket closes."""
    for number in (signal.SIGINT, signal.SIGTERM):
        # Without a handler process 1 cannot even be sent the signal from within.
        signal.signal(number, signal.SIG_DFL)
    run_modes.complete_builtins()
    sys.set_int_max_str_digits(0)
    base_bytes = _resident_bytes("self")
    has_seccomp = privileges.lock_down()
    gc.collect()
    gc.freeze()
    hello = {"pid": os.getpid(), "uid": os.getuid(), "has_seccomp": has_seccomp, "has_proc": bool(base_bytes)}
    ipc.send(channel, hello)
    code_fd = -1
    while True:
        try:
            message, fds = ipc.receive(channel)
        except EOFError:
            return
        if message["do"] == "load" and code_fd >= 0:
            os.close(code_fd)
        report = _watch(channel, message, fds, code_fd, is_first=is_first, base_bytes=base_bytes)
        if message["do"] == "load":
            code_fd = fds[1]
            base_bytes = _warm(message["warm"]) or base_bytes
        for fd in fds:
            if fd != code_fd:
                os.close(fd)
        ipc.send(channel, report)


def _warm(names: Sequence[str]) -> int:
    """Import packages of ours that the program mentions, once and not in every test; the new resident size."""
    fresh = [name for name in names if name not in sys.modules]
    for name in fresh:
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    if not fresh:
        return 0
    gc.collect()
    gc.freeze()
    return _resident_bytes("self")


def _watch(
    channel: socket.socket, message: dict[str, Any], fds: list[int], code_fd: int, *, is_first: bool, base_bytes: int
) -> dict[str, Any]:
    """Run one message's job in a process of its own and report what was seen of it from here."""
    limits = message["limits"]
    begun = time.monotonic()
    set_up, setting_up = os.pipe()
    child = os.fork()
    if child == 0:
        _be_child(message, fds, code_fd, setting_up)
    os.close(setting_up)
    end = os.pidfd_open(child)
    poll = select.poll()
    poll.register(end, select.POLLIN)
    poll.register(channel, select.POLLHUP)
    stopped, blocked_s, last_cpu_s, seen_at = "", 0.0, -1.0, begun
    try:
        while not (events := poll.poll(WATCH_S * 1000)):
            now = time.monotonic()
            usage = _usage(base_bytes)
            if limits["is_blocking_counted"] and not usage.runs and usage.cpu_s == last_cpu_s:
                # Asleep by its own will; time spent waiting for a core is not its fault.
                blocked_s += now - seen_at
            last_cpu_s, seen_at = usage.cpu_s, now
            stopped = _excess(usage, blocked_s, now - begun, limits)
            if stopped:
                break
        if any(fd != end for fd, _ in events):
            os._exit(0)  # the plugin is gone; the end of process 1 ends all others
    finally:
        os.close(end)
    status, cpu_s, peak_bytes = _end_all(child, is_first=is_first)
    # The child's end of the pipe is closed before the program's first instruction: no program can forge this.
    is_set_up = os.read(set_up, 1) == b"1"
    os.close(set_up)
    return {
        "is_set_up": is_set_up,
        "exit_code": os.waitstatus_to_exitcode(status),
        "stopped": stopped,
        "cpu_s": cpu_s,
        "blocked_s": blocked_s,
        "wall_s": time.monotonic() - begun,
        "peak_bytes": peak_bytes,
        "is_dirty": not _is_wiped() if is_first else False,
    }


def _excess(usage: Usage, blocked_s: float, wall_s: float, limits: dict[str, Any]) -> str:
    """Which limit is passed, "" if none: "cpu", "blocked", "wall", "memory" or "files"."""
    if usage.cpu_s > limits["cpu_s"]:
        return "cpu"
    if usage.memory_bytes > limits["memory_bytes"]:
        return "memory"
    if usage.cpu_s + blocked_s > limits["cpu_s"]:
        return "blocked"
    if wall_s > limits["wall_s"]:
        return "wall"
    for place in _WRITABLE if os.getpid() == 1 else ():
        with contextlib.suppress(OSError):
            files = os.statvfs(place)
            if files.f_files - files.f_ffree > _MAX_INODES:
                return "files"
    return ""


def _usage(base_bytes: int) -> Usage:
    """Everything that runs beside process 1. Without /proc it reads as nothing, and the limits per process rule."""
    cpu_s, memory_bytes, runs = 0.0, 0, False
    me = os.getpid()
    for name in _process_ids(me):
        try:
            fields = _stat(name)
            threads = os.listdir(f"/proc/{name}/task") if int(fields[17]) > 1 else []
            states = [fields[0], *(_stat(f"{name}/task/{thread}")[0] for thread in threads[:64])]
        except (OSError, IndexError, ValueError):
            continue
        cpu_s += (int(fields[11]) + int(fields[12]) + int(fields[13]) + int(fields[14])) * _TICK_S
        memory_bytes += max(0, int(fields[21]) * _PAGE - base_bytes)
        runs = runs or any(state in (b"R", b"D") for state in states)
    return Usage(cpu_s, memory_bytes, runs)


def _stat(place: str) -> list[bytes]:
    """The fields of /proc/PLACE/stat from the third on, the state; proc(5)."""
    # The name in brackets before them may hold anything, brackets too.
    return Path(f"/proc/{place}/stat").read_bytes().rpartition(b")")[2].split()


def _process_ids(me: int) -> list[str]:
    """The processes of a test: all but process 1 in the sandbox, else the descendants of the supervisor."""
    if me == 1:
        try:
            return [name for name in os.listdir("/proc") if name.isdigit() and name != "1"]
        except OSError:
            return []
    found: list[str] = []
    look_at = [str(me)]
    while look_at and len(found) < 4096:
        parent = look_at.pop()
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{parent}/task"):
                children = Path(f"/proc/{parent}/task/{thread}/children").read_text().split()
                found += children
                look_at += children
    return found


def _resident_bytes(process: str) -> int:
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError, ValueError):
        return 0


def _end_all(child: int, *, is_first: bool) -> tuple[int, float, int]:
    """Kill and reap every process but this one: wait status of the child, CPU seconds of all, greatest RSS."""
    status, cpu_s, peak_bytes = 0, 0.0, 0
    while True:
        if is_first:
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)
        else:
            for name in _process_ids(os.getpid()):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(name), signal.SIGKILL)
        try:
            pid, how, used = os.wait4(-1, 0)
        except ChildProcessError:
            return status, cpu_s, peak_bytes
        cpu_s += used.ru_utime + used.ru_stime
        peak_bytes = max(peak_bytes, used.ru_maxrss * 1024)
        if pid == child:
            status = how


def _is_wiped() -> bool:
    """Nothing is left of the test's files. False: the plugin takes a new sandbox."""
    is_empty = True
    for place in _WRITABLE:
        try:
            for number, entry in enumerate(os.scandir(place)):
                if number > 100 or entry.is_dir(follow_symlinks=False):
                    is_empty = False
                    break
                os.unlink(entry.path)
        except OSError:
            is_empty = is_empty and not os.path.exists(place)
    return is_empty


def _be_child(message: dict[str, Any], fds: list[int], code_fd: int, setting_up: int) -> None:
    """The forked process: takes its descriptors and limits, and becomes the program. Never returns."""
    exit_code = 70
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.setsid()
        wanted = [*fds, os.dup(code_fd) if code_fd >= 0 else os.open("/dev/null", os.O_RDONLY), setting_up]
        # First above every target, then down onto it; what is not named is closed.
        for number, fd in enumerate(wanted):
            os.dup2(fd, _HIGH_FD + number)
        for number in range(len(wanted)):
            os.dup2(_HIGH_FD + number, number)
        os.closerange(len(wanted), _HIGH_FD + len(wanted))
        _limit(message["limits"])
        code_fd, setting_up = len(wanted) - 2, len(wanted) - 1
        if message["do"] == "load":
            os.close(code_fd)
            exit_code = run_modes.compile_sources(setting_up)
        else:
            exit_code = run_modes.run(message, code_fd=code_fd, setting_up=setting_up)
    except BaseException as error:  # noqa: BLE001 - told to the plugin, which sees that the set-up never ended
        os.write(2, f"{type(error).__name__}: {error}"[:1000].encode(errors="replace"))
    finally:
        os._exit(exit_code)


def _limit(limits: dict[str, Any]) -> None:
    cpu_s = int(limits["cpu_s"]) + 1
    with contextlib.suppress(OSError):
        # Where memory runs out all the same, the kernel shall pick the program and not its supervisor. Not by pathlib:
        # every page of code that a test touches first is a page fault of its own.
        score = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
        os.write(score, b"1000")
        os.close(score)
    privileges.lower_limit(resource.RLIMIT_CORE, 0)
    privileges.lower_limit(resource.RLIMIT_CPU, cpu_s)
    privileges.lower_limit(resource.RLIMIT_FSIZE, limits["output_bytes"])
    privileges.lower_limit(resource.RLIMIT_NOFILE, limits["files"])
    privileges.lower_limit(resource.RLIMIT_NPROC, limits["processes"])
    privileges.lower_limit(resource.RLIMIT_MEMLOCK, 0)
    privileges.lower_limit(resource.RLIMIT_AS, limits["memory_bytes"] + _RESERVED_BYTES)
