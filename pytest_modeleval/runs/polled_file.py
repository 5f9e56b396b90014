"""A small JSON value that one process replaces and others poll: how the controller of xdist speaks to its workers.

The files lie in the run folder, which all processes of a run can read: workers write their journals there.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

from pytest_modeleval._support.atomic_file import atomic_write


class PolledFile:
    """One value in one file. Every process has an object of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._version: tuple[int, int] | None = None
        self._value: Any = None

    def write(self, value: Any) -> None:
        """Replace the value. A folder that cannot be written ends the run elsewhere, with a message of its own."""
        with contextlib.suppress(OSError):
            atomic_write(self._path, json.dumps(value).encode(), fsync=False)

    def read(self) -> Any:
        """The value that was written last, or None before the first; costs one `stat` while nothing changed.

        The last value stays when the file is removed or damaged.
        """
        with contextlib.suppress(OSError, ValueError):
            found = self._path.stat()
            # Modification times advance in steps of milliseconds, and two writes may share one; every write makes a
            # new file, so the inode differs.
            version = found.st_mtime_ns, found.st_ino
            if version != self._version:
                self._value = json.loads(self._path.read_bytes())
                self._version = version
        return self._value

    def remove(self) -> None:
        """Remove the file: the run has not begun, or is over."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
