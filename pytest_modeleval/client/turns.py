"""Large work one piece at a time, so that the event loop turns in between."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable


class Turns:
    """Runs callbacks in turns of the event loop, one in each.

    Several replies of megabytes that arrive in one turn would otherwise be read, checked and journaled in it, and
    requests, time limits and other replies wait for the sum.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[Callable[[], None]] = deque()

    def run(self, work: Callable[[], None]) -> None:
        """Run `work` in a turn of its own, after what waits already. It must not raise."""
        self._waiting.append(work)
        if len(self._waiting) == 1:
            self._loop.call_soon(self._step)

    def _step(self) -> None:
        work = self._waiting[0]
        try:
            work()
        finally:
            self._waiting.popleft()
            if self._waiting:
                self._loop.call_soon(self._step)
