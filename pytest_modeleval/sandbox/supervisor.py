"""The first process of the sandbox: a warm interpreter that forks one process per run and watches it from outside.

Its source is sent into the sandbox and runs there as process 1 of a PID namespace: no signal of a program can end it,
and its end is the end of every process in the sandbox. It holds nothing that a program may not see: no expected output,
no environment, and of the plugin one socket, which a forked process closes before it runs the program.

Each report carries a ticket that the plugin sends for this run. The supervisor reads it from the socket after it has
forked, so the ticket never exists in the memory of the program's process, and a program that held the socket could
still not report. Standard library only.
"""

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
from typing import Any

from pytest_modeleval.sandbox import ipc, privileges, run_modes
from pytest_modeleval.sandbox.accounting import CgroupFiles, Footprint, Meter, Usage, footprint, process_ids
from pytest_modeleval.sandbox.descriptors import keep_only
from pytest_modeleval.sandbox.link import CallCounter
from pytest_modeleval.sandbox.scratch import ScratchFolders

WATCH_S = 0.05
_TICK_FACTOR = 3
TICKET_BYTES = 16
_MAX_INODES = 20_000
# Beyond the memory limit, for stacks and arenas that are reserved and never touched.
_RESERVED_BYTES = 2**30
WARM = (
    "abc array bisect builtins cmath collections copy ctypes dataclasses datetime decimal enum fractions functools "
    "heapq io itertools json marshal math numbers operator os queue random re select signal statistics string struct "
    "threading time traceback types typing"
)


def warm_up(packages_at: str, packages: Sequence[str] = ()) -> None:
    """Import the modules that contest programs import, once for all of them."""
    if packages_at and packages_at not in sys.path:
        sys.path.append(packages_at)
    for name in WARM.split():
        importlib.import_module(name)
    _import_fresh(packages)


class Supervisor:
    """Serves one plugin over one socket."""

    def __init__(self, channel: socket.socket, cgroup: CgroupFiles) -> None:
        self._channel, self._cgroup = channel, cgroup
        self._is_first = os.getpid() == 1
        self._scratch = ScratchFolders() if self._is_first else None
        self._base = Footprint()
        self._code_fd = -1

    def serve(self) -> None:
        """Answer the plugin's messages until its end of the socket closes."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
            # Process 1 cannot be sent a signal from within that it does not handle. A pytest that ignores SIGCHLD
            # hands that down, and then children could not be waited for.
            signal.signal(number, signal.SIG_DFL)
        run_modes.complete_builtins()
        sys.set_int_max_str_digits(0)
        has_seccomp = privileges.lock_down()
        self._settle()
        ipc.send(self._channel, {"pid": os.getpid(), "uid": os.getuid(), "has_seccomp": has_seccomp, **self._facts()})
        while True:
            try:
                message, fds = ipc.receive(self._channel)
            except EOFError:
                return
            is_load = message["do"] == "load"
            if is_load and self._code_fd >= 0:
                os.close(self._code_fd)
            report = self._run(message, fds)
            if is_load:
                self._code_fd = fds[1]
                if _import_fresh(message["warm"]):
                    self._settle()
            for fd in fds:
                if fd != self._code_fd:
                    os.close(fd)
            ipc.send(self._channel, report)

    def _settle(self) -> None:
        """Everything alive now is shared by all programs: keep the collector off it, and measure it."""
        gc.collect()
        gc.freeze()
        self._base = footprint("self")

    def _facts(self) -> dict[str, bool]:
        return {
            "has_proc": self._base != Footprint(),
            "has_cpu_cgroup": self._cgroup.cpu >= 0,
            "has_memory_cgroup": self._cgroup.memory >= 0,
        }

    def _run(self, message: dict[str, Any], fds: list[int]) -> dict[str, Any]:
        """Run one message's job in a process of its own and report what was seen of it."""
        meter = Meter(self._cgroup, self._base, is_first=self._is_first)
        # Not for the program: tells whether a caller waits for it.
        counter = CallCounter(fds.pop(), fds[3]) if message.get("has_counter") else None
        begun = time.monotonic()
        set_up, setting_up = os.pipe()
        child = os.fork()
        if child == 0:
            _become_program(message, fds, self._code_fd, setting_up)
        os.close(setting_up)
        ticket = self._channel.recv(TICKET_BYTES)
        if len(ticket) != TICKET_BYTES:
            os._exit(0)
        stopped, blocked_s = self._watch(child, meter, counter, message["limits"], begun)
        status, reaped_cpu_s, peak_bytes = self._end_all(child)
        # The child closes its end of this pipe before the program's first instruction: no program can forge it.
        is_set_up = os.read(set_up, 1) == b"1"
        os.close(set_up)
        if counter:
            os.close(counter.fd)
        return {
            "ticket": ticket.hex(),
            "is_set_up": is_set_up,
            "exit_code": os.waitstatus_to_exitcode(status),
            "stopped": stopped,
            "cpu_s": max(reaped_cpu_s, meter.cgroup_cpu_s()),
            "blocked_s": blocked_s,
            "wall_s": time.monotonic() - begun,
            "peak_bytes": peak_bytes,
            "is_dirty": not self._scratch.reset() if self._scratch else False,
        }

    def _watch(
        self, child: int, meter: Meter, counter: CallCounter | None, limits: dict[str, Any], begun: float
    ) -> tuple[str, float]:
        """Wait for the child's end or a limit: which limit ("" for none), and how long the run slept."""
        end = os.pidfd_open(child)
        poll = select.poll()
        poll.register(end, select.POLLIN)
        poll.register(self._channel, select.POLLHUP)
        blocked_s = 0.0
        try:
            while not (events := poll.poll(WATCH_S * 1000)):
                usage = meter.look(limits["memory_bytes"])
                if limits["is_blocking_counted"] or (counter and counter.is_owing()):
                    blocked_s += usage.asleep_s
                stopped = self._excess(usage, blocked_s, time.monotonic() - begun, limits)
                if stopped:
                    return stopped, blocked_s
            if any(fd != end for fd, _ in events):
                os._exit(0)  # the plugin is gone; the end of process 1 ends all others
        finally:
            os.close(end)
        return "", blocked_s

    def _excess(self, usage: Usage, blocked_s: float, wall_s: float, limits: dict[str, Any]) -> str:
        """The limit that is exceeded, "" for none: "cpu", "blocked", "wall", "memory" or "files"."""
        if usage.cpu_s > limits["cpu_s"]:
            return "cpu"
        if usage.memory_bytes > limits["memory_bytes"]:
            return "memory"
        if usage.cpu_s + blocked_s > limits["cpu_s"]:
            return "blocked"
        if wall_s > limits["wall_s"]:
            return "wall"
        return "files" if self._scratch and self._scratch.inodes() > _MAX_INODES else ""

    def _end_all(self, child: int) -> tuple[int, float, int]:
        """Kill and reap every process but this one: wait status of the child, CPU seconds of all, greatest RSS."""
        status, cpu_s, peak_bytes = 0, 0.0, 0
        while True:
            if self._is_first:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(-1, signal.SIGKILL)
            else:
                for name in process_ids(is_first=False):
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


