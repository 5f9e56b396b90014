"""The guard: a small process between pytest and a server. It outlives pytest and stops the server for certain.

    python guard.py --status-fd N --mark UUID --owner PID [--stop-s S] [--abort-root URL] [--log FILE] -- COMMAND ...

Standard library only and run by its path, so that it starts in a few hundredths of a second and needs no package.
For the same reason it reads /proc itself: psutil would double its time to start and would have to be importable in
an isolated interpreter. It reads orders from its standard input, a pipe whose other end only pytest holds:

    ["key", ...]     (the first line, with --log) secrets that are replaced in the server's output
    stop 5.0         (a line) end the server; SIGKILL follows SIGTERM after so many seconds
    end of file      pytest is gone, possibly by kill -9: the same

and writes one JSON line to the status pipe when the server runs ({"pid": ...}) and one when it has ended
({"exit": ...}). It leads a session of its own, so that Ctrl-C in the terminal reaches neither it nor the server. It
adopts orphans (PR_SET_CHILD_SUBREAPER) and finds children that left the server's process group by the mark in their
environment. Outside of Linux it cannot find children that left the group.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_modeleval.server.log_pump import LogPump

MARK = "MODELEVAL_SERVER_MARK"
_PROC = Path("/proc")
_TICK_S = 0.05
# Between SIGKILL and the kernel having cleared a process with much memory; afterwards we can do nothing more.
_KILL_S = 8.0
_ABORT_S = 2.0
_SETTLE_S = 1.0
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def find_marked(mark: str) -> list[int]:
    """Other processes that carry the mark in their environment. Empty where there is no /proc."""
    wanted = f"{MARK}={mark}".encode()
    found: list[int] = []
    for entry in _numbered():
        if entry == os.getpid():
            continue
        try:
            if wanted in (_PROC / str(entry) / "environ").read_bytes().split(b"\0"):
                found.append(entry)
        except OSError:
            continue
    return found


def in_group(group: int) -> list[int]:
    """Running processes of a process group, zombies excluded."""
    found: list[int] = []
    for entry in _numbered():
        state = process_state(entry)
        if state is not None and state[0] not in "ZX" and state[1] == group:
            found.append(entry)
    return found


def process_state(pid: int) -> tuple[str, int, int, int] | None:
    """(state letter, process group, start time in clock ticks since boot, parent) of a process; None if none."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    # The name stands in brackets and may itself contain spaces and brackets.
    fields = text.rpartition(")")[2].split()
    return fields[0], int(fields[2]), int(fields[19]), int(fields[1])


def end_all(group: int, mark: str, stop_s: float, *, reap: Callable[[], object] = lambda: None) -> list[int]:
    """Send SIGTERM to the group and everything marked, then SIGKILL to what is left after stop_s.

    reap: collects ended children, where they are ours. Returns the processes that remain even so (none, unless the
    kernel itself is stuck). Takes at most stop_s + 8 s.
    """
    remaining = _members(group, mark)
    _signal_all(group, remaining, signal.SIGTERM)
    deadline = time.monotonic() + stop_s
    while (remaining := _members(group, mark)) and time.monotonic() < deadline:
        reap()
        time.sleep(_TICK_S)
    deadline = time.monotonic() + _KILL_S
    # Repeatedly: a process may fork between the listing and the signal.
    while (remaining := _members(group, mark)) and time.monotonic() < deadline:
        _signal_all(group, remaining, signal.SIGKILL)
        reap()
        time.sleep(_TICK_S)
    return remaining


def _members(group: int, mark: str) -> list[int]:
    if not _has_proc():
        return [group] if group > 1 and _group_exists(group) else []
    running = (pid for pid in find_marked(mark) if (state := process_state(pid)) and state[0] not in "ZX")
    return sorted({*running, *in_group(group)} - {os.getpid()})


def _children(parent: int) -> list[int]:
    return [pid for pid in _numbered() if (state := process_state(pid)) and state[3] == parent]


def _group_exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except PermissionError:
        return True
    except ProcessLookupError:
        return False
    return True


