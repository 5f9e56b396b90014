"""How the servers that we started are: told by the watch, read by whoever asks them, in this process or in another."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Sequence
from pathlib import Path

from pytest_modeleval.store.files import write_whole

STATE_FILE = "server-state.json"
UP, HELD = "up", "held"


class ServerStates:
    """One state for each replica: "up", "held" while it is started again, otherwise why it is gone.

    Kept in a file of the run folder too, where the workers of xdist read it.
    """

    def __init__(self, replicas: int, folder: Path) -> None:
        self._states = [UP] * replicas
        self._file = folder / STATE_FILE
        self._lock = threading.Lock()

    def now(self) -> Sequence[str]:
        """The states."""
        return tuple(self._states)

    def set(self, replica: int, state: str) -> None:
        """Change one; called from the watch's threads."""
        with self._lock:
            self._states[replica] = state
            # A folder that cannot be written ends the run elsewhere, with its own words.
            with contextlib.suppress(OSError):
                write_whole(self._file, json.dumps(self._states).encode())

    def forget(self) -> None:
        """The run is over."""
        self._file.unlink(missing_ok=True)


class StatesFile:
    """A worker's view of the file: nothing is wrong as long as there is none."""

    def __init__(self, replicas: int, folder: Path) -> None:
        self._replicas = replicas
        self._file = folder / STATE_FILE
        self._seen_ns = 0
        self._states: Sequence[str] = (UP,) * replicas

    def now(self) -> Sequence[str]:
        """The states as last written."""
        try:
            changed_ns = self._file.stat().st_mtime_ns
            if changed_ns != self._seen_ns:
                found = json.loads(self._file.read_bytes())
                if len(found) == self._replicas:
                    self._states, self._seen_ns = tuple(map(str, found)), changed_ns
        except (OSError, ValueError):
            pass
        return self._states
