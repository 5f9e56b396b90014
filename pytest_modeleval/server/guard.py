"""The guard: a small process between pytest and a server, which outlives pytest and stops the server for certain.

    python guard.py --status-fd N --mark UUID --owner PID [--stop-s S] [--abort-url URL] -- COMMAND ...

Standard library only and run by its path, so that it starts in a few hundredths of a second and needs no package.
It reads orders from its standard input, a pipe whose other end only pytest holds:

    stop 5.0         (a line) end the server, with so many seconds of patience before SIGKILL
    end of file      pytest is gone, be it by kill -9: the same

and writes one JSON line to the status pipe when the server runs ({"pid": ...}), one when it ended ({"exit": ...}).
It leads a session of its own, so that Ctrl-C in the terminal does not reach it or the server; it adopts orphans
(PR_SET_CHILD_SUBREAPER), and it finds children that left the server's process group by the mark in their
environment. What it cannot do: find children that cleared their environment and were not adopted (not on Linux).
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

MARK = "MODELEVAL_SERVER_MARK"
_PROC = Path("/proc")
_TICK_S = 0.05
# Between SIGKILL and the kernel having cleared a process with much memory; afterwards we can do nothing more.
_KILL_S = 8.0
_ABORT_S = 2.0
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def marked(mark: str) -> list[int]:
    """Processes that carry the mark in their environment, this one excepted. Empty where there is no /proc."""
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
    """Processes of a process group that still run (a zombie does not)."""
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
    # The name stands in brackets and may itself hold spaces and brackets.
    fields = text.rpartition(")")[2].split()
    return fields[0], int(fields[2]), int(fields[19]), int(fields[1])


def end_all(group: int, mark: str, patience_s: float, *, reap: Callable[[], object] = lambda: None) -> list[int]:
    """SIGTERM to the group and everything marked, then SIGKILL to what is left after patience_s.

    reap: collects ended children, where they are ours. Gives the processes that even so remain (none, unless the
    kernel itself is stuck). Bounded by patience_s + 8 s.
    """
    remaining = _members(group, mark)
    _signal_all(group, remaining, signal.SIGTERM)
    deadline = time.monotonic() + patience_s
    while (remaining := _members(group, mark)) and time.monotonic() < deadline:
        reap()
        time.sleep(_TICK_S)
    deadline = time.monotonic() + _KILL_S
    # Again and again: a process may fork between the look and the signal.
    while (remaining := _members(group, mark)) and time.monotonic() < deadline:
        _signal_all(group, remaining, signal.SIGKILL)
        reap()
        time.sleep(_TICK_S)
    return remaining


def _members(group: int, mark: str) -> list[int]:
    if not _has_proc():
        return [group] if group > 1 and _group_exists(group) else []
    running = (pid for pid in marked(mark) if (state := process_state(pid)) and state[0] not in "ZX")
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
            # A stopped process (Ctrl-Z, a debugger) would keep SIGTERM pending for ever.
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
    """Linux only; elsewhere nothing."""
    if not sys.platform.startswith("linux"):
        return
    import ctypes  # noqa: PLC0415 (a hundredth of a second, needed on Linux only)

    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def _abort(url: str) -> None:
    """Tell the server to drop what it generates; whatever goes wrong, the signals follow."""
    import urllib.request  # noqa: PLC0415

    request = urllib.request.Request(  # noqa: S310 (the address is made by us)
        url, data=b'{"rid": "", "abort_all": true}', headers={"Content-Type": "application/json"}
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        opener.open(request, timeout=_ABORT_S).close()
    except Exception:  # noqa: BLE001 (a server that is broken may answer anything; the guard must live on)
        return


class Guard:
    """One server and its end."""

    def __init__(
        self, command: Sequence[str], *, mark: str, status_fd: int, stop_s: float, abort_url: str, owner: int = 0
    ) -> None:
        self._command = list(command)
        self._mark = mark
        self._status_fd = status_fd
        self._stop_s = stop_s
        self._abort_url = abort_url
        self._owner = owner or os.getppid()
        self._statuses: dict[int, int] = {}
        self._wakeup, wakeup_in = os.pipe()
        os.set_blocking(wakeup_in, False)
        signal.set_wakeup_fd(wakeup_in, warn_on_full_buffer=False)
        self._is_told_to_stop = False
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGCHLD):
            # A handler that does nothing, not SIG_IGN: the server would inherit that, and rely on its default.
            signal.signal(number, lambda *_: None)
        signal.signal(signal.SIGTERM, self._on_term)

    def run(self) -> int:
        """Start the command and stay until it and all of its children are gone; its exit status."""
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
        try:
            server = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                env={**os.environ, MARK: self._mark},
                # If the guard itself is killed the server must not stay.
                preexec_fn=lambda: _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL),  # noqa: PLW1509 (one thread only)
            )
        except OSError as error:
            self._say({"error": f"{self._command[0]}: {error.strerror}"})
            return 127
        self._say({"pid": server.pid})
        patience_s = 0.0
        try:
            told = self._watch(server.pid)
            if told is None:
                # Told before the cleaning, so that pytest learns of a death at once.
                self._say({"exit": self._exit_status(server.pid)})
            else:
                patience_s = told
                if self._abort_url:
                    _abort(self._abort_url)
        finally:
            # Whatever went wrong above, nothing may stay.
            self._end(server.pid, patience_s)
        status = self._exit_status(server.pid)
        if told is not None:
            self._say({"exit": status})
        return status

    def _end(self, group: int, patience_s: float) -> None:
        """End everything, adopted orphans too, whether or not they still carry the mark."""
        end_all(group, self._mark, patience_s, reap=self._reap)
        deadline = time.monotonic() + _KILL_S
        while self._reap() and time.monotonic() < deadline:
            _signal_all(group, _children(os.getpid()), signal.SIGKILL)
            time.sleep(_TICK_S)

    def _watch(self, pid: int) -> float | None:
        """Until the server ends (None) or is to be ended (how much patience to have, in seconds)."""
        while True:
            self._reap()
            if pid in self._statuses:
                return None
            if self._is_told_to_stop or os.getppid() != self._owner:
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
        """Collect every child that ended, adopted ones too; True if others still run."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            self._statuses[pid] = status

    def _on_term(self, *_: object) -> None:
        self._is_told_to_stop = True

    def _say(self, message: dict[str, object]) -> None:
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
    parser.add_argument("--abort-url", default="")
    parser.add_argument("--owner", type=int, default=0)
    given = list(sys.argv[1:] if arguments is None else arguments)
    at = given.index("--")
    options = parser.parse_args(given[:at])
    os.set_inheritable(options.status_fd, False)
    guard = Guard(
        given[at + 1 :],
        mark=options.mark,
        status_fd=options.status_fd,
        stop_s=options.stop_s,
        abort_url=options.abort_url,
        owner=options.owner,
    )
    return guard.run()


if __name__ == "__main__":
    sys.exit(main())
