"""Our end of one process of the simulated APIs: messages out, answers in, in the same order (see simulation_child)."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

# Far above what a message takes (milliseconds) and above the limits of processor time, which end runaway calls.
ANSWER_S = 120.0
MAX_ANSWER_BYTES = 64 * 1024 * 1024
# So many conversations are held at once by a shared process, and so many altogether: it frees nothing.
MOST_AT_ONCE = 64
MOST_EVER = 128


class ProcessExited(Exception):
    """The process ended. was_working: on this very message; for_s: how long it had worked on it, in seconds."""

    def __init__(self, why: str, *, was_working: bool, for_s: float) -> None:
        super().__init__(why)
        self.was_working = was_working
        self.for_s = for_s


@dataclass(slots=True)
class _Asked:
    answer: asyncio.Future[dict[str, Any]]
    begun: float


class Process(asyncio.Protocol):
    """One process. Both numbers are counted by the caller that places conversations.

    held: conversations that it holds; ever: those that it ever held. is_alone: it may take no further one.
    """

    def __init__(self, *, is_alone: bool) -> None:
        self.is_alone = is_alone
        self.held = 0
        self.ever = 0
        self._asked: deque[_Asked] = deque()
        self._pieces: list[bytes] = []
        self._size = 0
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._why = "the process ended"

    @classmethod
    async def at(cls, ours: socket.socket, *, is_alone: bool) -> Process:
        """The process at the other end of a socket, which is taken over."""
        loop = asyncio.get_running_loop()
        try:
            _, made = await loop.create_unix_connection(lambda: cls(is_alone=is_alone), sock=ours)
        except BaseException:
            # Cancelled or failed: the socket has no owner yet.
            ours.close()
            raise
        return made

    @property
    def has_room(self) -> bool:
        """A further conversation may come here."""
        return self.is_open and self.held < MOST_AT_ONCE and not self.is_spent

    @property
    def is_spent(self) -> bool:
        """No further conversation may ever come here."""
        return self.is_alone or self.ever >= MOST_EVER

    @property
    def is_open(self) -> bool:
        """It was not closed, as far as is known."""
        return self._transport is not None and not self._transport.is_closing()

    async def ask(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a message. Raises ProcessExited, and ValueError for a message that JSON cannot carry."""
        line = json.dumps(message).encode() + b"\n"
        if self._transport is None or self._transport.is_closing():
            raise ProcessExited(self._why, was_working=False, for_s=0.0)
        loop = asyncio.get_running_loop()
        asked = _Asked(loop.create_future(), time.monotonic())
        self._asked.append(asked)
        self._transport.write(line)
        if self._timer is None:
            self._timer = loop.call_later(ANSWER_S, self._look)
        return await asked.answer

    def tell(self, message: Mapping[str, Any]) -> None:
        """Send a message that wants no answer."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(json.dumps(message).encode() + b"\n")

    def close(self) -> None:
        """Let it go; it ends when it finds its socket closed."""
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A cast, since uvloop's transports are not of asyncio's classes.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        *lines, rest = data.split(b"\n")
        for line in lines:
            self._pieces.append(line)
            self._take(b"".join(self._pieces))
            self._pieces.clear()
            self._size = 0
        if rest:
            self._pieces.append(rest)
            self._size += len(rest)
            if self._size > MAX_ANSWER_BYTES:
                self._why = f"an answer of more than {MAX_ANSWER_BYTES} bytes"
                self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        now = time.monotonic()
        if self._timer is not None:
            self._timer.cancel()
        for place, asked in enumerate(self._asked):
            if not asked.answer.done():
                for_s = now - asked.begun if place == 0 else 0.0
                asked.answer.set_exception(ProcessExited(self._why, was_working=place == 0, for_s=for_s))
        self._asked.clear()

    def _take(self, line: bytes) -> None:
        if not self._asked:
            return
        try:
            answer = json.loads(line)
        except ValueError:
            self._why = "an answer that is no JSON"
            self.close()
            return
        asked = self._asked.popleft()
        if self._asked:
            # It is worked on from now on.
            self._asked[0].begun = time.monotonic()
        # One who waits no more left a future that is cancelled.
        if not asked.answer.done():
            asked.answer.set_result(answer)

    def _look(self) -> None:
        """End a process that does not answer."""
        self._timer = None
        if not self._asked:
            return
        left = self._asked[0].begun + ANSWER_S - time.monotonic()
        if left > 0:
            self._timer = asyncio.get_running_loop().call_later(left, self._look)
            return
        self._why = f"no answer in {ANSWER_S:.0f} s"
        self.close()
