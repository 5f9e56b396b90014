"""Receives one response of a load: stamps every arrival and keeps its bytes. Nothing is parsed while the load runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

from pytest_modeleval.client.failures import too_large_error
from pytest_modeleval.errors import AttemptFailed
from pytest_modeleval.load.supply import Prepared
from pytest_modeleval.stress.timing import STEADY

MAX_RESPONSE_BYTES = 64 * 1024 * 1024
_DONE = b"[DONE]"
_now = time.monotonic


class Recorder:
    """One request and what came of it. Times are seconds of time.monotonic()."""

    __slots__ = (
        "_on_over",
        "cancel",
        "ended_s",
        "failure",
        "is_over",
        "phase",
        "pieces",
        "planned_s",
        "prepared",
        "ready_s",
        "sent_s",
        "size",
        "stamps",
        "status",
    )

    def __init__(self, prepared: Prepared, ready_s: float, on_over: Callable[[Recorder], None]) -> None:
        """ready_s: when it could be sent: its time of arrival, or the moment when its slot was free."""
        self.prepared = prepared
        self.ready_s = ready_s
        self.planned_s: float | None = None
        """The time of arrival in an open loop."""
        self.phase = STEADY
        self.sent_s = 0.0
        self.ended_s = 0.0
        self.status = 0
        self.size = 0
        self.stamps: list[float] = []
        self.pieces: list[bytes] = []
        self.failure = ""
        self.is_over = False
        self.cancel: Callable[[], None] | None = None
        self._on_over = on_over

    def on_sent(self) -> None:
        """The request is on its way. A request that goes out again on a new connection keeps its first time."""
        if not self.sent_s:
            self.sent_s = _now()

    def on_head(self, status: int, headers: Mapping[str, str]) -> None:
        self.status = status

    def on_data(self, piece: bytes) -> None:
        self.stamps.append(_now())
        self.pieces.append(piece)
        self.size += len(piece)
        if self.size > MAX_RESPONSE_BYTES:
            raise too_large_error(f"the reply is longer than {MAX_RESPONSE_BYTES} bytes")

    def on_cut(self) -> bool:
        return _DONE in b"".join(self.pieces[-2:])

    def on_end(self) -> None:
        self._end("")

    def on_done(self, done: asyncio.Future[None]) -> None:
        """The exchange is over, with or without `on_end` before."""
        # Asked for in any case: asyncio reports exceptions that are never asked for.
        error = None if done.cancelled() else done.exception()
        if not self.is_over:
            self.fail(error.cause if isinstance(error, AttemptFailed) else type(error).__name__)

    def fail(self, cause: str) -> None:
        """End it as a failure, unless it has ended."""
        cancel = self.cancel
        if not self.is_over:
            self._end(cause)
            if cancel is not None:
                cancel()

    def release(self) -> None:
        """Let the response go: it is written."""
        self.stamps, self.pieces = [], []

    def _end(self, failure: str) -> None:
        # The exchange that it cancels holds this recorder: without the circle both are freed at once.
        self.cancel = None
        self.ended_s = _now()
        self.failure = failure
        self.is_over = True
        self._on_over(self)
