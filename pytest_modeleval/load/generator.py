"""Sends the requests of one operating point: closed loop or open loop, warm-up, steady phase, tail.

All of it is callbacks in the event loop: a request costs a body, a write and a few appends. A failed request is a
result; nothing is sent again.

A closed loop keeps so many requests in flight: the end of one sends the next, so the slots of the warm-up pass to the
steady phase one by one and the server never drains. An open loop sends at absolute times, whatever the server does. In
both the load goes on (TAIL) until the last request of the steady phase has ended; then what is in flight may end
within DRAIN_S.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pytest_modeleval.client.transport import Transport
from pytest_modeleval.errors import AttemptFailed
from pytest_modeleval.load.lag import LagProbe
from pytest_modeleval.load.reading import read_exchange
from pytest_modeleval.load.recorder import Recorder
from pytest_modeleval.load.spool import SpoolWriter, raw_exchange
from pytest_modeleval.load.supply import BodyRules, Prepared, Supply
from pytest_modeleval.stress.timing import STEADY, TAIL, WARM_UP

DRAIN_S = 10.0
SWEEP_S = 0.25
EARLY_S = 0.001
"""Requests that are due within this time are sent: the loop's timers have a resolution of a millisecond."""
FAILURES_IN_A_ROW = 20
"""So many failures, and twice the requests in flight, with nothing in between: the point is given up."""
_now = time.monotonic


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How much is sent."""

    requests: int
    """Of the steady phase: it ends when so many were sent, or"""
    seconds: float
    """when it has lasted so long, with at least one request for every slot."""
    warm_up: int
    """Requests of the warm-up, the first ones."""
    limit_s: float
    """For one request, from sending to its end."""
    max_in_flight: int
    """Of an open loop: beyond it the point is given up, since holding requests back would hide the queue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where requests go."""

    urls: Sequence[str]
    """Complete addresses, used in turn."""
    headers: dict[str, str]


@dataclass(slots=True)
class Tally:
    """What became of a load, in addition to its exchanges."""

    stopped: str = ""
    """Why it was given up, such as "max_in_flight" or the cause of failures in a row; "" if it was not."""
    cut: int = 0
    """Requests of the tail that had not ended after DRAIN_S; they are closed, and in no count."""
    largest_in_flight: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    loop_lag_s: tuple[float, float] = (0.0, 0.0)
    """Median and 99th percentile of the loop's lateness."""


@dataclass(slots=True)
class Conversation:
    """A conversation under way."""

    history: list[Mapping[str, Any]]
    """All messages so far."""
    further: list[Prepared]
    """The turns that follow."""

    def next_turn(self, reply: Mapping[str, Any], rules: BodyRules) -> Prepared:
        """The next turn, with its body. reply: to the turn before."""
        self.history.append({"role": "assistant", "content": reply.get("content") or ""})
        prepared = self.further.pop(0)
        prepared.body = rules.encode(prepared.planned, prepared.number, self.history)
        self.history.extend(prepared.planned.messages)
        return prepared


