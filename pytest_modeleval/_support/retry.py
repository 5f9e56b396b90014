"""Repeating a call that failed for a passing reason. The caller decides what is passing, and how long to wait.

Requests to the model are repeated elsewhere (`dispatch.retry_policy`), under a budget that all of them share.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


class RetryLater(Exception):
    """Raised by an attempt that may succeed later.

    wait_s: seconds that the other side asks to wait; None for the caller's own wait.
    failure: raised in place of this exception when all attempts are used up.
    """

    def __init__(self, reason: str, wait_s: float | None = None, *, failure: Exception | None = None) -> None:
        super().__init__(reason)
        self.wait_s = wait_s
        self.failure = failure


def retry(attempt: Callable[[], T], waits_s: Sequence[float], *, sleep: Callable[[float], object] = time.sleep) -> T:
    """The result of `attempt()`, called once and then once more after each of the waits (seconds).

    Raises the RetryLater of the last attempt, or its failure, and at once whatever else an attempt raises.
    """
    for wait_s in (*waits_s, None):
        try:
            return attempt()
        except RetryLater as later:
            last = later
        if wait_s is not None:
            sleep(wait_s if last.wait_s is None else last.wait_s)
    # Outside of the handler, so that a failure does not become its own context.
    raise last.failure or last


async def retry_async(
    attempt: Callable[[], Awaitable[T]],
    waits_s: Sequence[float],
    *,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> T:
    """As `retry`, for a coroutine function."""
    for wait_s in (*waits_s, None):
        try:
            return await attempt()
        except RetryLater as later:
            last = later
        if wait_s is not None:
            await sleep(wait_s if last.wait_s is None else last.wait_s)
    raise last.failure or last
