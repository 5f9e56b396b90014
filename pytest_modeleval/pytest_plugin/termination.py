"""SIGTERM ends an evaluation as Ctrl-C does: requests cancelled, server stopped, summary written.

Without this, Python dies at once, and a server that we started would be left to its guard.
"""

from __future__ import annotations

import signal
import threading
from typing import Any

TERMINATED = "terminated by SIGTERM"


def is_ctrl_c(error: BaseException) -> bool:
    """A person interrupted the run: neither SIGTERM, after which little time is left, nor a plugin."""
    return type(error) is KeyboardInterrupt and error.args != (TERMINATED,)


class TerminationSignal:
    """Handles SIGTERM from install() to remove(). Only the main thread can; elsewhere nothing is done."""

    def __init__(self) -> None:
        self._before: Any = None
        self._is_set = False

    def install(self) -> None:
        """Begin to handle SIGTERM."""
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGTERM, self._handle)
            self._is_set = True

    def remove(self) -> None:
        """Put back what was there."""
        if self._is_set:
            signal.signal(signal.SIGTERM, self._before)
            self._is_set = False

    @staticmethod
    def _handle(*_: object) -> None:
        # A second signal must not interrupt the tidying up that the first one began.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise KeyboardInterrupt(TERMINATED)
