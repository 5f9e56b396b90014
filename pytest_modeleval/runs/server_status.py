"""The state of the servers that this run started: set by the watch, read by the dispatcher of every process.

A heartbeat goes the other way: whenever a server sent something, its replica is touched, which shows the watch that the
server does not hang.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from pytest_modeleval.runs.polled_file import PolledFile

# "server-state.json"; of a further model "server-state-judge.json".
STATE_FILE = "server-state"
# Touched by workers when a replica sent something: "server-pulse-0", "server-pulse-judge-0" and so on.
HEARTBEAT_FILE = "server-pulse"
# A touch is one system call, but the run folder may be on a network file system.
_TOUCH_EVERY_S = 1.0
UP, RESTARTING = "up", "restarting"


class ServerStatus:
    """The state of each replica in the main process: UP, RESTARTING, otherwise why it is gone.

    Every change is written to the run folder, where the workers of xdist poll it.
    """

    def __init__(self, replicas: int, folder: Path, *, role: str = "") -> None:
        """role: of the model that they serve; "" for the one under test."""
        self._states = [UP] * replicas
        self._role = role
        self._file = PolledFile(state_file(folder, role))
        self._heartbeats = _heartbeat_files(replicas, folder, role)
        self._beats = [0] * replicas
        self._lock = threading.Lock()
        # A run that was killed while its server was down left its file behind, and workers would believe it.
        self.remove_files()

    def states(self) -> Sequence[str]:
        """The states."""
        return tuple(self._states)

    def set(self, replica: int, state: str) -> None:
        """Change one; called from the watch's threads."""
        with self._lock:
            self._states[replica] = state
            self._file.write(self._states)

    def touch(self, replica: int) -> None:
        """This process received something from the replica."""
        self._beats[replica] += 1

    def pulse(self, replica: int) -> object:
        """A value that changes whenever this process or a worker received something from the replica."""
        try:
            touched_ns = self._heartbeats[replica].stat().st_mtime_ns
        except OSError:
            touched_ns = 0
        return self._beats[replica], touched_ns

    def move(self, folder: Path) -> None:
        """Write to another run folder from now on."""
        with self._lock:
            self.remove_files()
            self._file = PolledFile(state_file(folder, self._role))
            self._heartbeats = _heartbeat_files(len(self._states), folder, self._role)
            if any(state != UP for state in self._states):
                self._file.write(self._states)

    def remove_files(self) -> None:
        """Remove the files: no server of ours runs, since the run has not begun or is over."""
        self._file.remove()
        for file in self._heartbeats:
            with contextlib.suppress(OSError):
                file.unlink(missing_ok=True)


class ServerStatusReader:
    """The state of each replica in a worker: all are UP until the controller writes otherwise."""

    def __init__(self, replicas: int, folder: Path, *, role: str = "") -> None:
        self._file = PolledFile(state_file(folder, role))
        self._heartbeats = _heartbeat_files(replicas, folder, role)
        self._touched_s = [-_TOUCH_EVERY_S] * replicas
        self._states: Sequence[str] = (UP,) * replicas

    def states(self) -> Sequence[str]:
        """The states as last written."""
        found = self._file.read()
        if isinstance(found, list) and len(found) == len(self._states):
            self._states = tuple(map(str, found))
        return self._states

    def touch(self, replica: int) -> None:
        """This process received something from the replica: touch its file, at most once a second."""
        now = time.monotonic()
        if now - self._touched_s[replica] >= _TOUCH_EVERY_S:
            self._touched_s[replica] = now
            with contextlib.suppress(OSError):
                self._heartbeats[replica].touch()


def state_file(folder: Path, role: str = "") -> Path:
    """Where the states of the servers of a model are, while one is down."""
    return folder / f"{_named(STATE_FILE, role)}.json"


def _heartbeat_files(replicas: int, folder: Path, role: str) -> list[Path]:
    return [folder / f"{_named(HEARTBEAT_FILE, role)}-{replica}" for replica in range(replicas)]


def _named(stem: str, role: str) -> str:
    return f"{stem}-{role}" if role else stem
