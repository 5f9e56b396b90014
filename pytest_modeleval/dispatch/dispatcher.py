"""Asks the server: bounded, watched for silence, retried, balanced over replicas, every attempt reported.

The decisions are made by the pure parts (limit, retry, silence); this module only carries them out.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence

from pytest_modeleval.client.chat import ChatClient
from pytest_modeleval.client.transport import StaleConnectionError
from pytest_modeleval.dispatch.attempt import Attempt, Call, Counters, DispatchState
from pytest_modeleval.dispatch.idle_timeout import IdleTimeout
from pytest_modeleval.dispatch.limit import Limiter, LimiterState
from pytest_modeleval.dispatch.replicas import Replicas, Watched
from pytest_modeleval.dispatch.retry import RetryBudget, ServerHealth, delay_before_next
from pytest_modeleval.errors import AttemptFailed, Ungraded
from pytest_modeleval.records import ItemKey, JsonObject, Kind

SWEEP_S = 0.25


class Dispatcher:
    """Asks one request at a time per caller; many callers at once. Lives in one event loop.

    on_failure(call, item, attempt, failure) is told of every failed attempt before it is repeated.
    abort(url, request_id) tells a server to drop a request that we no longer wait for, where it can be told; requests
    then carry their id as `rid`. watched: see dispatch.replicas; looked at several times a second.
    """

    def __init__(
        self,
        client: ChatClient,
        urls: Sequence[str],
        *,
        in_flight: int,
        idle_timeout_s: float | None,
        on_failure: Callable[[Call, ItemKey, int, AttemptFailed], None],
        abort: Callable[[str, str], Awaitable[None]] | None = None,
        watched: Watched | None = None,
    ) -> None:
        self._client = client
        self._replicas = Replicas(urls, limit=in_flight, watched=watched)
        self._limiter = Limiter(in_flight)
        self._health = ServerHealth(lost_after=max(50, 2 * in_flight))
        self._ground = DispatchState(client, self._replicas, self._limiter, self._health, sends_id=abort is not None)
        self._idle_timeout_s = idle_timeout_s
        self._on_failure = on_failure
        self._abort = abort
        self._silence: dict[str, IdleTimeout] = {}
        self._budget = RetryBudget()
        # Spreads back-off in time; nothing that is asked or graded depends on it.
        self._chance = random.Random()  # noqa: S311
        self._aborting: set[asyncio.Task[None]] = set()

    @property
    def figures(self) -> Counters:
        """Counts since the start."""
        return self._ground.figures

    def state(self) -> LimiterState:
        """Slots taken and waited for, right now."""
        return self._limiter.state()

    def lose(self, reason: str) -> None:
        """Give the server up: whatever is asked from now on ends at once, and so does what is waiting."""
        self._ground.lost_reason = self._ground.lost_reason or reason
        for flight in self._ground.under_way:
            flight.expire("lost")

    async def ask(self, call: Call, item: ItemKey, take: Callable[[JsonObject, int], None]) -> JsonObject:
        """The reply. Raises Ungraded when no further attempt is made.

        take(reply, attempt): called with it in the moment in which it is complete, before anything else is sent, with
        the number of attempts that it took.
        """
        silence = self._silence.setdefault(call.group, IdleTimeout(self._idle_timeout_s))
        self._budget.first()
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        attempt = 0
        while True:
            attempt += 1
            flight = Attempt(self._ground, call, take, silence, attempt, loop, task, task.cancelling())
            try:
                return await self._attempt(flight)
            except AttemptFailed as failure:
                if self._replicas.failed(flight.replica, failure, begun_s=flight.started_s, now_s=loop.time()):
                    # The server went away under the request: that is not the sample's fault.
                    self._on_failure(call, item, attempt, failure)
                    attempt, delay = attempt - 1, SWEEP_S
                else:
                    delay = self._failed(call, item, attempt, failure)
            finally:
                flight.leave()
            await asyncio.sleep(delay)

    async def _attempt(self, flight: Attempt) -> JsonObject:
        try:
            try:
                await self._limiter.acquire(flight.begin)
            except StaleConnectionError:
                # Sent on a connection that was closed in the same moment: it goes out again.
                flight.abandon = None
            if flight.abandon is None:
                await self._send(flight)
        except asyncio.CancelledError as error:
            if flight.abandon is not None:
                flight.abandon()
            if flight.replica >= 0 and flight.reply is None:
                self._tell_abort(flight.url, flight.request_id)
            # As asyncio.timeout does it, which would cost more than all else here: a wish from elsewhere goes first.
            if flight.expired and flight.task.uncancel() <= flight.cancelling:
                raise flight.timed_out() from error
            raise
        assert flight.reply is not None
        return flight.reply

    async def _send(self, flight: Attempt) -> None:
        """What could not be sent in the moment in which the slot was there."""
        await self._replicas.ready()
        if reason := self._ground.lost_reason:
            raise Ungraded(reason, kind=Kind.SERVER_ERROR, cause="server_lost")
        body = flight.depart()
        await self._client.complete(flight.url, body, request_id=flight.request_id, listener=flight)

    def _failed(self, call: Call, item: ItemKey, attempt: int, failure: AttemptFailed) -> float:
        """Take note of a failed attempt; seconds until the next, or Ungraded."""
        now = asyncio.get_running_loop().time()
        self.figures.failed_attempts += 1
        if failure.is_overload:
            self._limiter.adaptive.overloaded(now)
        if failure.is_retryable:
            self._health.failed(now)
        self._on_failure(call, item, attempt, failure)
        if self._health.is_lost(now) and not self._ground.lost_reason:
            self.lose(f"the server is lost: {self._health.failures} attempts in a row failed, the last one: {failure}")
        delay = None if self._ground.lost_reason else delay_before_next(attempt, failure, chance=self._chance.random())
        if delay is None or not self._budget.take():
            tries = "1 attempt" if attempt == 1 else f"{attempt} attempts"
            raise Ungraded(f"{failure} ({tries})", kind=failure.kind, cause=failure.cause) from failure
        return delay

    def _tell_abort(self, url: str, request_id: str) -> None:
        if self._abort is None:
            return
        task = asyncio.ensure_future(_quietly(self._abort(url, request_id)))
        self._aborting.add(task)
        task.add_done_callback(self._aborting.discard)

    async def watch(self) -> None:
        """Ends attempts that are silent or take too long. Runs as a task beside the asking."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_S)
            now = loop.time()
            if reason := self._replicas.look(now):
                self.lose(reason)
            for flight in tuple(self._ground.under_way):
                if now - flight.heard_s > flight.silence.limit_s(flight.attempt):
                    flight.expire("silent")
                elif now - flight.started_s > flight.call.limit_s:
                    flight.expire("too_long")

    async def close(self) -> None:
        """Wait a moment for aborts to be told, then close all connections."""
        if self._aborting:
            await asyncio.wait(set(self._aborting), timeout=1.0)
        await self._client.close()


async def _quietly(work: Awaitable[None]) -> None:
    """ReportDispatcher a server to stop is a courtesy: no failure of it may reach a sample."""
    try:
        await asyncio.wait_for(work, timeout=1.0)
    except (AttemptFailed, OSError, TimeoutError):
        return