def _signal_all(group: int, pids: Sequence[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
            # A stopped process (Ctrl-Z, a debugger) would leave SIGTERM pending for ever.
            os.kill(pid, signal.SIGCONT)
        except (ProcessLookupError, PermissionError):
            continue
    if group > 1 and not _has_proc():
        try:
            os.killpg(group, number)
        except (ProcessLookupError, PermissionError):
            return


def _has_proc() -> bool:
    return (_PROC / "self").exists()


def _numbered() -> list[int]:
    try:
        return [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()]
    except OSError:
        return []


def _prctl(option: int, value: int) -> None:
    """Linux only; does nothing elsewhere."""
    if not sys.platform.startswith("linux"):
        return
    import ctypes  # noqa: PLC0415 (a hundredth of a second, needed on Linux only)

    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def _find_package() -> None:
    """Run by its path and isolated, this process does not find the package by itself."""
    folder = str(Path(__file__).resolve().parents[2])
    if folder not in sys.path:
        sys.path.insert(0, folder)


def _abort(root: str) -> None:
    """Make the server drop what it generates. Failures are ignored: the signals follow in any case."""
    try:
        _find_package()
        from pytest_modeleval._support.abort import abort  # noqa: PLC0415 - an HTTP client slows the start down

        abort(root, timeout_s=_ABORT_S)
    except Exception:  # noqa: BLE001 - a package deleted in mid-run must not keep the server alive
        return


class Guard:
    """Runs one server and ends it."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        mark: str,
        status_fd: int,
        stop_s: float,
        abort_root: str,
        owner: int = 0,
        log: str = "",
    ) -> None:
        self._command = list(command)
        self._mark = mark
        self._status_fd = status_fd
        self._stop_s = stop_s
        self._abort_root = abort_root
        self._owner = owner or os.getppid()
        self._log = log
        self._pump: LogPump | None = None
        self._statuses: dict[int, int] = {}
        self._wakeup, wakeup_in = os.pipe()
        os.set_blocking(wakeup_in, False)
        signal.set_wakeup_fd(wakeup_in, warn_on_full_buffer=False)
        self._is_stopping = False
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGCHLD):
            # A handler that does nothing, not SIG_IGN: the server would inherit that, and rely on its default.
            signal.signal(number, lambda *_: None)
        signal.signal(signal.SIGTERM, self._on_term)

    def run(self) -> int:
        """Start the command and wait until it and all of its children are gone; its exit status."""
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
        output = self._start_pump() if self._log else None
        try:
            server = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env={**os.environ, MARK: self._mark},
                # If the guard itself is killed the server must not stay.
                preexec_fn=lambda: _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL),  # noqa: PLW1509 (one thread only)
            )
        except OSError as error:
            self._report({"error": f"{self._command[0]}: {error.strerror}"})
            return 127
        finally:
            if output is not None:
                os.close(output)
        self._report({"pid": server.pid})
        stop_s = 0.0
        try:
            ordered_stop_s = self._watch(server.pid)
            if ordered_stop_s is None:
                if self._pump is not None:
                    # Pytest reads the last lines as soon as it learns of the end.
                    self._pump.settle(_SETTLE_S)
                # Reported before the cleaning, so that pytest learns of a death at once.
                self._report({"exit": self._exit_status(server.pid)})
            else:
                stop_s = ordered_stop_s
                if self._abort_root:
                    _abort(self._abort_root)
        finally:
            # After any exception too, no process may stay.
            self._end(server.pid, stop_s)
            if self._pump is not None:
                self._pump.finish(_SETTLE_S)
        status = self._exit_status(server.pid)
        if ordered_stop_s is not None:
            self._report({"exit": status})
        return status

    def _start_pump(self) -> int:
        """Start copying into the log; returns the descriptor for the server's output."""
        _find_package()
        from pytest_modeleval.server.log_pump import LogPump  # noqa: PLC0415 - only where there are secrets

        line = b""
        # Byte by byte: what follows is an order.
        while not line.endswith(b"\n") and (piece := os.read(sys.stdin.fileno(), 1)):
            line += piece
        source, output = os.pipe()
        self._pump = LogPump(source, self._log, json.loads(line or b"[]"))
        return output

    def _end(self, group: int, stop_s: float) -> None:
        """End everything, adopted orphans included, with or without the mark."""
        end_all(group, self._mark, stop_s, reap=self._reap)
        deadline = time.monotonic() + _KILL_S
        while self._reap() and time.monotonic() < deadline:
            _signal_all(group, _children(os.getpid()), signal.SIGKILL)
            time.sleep(_TICK_S)

    def _watch(self, pid: int) -> float | None:
        """Wait until the server ends (None) or is to be ended (the seconds between SIGTERM and SIGKILL)."""
        while True:
            self._reap()
            if pid in self._statuses:
                return None
            if self._is_stopping or os.getppid() != self._owner:
                return self._stop_s
            ready, _, _ = select.select([sys.stdin.fileno(), self._wakeup], [], [], 1.0)
            if self._wakeup in ready:
                os.read(self._wakeup, 4096)
            if sys.stdin.fileno() in ready:
                order = os.read(sys.stdin.fileno(), 4096).split()
                return float(order[1]) if len(order) > 1 else self._stop_s

    def _exit_status(self, pid: int) -> int:
        """The server's exit status, 128 + N where signal N ended it."""
        deadline = time.monotonic() + _KILL_S
        while pid not in self._statuses and time.monotonic() < deadline:
            self._reap()
            time.sleep(_TICK_S)
        code = os.waitstatus_to_exitcode(self._statuses.get(pid, signal.SIGKILL))
        return code if code >= 0 else 128 - code

    def _reap(self) -> bool:
        """Collect every child that has ended, adopted ones included; True if others still run."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            self._statuses[pid] = status

    def _on_term(self, *_: object) -> None:
        self._is_stopping = True

    def _report(self, message: dict[str, object]) -> None:
        try:
            os.write(self._status_fd, json.dumps(message).encode() + b"\n")
        except OSError:
            return


def main(arguments: Sequence[str] | None = None) -> int:
    """Run as a command."""
    parser = argparse.ArgumentParser(description="Keeps one server and ends it when its owner is gone.")
    parser.add_argument("--status-fd", type=int, required=True)
    parser.add_argument("--mark", required=True)
    parser.add_argument("--stop-s", type=float, default=5.0)
    parser.add_argument("--abort-root", default="")
    parser.add_argument("--owner", type=int, default=0)
    parser.add_argument("--log", default="")
    given = list(sys.argv[1:] if arguments is None else arguments)
    at = given.index("--")
    options = parser.parse_args(given[:at])
    os.set_inheritable(options.status_fd, False)
    guard = Guard(
        given[at + 1 :],
        mark=options.mark,
        status_fd=options.status_fd,
        stop_s=options.stop_s,
        abort_root=options.abort_root,
        owner=options.owner,
        log=options.log,
    )
    return guard.run()


if __name__ == "__main__":
    sys.exit(main())
