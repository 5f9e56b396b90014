"""How many requests may be in flight: additive increase, multiplicative decrease, and a first-in-first-out queue.

`AdaptiveLimit` decides and does no I/O; `Limiter` queues. Method: AIMD, as in TCP congestion control (Chiu and Jain
1989, "Analysis of the increase and decrease algorithms for congestion avoidance").
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable

DECREASE = 0.7
# One overloaded moment brings many refusals at once; they are one signal, not many.
COOL_DOWN_S = 1.0
_log = logging.getLogger("pytest_modeleval.dispatch")


class AdaptiveLimit:
    """The number of requests that may be in flight now: 1 to `maximum`."""

    __slots__ = ("_cool_at_s", "_exact", "maximum", "value")

    def __init__(self, maximum: int) -> None:
        self.maximum = maximum
        self.value = maximum
        """The limit now: the whole part of `_exact`."""
        self._exact = float(maximum)
        self._cool_at_s = 0.0

    def on_success(self) -> bool:
        """Raise the limit by one after about as many replies as are in flight. True if the maximum was reached."""
        if self.value >= self.maximum:
            return False
        self._set(min(float(self.maximum), self._exact + 1.0 / self._exact))
        return self.value >= self.maximum

    def on_overload(self, now_s: float) -> bool:
        """Lower the limit after 429, 503 or a time-out, at most once per COOL_DOWN_S. True if it was lowered."""
        if now_s < self._cool_at_s:
            return False
        self._set(max(1.0, self._exact * DECREASE))
        self._cool_at_s = now_s + COOL_DOWN_S
        return True

    def _set(self, exact: float) -> None:
        self._exact = exact
        self.value = int(exact)


class Limiter:
    """Slots for requests, in one event loop.

    A free slot is not handed to a coroutine, which would have to be woken first: the limiter calls a function that
    sends the request in that moment.
    """

    def __init__(self, maximum: int) -> None:
        self._adaptive = AdaptiveLimit(maximum)
        self._in_flight = 0
        self._queue: deque[tuple[asyncio.Future[None], Callable[[asyncio.Future[None]], bool]]] = deque()

    @property
    def in_flight(self) -> int:
        """Slots taken; may be read in any thread."""
        return self._in_flight

    @property
    def waiting(self) -> int:
        """Submissions in the queue; in the loop's thread only, where the queue does not change while it is counted."""
        return sum(not done.done() for done, _ in self._queue)

    async def submit(self, start: Callable[[asyncio.Future[None]], bool]) -> None:
        """Wait for a slot (first in, first out), call `start` in it, and wait until its work is done.

        start(done): called as soon as the slot is free, possibly from within the `release` of another one. Returns
        True if it started work that completes `done`, False if the caller has to go on by itself.
        Once `start` was called the caller must call `release`, whatever this raises.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._in_flight < self._adaptive.value and not self._queue:
            self._start(done, start)
        else:
            self._queue.append((done, start))
        await done

    def release(self) -> None:
        """Give a slot back; the next in the queue starts if the limit allows."""
        self._in_flight -= 1
        while self._queue and self._in_flight < self._adaptive.value:
            done, start = self._queue.popleft()
            if not done.done():
                self._start(done, start)

    def on_success(self) -> None:
        """A reply came."""
        if self._adaptive.on_success():
            _log.info("limit back at %d requests in flight", self._adaptive.maximum)

    def on_overload(self, now_s: float) -> None:
        """The server is overloaded."""
        before = self._adaptive.value
        if self._adaptive.on_overload(now_s):
            _log.info("server overloaded: limit lowered from %d to %d requests in flight", before, self._adaptive.value)

    def _start(self, done: asyncio.Future[None], start: Callable[[asyncio.Future[None]], bool]) -> None:
        self._in_flight += 1
        try:
            has_started = start(done)
        except Exception as error:  # noqa: BLE001 - belongs to this submission, not to the one that released its slot
            if not done.done():
                done.set_exception(error)
        else:
            if not has_started:
                done.set_result(None)
