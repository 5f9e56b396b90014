"""Asks the server: bounded, watched for silence, retried, balanced over replicas, every attempt reported.

The decisions are made by the pure parts (limit, retry, silence); this module only carries them out.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

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
    """An attempt under way. Times are the loop's."""

    timeout: asyncio.Timeout
    silence: SilenceLimit
    attempt: int
    started_s: float
    heard_s: float
    limit_s: float
    longest_s: float = 0.0
    expired: str = ""


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
            self._expire(flight, "lost")

    async def ask(self, call: Call, item: ItemKey) -> tuple[JsonObject, int]:
        """The reply and the number of attempts it took. Raises Ungraded when no further attempt is made."""
        silence = self._silence.setdefault(call.group, SilenceLimit(self._idle_timeout_s))
        self._budget.first()
        attempt = 0
        while True:
            attempt += 1
            await self._limiter.acquire()
            replica = -1
            begun_s = asyncio.get_running_loop().time()
            try:
                await self._replicas.ready()
                if self.lost_reason:
                    raise Ungraded(self.lost_reason, kind=Kind.SERVER_ERROR, cause="server_lost")
                replica = self._replicas.choose(call.prefix)
                begun_s = asyncio.get_running_loop().time()
                reply = await self._attempt(replica, call, attempt, silence)
            except AttemptFailed as failure:
                now = asyncio.get_running_loop().time()
                if self._replicas.failed(replica, failure, begun_s=begun_s, now_s=now):
                    # The server went away under the request: that is not the sample's fault.
                    self._on_failure(call, item, attempt, failure)
                    attempt, delay = attempt - 1, SWEEP_S
                else:
                    delay = self._failed(call, item, attempt, failure)
            else:
                self._replicas.completed(replica)
                self._limiter.adaptive.succeeded()
                self._health.succeeded()
                self.figures.answered += 1
                self.figures.completion_tokens += (reply.get("usage") or {}).get("completion_tokens") or 0
                return reply, attempt
            finally:
                if replica >= 0:
                    self._replicas.done(replica)
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

    async def _attempt(self, replica: int, call: Call, attempt: int, silence: SilenceLimit) -> JsonObject:
        loop = asyncio.get_running_loop()
        url = self._replicas.urls[replica]
        self._asked += 1
        request_id = f"{self._name}-{self._asked}"
        now = loop.time()
        flight: _Flight | None = None
        # The id is our own for every attempt, so it stands outside of what is journaled and hashed.
        body = call.body if self._abort is None else b'%b,"rid":"%b"}' % (call.body[:-1], request_id.encode())
        try:
            async with asyncio.timeout(None) as timeout:
                flight = _Flight(timeout, silence, attempt, now, now, call.limit_s)
                self._flights.add(flight)
                watched = flight

                def heard() -> None:
                    moment = loop.time()
                    watched.longest_s = max(watched.longest_s, moment - watched.heard_s)
                    watched.heard_s = moment
                    self._replicas.heard(replica, moment)

                reply = await self._client.complete(url, body, request_id=request_id, heard=heard)
            heard()
            silence.completed(flight.longest_s)
        except TimeoutError as error:
            self._tell_abort(url, request_id)
            raise _timed_out(flight, loop.time()) from error
        except asyncio.CancelledError:
            self._tell_abort(url, request_id)
            raise
        finally:
            if flight is not None:
                self._flights.discard(flight)
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
                    self._expire(flight, "silent")
                elif now - flight.started_s > flight.limit_s:
                    self._expire(flight, "too_long")

    async def close(self) -> None:
        """Wait a moment for aborts to be told, then close all connections."""
        if self._aborting:
            await asyncio.wait(set(self._aborting), timeout=1.0)
        await self._client.close()

    @staticmethod
    def _expire(flight: _Flight, why: str) -> None:
        if not flight.expired:
            flight.expired = why
            flight.timeout.reschedule(asyncio.get_running_loop().time())


def _timed_out(flight: _Flight | None, now_s: float) -> AttemptFailed:
    if flight is None or not flight.expired:
        # The transport's own limit, on connecting.
        return AttemptFailed("connecting to the server took too long", kind=Kind.TIMEOUT, cause="connect_timeout")
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