def _import_fresh(names: Sequence[str]) -> bool:
    """Import packages of ours that a program mentions, once and not in every run; False if all were there."""
    fresh = [name for name in names if name not in sys.modules]
    for name in fresh:
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    return bool(fresh)


def _become_program(message: dict[str, Any], fds: list[int], code_fd: int, setting_up: int) -> None:
    """The forked process: take its descriptors and limits, and run the program. Never returns."""
    exit_code = 70
    try:
        code = code_fd if code_fd >= 0 else os.open("/dev/null", os.O_RDONLY)
        keep_only([*fds, code, setting_up], first=0)
        code_fd, setting_up = len(fds), len(fds) + 1
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.setsid()
        _limit(message["limits"])
        if message["do"] == "load":
            os.close(code_fd)
            exit_code = run_modes.compile_sources(setting_up)
        else:
            exit_code = run_modes.run(message, code_fd=code_fd, setting_up=setting_up)
    except BaseException as error:  # noqa: BLE001 - the plugin sees that the set-up never ended, and this text
        os.write(2, f"{type(error).__name__}: {error}"[:1000].encode(errors="replace"))
    finally:
        os._exit(exit_code)


def _limit(limits: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):
        # If memory runs out all the same, the kernel shall pick the program, not its supervisor. Without pathlib:
        # every page of code that a run touches first is a page fault of its own.
        score = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
        os.write(score, b"1000")
        os.close(score)
    privileges.lower_limit(resource.RLIMIT_CORE, 0)
    # The kernel holds this limit against clock ticks: among busy processes 2 s of them were 1.3 s (Linux 6.18). The
    # supervisor's own count is exact; this one is for where it sees nothing.
    privileges.lower_limit(resource.RLIMIT_CPU, int(_TICK_FACTOR * limits["cpu_s"]) + 1)
    privileges.lower_limit(resource.RLIMIT_FSIZE, limits["output_bytes"])
    privileges.lower_limit(resource.RLIMIT_NOFILE, limits["files"])
    privileges.lower_limit(resource.RLIMIT_NPROC, limits["processes"])
    privileges.lower_limit(resource.RLIMIT_MEMLOCK, 0)
    privileges.lower_limit(resource.RLIMIT_AS, limits["memory_bytes"] + _RESERVED_BYTES)
