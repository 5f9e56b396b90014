"""How the servers that we started are: told by the watch, read by whoever asks them, in this process or in another.

The other way goes a beat whenever a server was heard from, which tells the watch that it does not hang.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from pytest_modeleval._support.atomic_file import atomic_write

STATE_FILE = "server-state.json"
# Touched by workers when a replica was heard from; "server-pulse-0" and so on.
PULSE_FILE = "server-pulse-"
# A touch is one system call, but the folder may lie on a network.
_TOUCH_EVERY_S = 1.0
UP, RESTARTING = "up", "restarting"


class ServerStatus:
    """One state for each replica: "up", "restarting" while it is started again, otherwise why it is gone.

    Kept in a file of the run folder too, where the workers of xdist read it.
    """

    def __init__(self, replicas: int, folder: Path) -> None:
        self._states = [UP] * replicas
        self._file = folder / STATE_FILE
        self._pulses = [folder / f"{PULSE_FILE}{replica}" for replica in range(replicas)]
        self._beats = [0] * replicas
        self._lock = threading.Lock()
        # A run that was killed while its server was down has left its own, and workers would believe it.
        self.forget()

    def states(self) -> Sequence[str]:
        """The states."""
        return tuple(self._states)

    def set(self, replica: int, state: str) -> None:
        """Change one; called from the watch's threads."""
        with self._lock:
            self._states[replica] = state
            # A folder that cannot be written ends the run elsewhere, with its own words.
            with contextlib.suppress(OSError):
                atomic_write(self._file, json.dumps(self._states).encode())

    def touch(self, replica: int) -> None:
        """Something came from this replica, in this process."""
        self._beats[replica] += 1

    def pulse(self, replica: int) -> object:
        """Another value whenever something came from this replica, in this process or in a worker's."""
        try:
            touched_ns = self._pulses[replica].stat().st_mtime_ns
        except OSError:
            touched_ns = 0
        return self._beats[replica], touched_ns

    def forget(self) -> None:
        """No server of ours runs: the run has not begun, or is over."""
        for file in (self._file, *self._pulses):
            with contextlib.suppress(OSError):
                file.unlink(missing_ok=True)


class ServerStatusFile:
    """A worker's view of the file: nothing is wrong as long as there is none."""

    def __init__(self, replicas: int, folder: Path) -> None:
        self._replicas = replicas
        self._file = folder / STATE_FILE
        self._pulses = [folder / f"{PULSE_FILE}{replica}" for replica in range(replicas)]
        self._touched_s = [-_TOUCH_EVERY_S] * replicas
        self._seen: object = None
        self._states: Sequence[str] = (UP,) * replicas

    def states(self) -> Sequence[str]:
        """The states as last written."""
        try:
            now = self._file.stat()
            # Times come in steps of milliseconds, in which there may be two changes; every change is a new file.
            if (now.st_mtime_ns, now.st_ino) != self._seen:
                found = json.loads(self._file.read_bytes())
                if len(found) == self._replicas:
                    self._states, self._seen = tuple(map(str, found)), (now.st_mtime_ns, now.st_ino)
        except (OSError, ValueError):
            pass
        return self._states

    def touch(self, replica: int) -> None:
        """Something came from this replica: tell the process that watches it, at most once a second."""
        now = time.monotonic()
        if now - self._touched_s[replica] >= _TOUCH_EVERY_S:
            self._touched_s[replica] = now
            with contextlib.suppress(OSError):
                self._pulses[replica].touch()
