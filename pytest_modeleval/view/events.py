"""Server-sent events: "change" when files have grown, "end" when there will be no more. The run does nothing for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

# How often the sizes of the journals are looked at: a page follows fast enough, and leaves the processor to the run.
LOOK_S = 0.2
# A page filters and sorts all samples at each change: for each sample of a run this much longer between two of them.
SAMPLE_S = 1 / 40_000
# Proxies and browsers close a connection that says nothing for long.
_SILENT_S = 15.0
MOST_STREAMS = 32


class Streams:
    """How many event streams are open: each takes a little of the server until its page is closed."""

    def __init__(self) -> None:
        self.count = 0

    @property
    def is_full(self) -> bool:
        """A further one is refused."""
        return self.count >= MOST_STREAMS

    async def changes(
        self, state: Callable[[], object], *, is_over: Callable[[], bool], pause_s: Callable[[], float] = lambda: 0.0
    ) -> AsyncIterator[bytes]:
        """The events. state: differs from an earlier one after a change. pause_s: least time between two changes."""
        self.count += 1
        try:
            async for event in _events(state, is_over, pause_s):
                yield event
        finally:
            self.count -= 1


async def _events(
    state: Callable[[], object], is_over: Callable[[], bool], pause_s: Callable[[], float]
) -> AsyncIterator[bytes]:
    # A change between the page's reading and this connection counts too.
    seen: object = None
    silent_s = 0.0
    while True:
        # In this order: what is written before the end belongs to the last change.
        ended = await asyncio.to_thread(is_over)
        now = await asyncio.to_thread(state)
        if ended:
            yield b"event: end\ndata:\n\n"
            return
        if now != seen:
            seen, silent_s = now, 0.0
            yield b"event: change\ndata:\n\n"
        elif silent_s >= _SILENT_S:
            silent_s = 0.0
            yield b": nothing new\n\n"
        pause = max(LOOK_S, pause_s() if silent_s == 0.0 else 0.0)
        silent_s += pause
        await asyncio.sleep(pause)
