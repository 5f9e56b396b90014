"""Asks the server: bounded, watched for silence, retried, balanced over replicas, every attempt reported.

The decisions are made by the pure parts (limit, retry, silence); this module only carries them out.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_modeleval.client.chat import ChatClient
from pytest_modeleval.dispatch.limit import Limiter, LimiterState
from pytest_modeleval.dispatch.replicas import Replicas, Watched
from pytest_modeleval.dispatch.retry import RetryBudget, ServerHealth, delay_before_next
from pytest_modeleval.dispatch.silence import SilenceLimit
from pytest_modeleval.errors import AttemptFailed, Ungraded
from pytest_modeleval.records import ItemKey, JsonObject, Kind

SWEEP_S = 0.25


@dataclass(slots=True)
class Call:
    """One request to be asked, and what the watch over it needs.

    key: journal key. group: whose silence limit counts (the benchmark). limit_s: seconds for one attempt.
    prefix: equal for requests that share a beginning, so that they go to the same replica; None: it does not matter.
    """

    key: str
    body: bytes
    group: str
    limit_s: float
    prefix: int | None = None


@dataclass(slots=True, eq=False)
class _Flight:
    """An attempt under way. Times are the loop's, in seconds.

    task: whose work it is, cancelled when the attempt expires. cancelling: how many wished it cancelled before.
    """

    loop: asyncio.AbstractEventLoop
    task: asyncio.Task[Any]
    replicas: Replicas
    replica: int
    silence: SilenceLimit
    attempt: int
    limit_s: float
    started_s: float
    heard_s: float
    cancelling: int
    longest_s: float = 0.0
    expired: str = ""

    def heard(self) -> None:
        """Something came."""
        moment = self.loop.time()
        silence_s = moment - self.heard_s
        self.longest_s = max(self.longest_s, silence_s)
        self.heard_s = moment
        self.replicas.heard(self.replica, moment)

    def expire(self, why: str) -> None:
        """End it, once."""
        if not self.expired:
            self.expired = why
            self.task.cancel()


@dataclass(slots=True)
class Figures:
    """Counts since the start, for the live line."""

    answered: int = 0
    failed_attempts: int = 0
    completion_tokens: int = 0


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
        self._idle_timeout_s = idle_timeout_s
        self._on_failure = on_failure
        self._abort = abort
        self._silence: dict[str, SilenceLimit] = {}
        self._flights: set[_Flight] = set()
        self._budget = RetryBudget()
        self._health = ServerHealth(lost_after=max(50, 2 * in_flight))
        # Spreads back-off in time; nothing that is asked or graded depends on it.
        self._chance = random.Random()  # noqa: S311
        self._aborting: set[asyncio.Task[None]] = set()
        # Ids of requests: our own, and told apart from those of any other process.
        self._name = f"modeleval-{uuid.uuid4().hex}"
        self._asked = 0
        self.lost_reason = ""
        self.figures = Figures()

    def state(self) -> LimiterState:
        """Slots taken and waited for, right now."""
        return self._limiter.state()

    def lose(self, reason: str) -> None:
        """Give the server up: whatever is asked from now on ends at once, and so does what is waiting."""
        self.lost_reason = self.lost_reason or reason
        for flight in self._flights:
            flight.expire("lost")

    async def ask(self, call: Call, item: ItemKey) -> tuple[JsonObject, int]:
        """The reply and the number of attempts it took. Raises Ungraded when no further attempt is made."""
        silence = self._silence.setdefault(call.group, SilenceLimit(self._idle_timeout_s))
        self._budget.first()
        attempt = 0
        while True:
            attempt += 1
            await self._limiter.acquire()
            try:
                await self._replicas.ready()
                if self.lost_reason:
                    raise Ungraded(self.lost_reason, kind=Kind.SERVER_ERROR, cause="server_lost")
                flight = self._flight(call, attempt, silence)
                try:
                    reply = await self._attempt(flight, call)
                except AttemptFailed as failure:
                    if self._replicas.failed(
                        flight.replica, failure, begun_s=flight.started_s, now_s=flight.loop.time()
                    ):
                        # The server went away under the request: that is not the sample's fault.
                        self._on_failure(call, item, attempt, failure)
                        attempt, delay = attempt - 1, SWEEP_S
                    else:
                        delay = self._failed(call, item, attempt, failure)
                else:
                    self._replicas.completed(flight.replica)
                    self._limiter.adaptive.succeeded()
                    self._health.succeeded()
                    self.figures.answered += 1
                    self.figures.completion_tokens += (reply.get("usage") or {}).get("completion_tokens") or 0
                    return reply, attempt
                finally:
                    self._replicas.done(flight.replica)
            finally:
                self._limiter.release()
            await asyncio.sleep(delay)

    def _failed(self, call: Call, item: ItemKey, attempt: int, failure: AttemptFailed) -> float:
        """Take note of a failed attempt; seconds until the next, or Ungraded."""
        now = asyncio.get_running_loop().time()
        self.figures.failed_attempts += 1
        if failure.is_overload:
            self._limiter.adaptive.overloaded(now)
        if failure.is_retryable:
            self._health.failed(now)
        self._on_failure(call, item, attempt, failure)
        if self._health.is_lost(now) and not self.lost_reason:
            self.lose(f"the server is lost: {self._health.failures} attempts in a row failed, the last one: {failure}")
        delay = None if self.lost_reason else delay_before_next(attempt, failure, chance=self._chance.random())
        if delay is None or not self._budget.take():
            tries = "1 attempt" if attempt == 1 else f"{attempt} attempts"
            raise Ungraded(f"{failure} ({tries})", kind=failure.kind, cause=failure.cause) from failure
        return delay

    def _flight(self, call: Call, attempt: int, silence: SilenceLimit) -> _Flight:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        now = loop.time()
        replica = self._replicas.choose(call.prefix)
        return _Flight(loop, task, self._replicas, replica, silence, attempt, call.limit_s, now, now, task.cancelling())

    async def _attempt(self, flight: _Flight, call: Call) -> JsonObject:
        url = self._replicas.urls[flight.replica]
        self._asked += 1
        request_id = f"{self._name}-{self._asked}"
        # The id is our own for every attempt, so it stands outside of what is journaled and hashed.
        body = call.body if self._abort is None else b'%b,"rid":"%b"}' % (call.body[:-1], request_id.encode())
        self._flights.add(flight)
        try:
            reply = await self._client.complete(url, body, request_id=request_id, heard=flight.heard)
        except asyncio.CancelledError as error:
            self._tell_abort(url, request_id)
            # As asyncio.timeout does it, which would cost more than all else here: a wish from elsewhere goes first.
            if flight.expired and flight.task.uncancel() <= flight.cancelling:
                raise _timed_out(flight) from error
            raise
        finally:
            self._flights.discard(flight)
        flight.heard()
        flight.silence.completed(flight.longest_s)
        return reply

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
            for flight in tuple(self._flights):
                if now - flight.heard_s > flight.silence.limit_s(flight.attempt):
                    flight.expire("silent")
                elif now - flight.started_s > flight.limit_s:
                    flight.expire("too_long")

    async def close(self) -> None:
        """Wait a moment for aborts to be told, then close all connections."""
        if self._aborting:
            await asyncio.wait(set(self._aborting), timeout=1.0)
        await self._client.close()


def _timed_out(flight: _Flight) -> AttemptFailed:
    now_s = flight.loop.time()
    if flight.expired == "lost":
        return AttemptFailed("the server is lost", kind=Kind.SERVER_ERROR, cause="server_lost", is_retryable=False)
    if flight.expired == "silent":
        silence = now_s - flight.heard_s
        return AttemptFailed(
            f"nothing came from the server for {silence:.1f} s (--eval-idle-timeout sets the limit)",
            kind=Kind.TIMEOUT,
            cause="idle",
            is_overload=True,
        )
    return AttemptFailed(
        f"the response was not complete after {now_s - flight.started_s:.0f} s (--eval-sample-timeout sets the limit)",
        kind=Kind.TIMEOUT,
        cause="sample_timeout",
        is_retryable=False,
    )


async def _quietly(work: Awaitable[None]) -> None:
    """Telling a server to stop is a courtesy: no failure of it may reach a sample."""
    try:
        await asyncio.wait_for(work, timeout=1.0)
    except (AttemptFailed, OSError, TimeoutError):
        return
