"""Repeating a call that failed for a passing reason. The caller decides what is passing, and how long to wait.

Requests to the model are repeated elsewhere (`dispatch.retry`), under a budget that all of them share.
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
    """

    def __init__(self, reason: str, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


def retry(attempt: Callable[[], T], waits_s: Sequence[float], *, sleep: Callable[[float], object] = time.sleep) -> T:
    """The result of `attempt()`, called once and then once more after each of the waits (seconds).

    Raises the RetryLater of the last attempt, and at once whatever else an attempt raises.
    """
    for wait_s in waits_s:
        try:
            return attempt()
        except RetryLater as later:
            pause_s = wait_s if later.wait_s is None else later.wait_s
        sleep(pause_s)
    return attempt()


async def retry_async(
    attempt: Callable[[], Awaitable[T]],
    waits_s: Sequence[float],
    *,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> T:
    """As `retry`, for a coroutine function."""
    for wait_s in waits_s:
        try:
            return await attempt()
        except RetryLater as later:
            pause_s = wait_s if later.wait_s is None else later.wait_s
        await sleep(pause_s)
    return await attempt()
