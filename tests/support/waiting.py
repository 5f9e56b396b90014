"""Waiting for something to become true, with a limit that only ends a hang: a busy machine may be ten times slower."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


def until(condition: Callable[[], bool], *, limit_s: float = 300.0) -> None:
    """Return as soon as the condition holds; fail the test after limit_s."""
    deadline = time.monotonic() + limit_s
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, f"not true within {limit_s} s"
        pause.wait(0.01)