class Generator:
    """One load, or a share of it. Everything runs in one event loop."""

    def __init__(
        self,
        transport: Transport,
        target: Target,
        supply: Supply,
        spool: SpoolWriter,
        extent: Extent,
        *,
        concurrency: int | None = None,
        arrivals: Iterator[float] | None = None,
    ) -> None:
        """concurrency: of a closed loop. arrivals: of an open loop, in seconds from its start."""
        self._transport = transport
        self._target = target
        self._supply = supply
        self._rules = supply.rules
        self._spool = spool
        self._extent = extent
        self._concurrency = concurrency
        self._arrivals = arrivals
        self._loop = asyncio.get_running_loop()
        self._lag = LagProbe(self._loop)
        self._finished: asyncio.Future[None] = self._loop.create_future()
        self._flying: set[Recorder] = set()
        self._conversations: dict[Recorder, Conversation] = {}
        """Of every request that further turns follow."""
        self._timers: set[asyncio.TimerHandle] = set()
        self._start_s = 0.0
        self._steady_start_s: float | None = None
        self._sent = self._steady_sent = self._steady_left = self._graded_left = self._failed_in_a_row = 0
        self._is_supplied = True
        self._is_closing = False
        self.tally = Tally()

    async def run(self, start_s: float) -> Tally:
        """Run to the end. start_s: when the load begins, time.monotonic()."""
        await asyncio.sleep(max(0.0, start_s - _now()))
        self._start_s = start_s
        self._lag.start()
        sweep = self._loop.call_later(SWEEP_S, self._sweep)
        try:
            if self._arrivals is not None:
                self._pump()
            else:
                for _ in range(self._concurrency or 1):
                    self._send_next(_now())
            await self._finished
            await self._drain()
            self._close()
            # Exchanges that have ended are written in this turn of the loop.
            await asyncio.sleep(0)
        finally:
            sweep.cancel()
            self._close()
        self.tally.loop_lag_s = self._lag.quantiles(0.5, 0.99)  # type: ignore[assignment] # two were asked for
        return self.tally

    # Sending

    def _send_next(self, ready_s: float, planned_s: float | None = None) -> None:
        is_warm = self._sent >= self._extent.warm_up
        take = self._supply.take_mixed if is_warm else self._supply.take
        script = take() if self._is_supplied else None
        if script is None:
            self._is_supplied = False
            self._check_end()
            return
        first, *further = script
        self._send(first, ready_s, planned_s, Conversation(list(first.planned.messages), further) if further else None)

    def _send(
        self, prepared: Prepared, ready_s: float, planned_s: float | None, conversation: Conversation | None
    ) -> None:
        recorder = Recorder(prepared, ready_s, self._on_over)
        recorder.planned_s = planned_s
        if prepared.is_graded:
            recorder.phase = TAIL
            self._graded_left += 1
        else:
            recorder.phase = self._phase(planned_s if planned_s is not None else ready_s)
        self._flying.add(recorder)
        if conversation is not None and conversation.further:
            self._conversations[recorder] = conversation
        done: asyncio.Future[None] = self._loop.create_future()
        done.add_done_callback(recorder.on_done)
        url = self._target.urls[prepared.number % len(self._target.urls)]
        try:
            recorder.cancel = self._transport.send(
                url, prepared.body, self._target.headers, recorder, done, on_sent=recorder.on_sent
            )
        except AttemptFailed as failure:
            self._loop.call_soon(recorder.fail, failure.cause)
        self.tally.largest_in_flight = max(self.tally.largest_in_flight, len(self._flying))

    def _phase(self, at_s: float) -> str:
        """The phase of a request that is sent now."""
        self._sent += 1
        if self._sent <= self._extent.warm_up:
            return WARM_UP
        if self._steady_start_s is None:
            self._steady_start_s = at_s
        if self._is_steady_over(at_s):
            return TAIL
        self._steady_sent += 1
        self._steady_left += 1
        return STEADY

    def _is_steady_over(self, at_s: float) -> bool:
        if self._steady_sent >= self._extent.requests:
            return True
        assert self._steady_start_s is not None
        least = self._concurrency or 1
        return self._steady_sent >= least and at_s - self._steady_start_s >= self._extent.seconds

    def _pump(self) -> None:
        """Send what is due, and come back for the next arrival."""
        assert self._arrivals is not None
        while not self._is_closing and not self._finished.done():
            offset_s = next(self._arrivals, None)
            if offset_s is None:
                self._is_supplied = False
                self._check_end()
                return
            planned_s = self._start_s + offset_s
            if planned_s - _now() > EARLY_S:
                self._later(planned_s, planned_s)
                return
            self._arrive(planned_s)

    def _later(self, at_s: float, planned_s: float) -> None:
        """Send an arrival at its time. A timer of the loop may fire early; then it waits again."""

        def fire() -> None:
            self._timers.discard(handle)
            if self._is_closing or self._finished.done():
                return
            if planned_s - _now() > EARLY_S:
                self._later(planned_s, planned_s)
                return
            self._arrive(planned_s)
            self._pump()

        handle = self._loop.call_later(max(0.0, at_s - _now()), fire)
        self._timers.add(handle)

    def _arrive(self, planned_s: float) -> None:
        if len(self._flying) >= self._extent.max_in_flight:
            self._give_up("max_in_flight")
            return
        self._send_next(planned_s, planned_s)

    # What comes back

    def _on_over(self, recorder: Recorder) -> None:
        """A request has ended: pass its slot on first, then write it down."""
        self._flying.discard(recorder)
        conversation = self._conversations.pop(recorder, None)
        if self._is_closing:
            return
        self._count(recorder)
        if conversation is not None and not recorder.failure and recorder.status == 200:
            self._send_turn(conversation, recorder)
        elif self._arrivals is None and not self._finished.done():
            self._send_next(recorder.ended_s)
        self._loop.call_soon(self._write, recorder)
        self._check_end()

    def _count(self, recorder: Recorder) -> None:
        self._steady_left -= recorder.phase == STEADY
        self._graded_left -= recorder.prepared.is_graded
        is_failed = bool(recorder.failure) or recorder.status != 200
        self._failed_in_a_row = self._failed_in_a_row + 1 if is_failed else 0
        if is_failed:
            self.tally.failures[recorder.failure or f"http_{recorder.status}"] += 1
        if self._failed_in_a_row >= FAILURES_IN_A_ROW + 2 * len(self._flying):
            self._give_up(recorder.failure or f"http_{recorder.status}")

    def _send_turn(self, conversation: Conversation, recorder: Recorder) -> None:
        """The next turn of a conversation, after its pause; its slot or place stays taken meanwhile."""
        _, reply = read_exchange(raw_exchange(recorder, 0.0), start_s=self._start_s)
        prepared = conversation.next_turn(reply or {}, self._rules)
        due_s = recorder.ended_s + prepared.planned.think_s

        def fire() -> None:
            self._timers.discard(handle)
            if not self._is_closing and not self._finished.done():
                self._send(prepared, due_s, None, conversation)

        handle = self._loop.call_later(max(0.0, due_s - _now()), fire)
        self._timers.add(handle)

    def _write(self, recorder: Recorder) -> None:
        lag_s = self._lag.largest(recorder.stamps[0], recorder.stamps[-1]) if recorder.stamps else 0.0
        self._spool.add(recorder, lag_s)
        recorder.release()

    # The end

    def _check_end(self) -> None:
        is_sent = self._steady_start_s is not None and self._is_steady_over(_now())
        is_over = (is_sent and not (self._steady_left or self._graded_left or self._supply.graded_left)) or (
            not self._is_supplied and not self._flying and not self._timers
        )
        if is_over and not self._finished.done():
            self._finished.set_result(None)

    def _give_up(self, reason: str) -> None:
        self.tally.stopped = self.tally.stopped or reason
        if not self._finished.done():
            self._finished.set_result(None)

    def _sweep(self) -> None:
        """End requests that take too long, and a steady phase whose time is over while nothing ends."""
        now_s = _now()
        for recorder in [one for one in self._flying if one.sent_s and now_s - one.sent_s > self._extent.limit_s]:
            recorder.fail("timeout")
        self._check_end()
        if not self._finished.done():
            self._loop.call_later(SWEEP_S, self._sweep)

    async def _drain(self) -> None:
        deadline_s = _now() + (0.0 if self.tally.stopped else DRAIN_S)
        while self._flying and _now() < deadline_s:
            await asyncio.sleep(0.02)

    def _close(self) -> None:
        """Close what is still open; it is in no count."""
        if self._is_closing:
            return
        self._is_closing = True
        for timer in self._timers:
            timer.cancel()
        self.tally.cut = len(self._flying)
        for recorder in list(self._flying):
            recorder.fail("cut")
        self._lag.stop()
