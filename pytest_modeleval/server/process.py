"""Runs a command under the guard, which ends it and everything that it started for certain."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any

from pytest_modeleval._support import redact
from pytest_modeleval.errors import LaunchError
from pytest_modeleval.server import guard, orphans

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_GUARD_START_S = 20.0
# The guard itself waits 8 s after SIGKILL; after that the kernel holds the process and cannot be made to end it.
_AFTER_KILL_S = 10.0
_SLICE_S = 0.1


class GuardedProcess:
    """One command and everything that it starts. Its methods may be called from several threads."""

    pid: int
    """Of the command itself, not of the guard."""
    mark: str
    """A value that all its processes carry in their environment."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        log_file: Path,
        environment: Mapping[str, str],
        stop_s: float,
        abort_root: str = "",
        name: str = "",
    ) -> None:
        """Start it; its output is appended to log_file. name: for people, in the record for after a crash.

        stop_s: seconds between SIGTERM and SIGKILL. abort_root: the address of a server that is made to abort its
        requests before SIGTERM.
        Raises LaunchError if there is no such command.
        """
        self.mark = uuid.uuid4().hex
        self.pid = 0
        self._stop_s = stop_s
        self._exit: int | None = None
        self._is_stopped = False
        self._error = ""
        self._unread = b""
        self._record: Path | None = None
        # One thread may wait for the end while another stops it.
        self._lock = threading.RLock()
        status_read, status_write = os.pipe()
        secrets = redact.remembered()
        # Without secrets the server writes its log itself.
        log_option = ("--log", str(log_file.absolute())) if secrets else ()
        arguments = [
            *(sys.executable, "-I", "-S", guard.__file__, "--status-fd", str(status_write), "--mark", self.mark),
            *(
                "--owner",
                str(os.getpid()),
                "--stop-s",
                str(stop_s),
                "--abort-root",
                abort_root,
                *log_option,
                "--",
                *command,
            ),
        ]
        try:
            with log_file.open("ab") as log:
                self._guard = subprocess.Popen(
                    arguments,
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    env=dict(environment),
                    pass_fds=(status_write,),
                    # Ctrl-C in the terminal must not reach it: it ends the server in its own order.
                    start_new_session=True,
                )
        except BaseException:
            os.close(status_read)
            raise
        finally:
            os.close(status_write)
        assert self._guard.stdin is not None
        self._orders = self._guard.stdin
        if secrets:
            with contextlib.suppress(OSError):
                self._orders.write(json.dumps(secrets).encode() + b"\n")
                self._orders.flush()
        self._status = os.fdopen(status_read, "rb", buffering=0)
        try:
            self._await_pid(command)
        except BaseException:
            self.stop()
            raise
        self._write_record(name)

    def poll(self) -> int | None:
        """The command's exit status, 128 + N if signal N ended it; None while it runs. Costs one system call."""
        if self._exit is None:
            self._read_status(0.0)
        return self._exit

    def wait(self, timeout_s: float) -> int | None:
        """Sleep until it ends, at most timeout_s; its exit status, None if it still runs."""
        deadline = time.monotonic() + timeout_s
        while self._exit is None and (left := deadline - time.monotonic()) > 0:
            # In short slices, so that another thread gets the lock.
            self._read_status(min(left, _SLICE_S))
        return self._exit

    def stop(self) -> int | None:
        """End it and everything it started; its exit status. May be called again; takes at most stop_s + 12 s."""
        with self._lock:
            if not self._is_stopped:
                self._stop()
                self._is_stopped = True
        return self._exit

    def _stop(self) -> None:
        if self._guard.poll() is None:
            with contextlib.suppress(OSError, ValueError):
                self._orders.write(f"stop {self._stop_s}\n".encode())
            with contextlib.suppress(OSError, ValueError):
                self._orders.close()
            try:
                self._guard.wait(self._stop_s + _AFTER_KILL_S)
            except subprocess.TimeoutExpired:
                self._guard.kill()
                self._guard.wait()
        self.poll()
        if self._guard.returncode < 0:
            # The guard itself was killed, and with it the server (parent-death signal); its children may still run.
            guard.end_all(self.pid if self.pid > 1 else -1, self.mark, 0.0)
        with contextlib.suppress(OSError, ValueError):
            self._orders.close()
        self._status.close()
        self._guard_ended()
        if self._record is not None:
            self._record.unlink(missing_ok=True)

    def _await_pid(self, command: Sequence[str]) -> None:
        deadline = time.monotonic() + _GUARD_START_S
        while not self.pid and self._exit is None and (left := deadline - time.monotonic()) > 0:
            self._read_status(left)
        if not self.pid:
            raise LaunchError(
                f"expected a command that can be started, found: {self._error or 'no report of its guard'}. "
                f"Is it installed and spelled right? {redact.command(command)}"
            )

    def _write_record(self, name: str) -> None:
        if not sys.platform.startswith("linux"):
            return
        owner, watcher, server = ((pid, orphans.start_time(pid)) for pid in (os.getpid(), self._guard.pid, self.pid))
        record = orphans.ServerRecord(
            self.mark, orphans.boot_id(), *owner, *watcher, *server, f"{name}, pid {self.pid}".lstrip(", ")
        )
        # Without a writable folder for it the server runs all the same; only the cleaning after a crash is lost.
        with contextlib.suppress(OSError):
            self._record = record.write(orphans.state_dir())

    def _read_status(self, timeout_s: float) -> None:
        """Read the guard's messages, waiting at most timeout_s for one."""
        with self._lock:
            if self._status.closed:
                self._guard_ended()
                return
            if not select.select([self._status], [], [], timeout_s)[0]:
                return
            raw = self._status.read(65_536) or b""
            if not raw:
                self._status.close()
                self._guard_ended()
                return
            *lines, self._unread = (self._unread + raw).split(b"\n")
            for line in lines:
                self._apply(json.loads(line))

    def _guard_ended(self) -> None:
        if self._exit is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = self._guard.wait(1.0)
                self._exit = code if code >= 0 else 128 - code

    def _apply(self, message: Mapping[str, Any]) -> None:
        self.pid = message.get("pid", self.pid)
        self._exit = message.get("exit", self._exit)
        self._error = message.get("error", self._error)
