"""The process of a run that is called from Python. It is pytest, and ends when its caller is gone.

    python -P child.py --owner PID [ARGUMENTS OF PYTEST ...]

Run by its path, so that nothing of this package is imported before pytest loads it as a plugin.
"""

from __future__ import annotations

import io
import os
import runpy
import signal
import sys
import threading
import time
from typing import Any

_LOOK_S = 1.0
# From Ctrl-C to the end of pytest: it writes its summary and stops a server.
_GRACE_S = 60.0


def main() -> None:
    """Run pytest as `python -m pytest` does; it ends the process with its status."""
    owner = int(sys.argv[2])
    # As a command line, for run.json: the same command can be typed in a shell.
    sys.argv = ["pytest", *sys.argv[3:]]
    _restore_signals()
    sys.stdout, sys.stderr = _text(1), _text(2)
    threading.Thread(target=_end_without, args=(owner,), name="modeleval-owner", daemon=True).start()
    runpy.run_module("pytest", run_name="__main__")


class _Output(io.FileIO):
    """A pipe whose reader may be gone: the run still has to write its summary."""

    def write(self, data: Any, /) -> int:
        try:
            return int(super().write(data))
        except BrokenPipeError:
            return len(data)


def _text(number: int) -> io.TextIOWrapper:
    raw = _Output(number, "wb", closefd=False)
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding="utf-8", errors="backslashreplace", line_buffering=True)


def _restore_signals() -> None:
    """Ctrl-C and SIGTERM end pytest as usual, whatever the caller ignores or blocks."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})


def _end_without(owner: int) -> None:
    """Interrupt this process when its parent is no longer the owner, and kill its session if that is not enough."""
    while os.getppid() == owner:
        time.sleep(_LOOK_S)
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(_GRACE_S)
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    main()
