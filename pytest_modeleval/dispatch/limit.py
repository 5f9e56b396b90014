"""How many requests may be in flight: additive increase, multiplicative decrease, and a queue in order of arrival.

`AdaptiveLimit` decides and does no I/O; `Limiter` makes coroutines wait. Method: AIMD, as in TCP congestion control
(Chiu and Jain 1989, "Analysis of the increase and decrease algorithms for congestion avoidance").
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

DECREASE = 0.7
# One overloaded moment brings many refusals at once; they are one signal, not many.
COOL_DOWN_S = 1.0


class AdaptiveLimit:
    """The number of requests that may be in flight now: 1 to `most`."""

    __slots__ = ("_calm_at", "_value", "most")

    def __init__(self, most: int) -> None:
        self.most = most
        self._value = float(most)
        self._calm_at = 0.0

    @property
    def value(self) -> int:
        """The limit now."""
        return int(self._value)

    def succeeded(self) -> None:
        """An answer came: one more in flight after about as many answers as are in flight."""
        if self._value < self.most:
            self._value = min(float(self.most), self._value + 1.0 / self._value)

    def overloaded(self, now_s: float) -> None:
        """429, 503 or a time-out: fewer at once, at most once per COOL_DOWN_S."""
        if now_s >= self._calm_at:
            self._value = max(1.0, self._value * DECREASE)
            self._calm_at = now_s + COOL_DOWN_S


@dataclass(frozen=True, slots=True)
class LimiterState:
    """in_flight: slots taken. waiting: coroutines in the queue. limit: slots there are now. most: slots asked for."""

    in_flight: int
    waiting: int
    limit: int
    most: int


class Limiter:
    """Slots for requests. Coroutines of one event loop only.

    begin(done), see `acquire`: called in the moment in which the slot is there, maybe from within the `release` of
    another one; it says whether it has begun to work towards `done`.
    """

    def __init__(self, most: int) -> None:
        self.adaptive = AdaptiveLimit(most)
        self._in_flight = 0
        self._waiting: deque[tuple[asyncio.Future[None], Callable[[asyncio.Future[None]], bool]]] = deque()

    def state(self) -> LimiterState:
        """The figures right now."""
        return LimiterState(
            in_flight=self._in_flight,
            waiting=sum(not waiter.done() for waiter, _ in self._waiting),
            limit=self.adaptive.value,
            most=self.adaptive.most,
        )

    async def acquire(self, begin: Callable[[asyncio.Future[None]], bool]) -> None:
        """Take a slot, waiting for one in order of arrival; and wait for what was begun in it, if anything was.

        A free slot is not given to a coroutine that then has to be woken: what uses it begins at once. To be released
        by whoever called if `begin` was called, whatever this raises.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._in_flight < self.adaptive.value and not self._waiting:
            self._give(done, begin)
        else:
            self._waiting.append((done, begin))
        await done

    def release(self) -> None:
        """Give a slot back; the next in the queue gets it if the limit allows."""
        self._in_flight -= 1
        while self._waiting and self._in_flight < self.adaptive.value:
            done, begin = self._waiting.popleft()
            if not done.done():
                self._give(done, begin)

    def _give(self, done: asyncio.Future[None], begin: Callable[[asyncio.Future[None]], bool]) -> None:
        self._in_flight += 1
        try:
            has_begun = begin(done)
        except Exception as error:  # noqa: BLE001 - of the one that waits, not of the one that gave its slot back
            done.set_exception(error)
        else:
            if not has_begun:
                done.set_result(None)
