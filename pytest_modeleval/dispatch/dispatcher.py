"""Sends requests: bounded, ended when idle, retried, balanced over replicas; every failed attempt is reported.

The decisions are pure (limit, retry_policy, idle_timeout, balance); this module carries them out.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence

from pytest_modeleval.client.chat import ChatClient
from pytest_modeleval.dispatch.attempt import Attempt, Counters, DispatchState, PendingRequest
from pytest_modeleval.dispatch.idle_timeout import IdleTimeout
from pytest_modeleval.dispatch.limit import Limiter
from pytest_modeleval.dispatch.replicas import Replicas, ServerMonitor
from pytest_modeleval.dispatch.retry_policy import RetryBudget, ServerHealth, delay_before_next
from pytest_modeleval.errors import AttemptFailed, Ungraded
from pytest_modeleval.records import ItemKey, JsonObject, Kind

SWEEP_S = 0.25
ABORT_S = 1.0
_log = logging.getLogger("pytest_modeleval.dispatch")


class Dispatcher:
    """Sends one request at a time per caller, for many callers at once, in one event loop.

    on_failure(request, item, attempt, failure): called for every failed attempt before it is retried.
    check_reply(reply): raises AttemptFailed for a valid reply that does not count.
    abort(url, request_id): makes a server drop a request that is no longer wanted; None if the server cannot. Bodies
    then carry their id as `rid`.
    monitor: see dispatch.replicas; read several times a second.
    """

    def __init__(
        self,
        client: ChatClient,
        urls: Sequence[str],
        *,
        in_flight: int,
        idle_timeout_s: float | None,
        on_failure: Callable[[PendingRequest, ItemKey, int, AttemptFailed], None],
        check_reply: Callable[[JsonObject], None] | None = None,
        abort: Callable[[str, str], Awaitable[None]] | None = None,
        monitor: ServerMonitor | None = None,
    ) -> None:
        self._client = client
        self._replicas = Replicas(urls, limit=in_flight, monitor=monitor)
        self._limiter = Limiter(in_flight)
        self._health = ServerHealth(max_failures=max(50, 2 * in_flight))
        self._state = DispatchState(
            client,
            self._replicas,
            self._limiter,
            self._health,
            sends_id=abort is not None,
            check_reply=check_reply,
        )
        self._idle_timeout_s = idle_timeout_s
        self._on_failure = on_failure
        self._abort = abort
        self._idle_timeouts: dict[str, IdleTimeout] = {}
        self._budget = RetryBudget()
        # Spreads back-off in time; nothing that is asked or graded depends on it.
        self._random = random.Random()  # noqa: S311
        self._aborting: set[asyncio.Task[None]] = set()

    @property
    def counters(self) -> Counters:
        """Counts since the start."""
        return self._state.counters

    @property
    def in_flight(self) -> int:
        """Requests that the server is answering at this moment; may be read in any thread."""
        return self._limiter.in_flight

    def cancel_all(self, reason: str) -> None:
        """The server is down for good: end all attempts, and all requests from now on, at once."""
        if not self._state.down_reason:
            _log.info("the server is down for good: no further request is sent")
        self._state.down_reason = self._state.down_reason or reason
        for attempt in tuple(self._state.in_flight):
            attempt.expire("server_lost")

    async def ask(
        self, request: PendingRequest, item: ItemKey, on_reply: Callable[[JsonObject, int], None]
    ) -> JsonObject:
        """The reply to one request. Raises Ungraded if it has failed and is not retried.

        on_reply(reply, attempts): called as soon as the reply is complete, before anything else is sent.
        """
        idle_timeout = self._idle_timeouts.setdefault(request.group, IdleTimeout(self._idle_timeout_s))
        self._budget.add_request()
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        number = 0
        while True:
            number += 1
            attempt = Attempt(
                self._state, request, on_reply, idle_timeout, number, loop, task, cancelling=task.cancelling()
            )
            try:
                return await self._run(attempt)
            except AttemptFailed as failure:
                is_replica_down = self._replicas.on_failure(
                    attempt.replica, failure, started_s=attempt.started_s, now_s=loop.time()
                )
                if is_replica_down:
                    # The server went away under the request: that attempt does not count.
                    self._on_failure(request, item, number, failure)
                    number, delay_s = number - 1, SWEEP_S
                else:
                    delay_s = self._delay_after(request, item, number, failure)
                _log.info(
                    "%s/%s/%s: attempt %d failed (%s); next one in %.1f s",
                    *(item.benchmark, item.subset, item.sample, attempt.number, failure.cause, delay_s),
                )
            finally:
                attempt.detach()
                # A cycle otherwise, which holds the body, megabytes with a picture, until the garbage collector comes.
                attempt.cancel_exchange = None
            await asyncio.sleep(delay_s)

    async def _run(self, attempt: Attempt) -> JsonObject:
        try:
            await self._limiter.submit(attempt.start)
            if attempt.cancel_exchange is None:
                await self._send_when_ready(attempt)
        except asyncio.CancelledError as error:
            if attempt.cancel_exchange is not None:
                attempt.cancel_exchange()
            if attempt.replica >= 0 and attempt.reply is None:
                self._start_abort(attempt.url, attempt.request_id)
            # As asyncio.timeout does, which would cost more than everything else here: other cancellations go first.
            if attempt.expired and attempt.task.uncancel() <= attempt.cancelling:
                raise attempt.expiry_error() from error
            raise
        assert attempt.reply is not None
        return attempt.reply

    async def _send_when_ready(self, attempt: Attempt) -> None:
        """Send a request that got its slot while all replicas were down."""
        await self._replicas.ready()
        if reason := self._state.down_reason:
            raise Ungraded(reason, kind=Kind.SERVER_ERROR, cause="server_lost")
        done: asyncio.Future[None] = attempt.loop.create_future()
        attempt.send(done)
        await done

    def _delay_after(self, request: PendingRequest, item: ItemKey, number: int, failure: AttemptFailed) -> float:
        """Record a failed attempt; seconds until the next one. Raises Ungraded if there is none."""
        now_s = asyncio.get_running_loop().time()
        if failure.is_overload:
            self._limiter.on_overload(now_s)
        if failure.is_retryable:
            self._health.on_failure(now_s)
        self._on_failure(request, item, number, failure)
        if self._health.is_down(now_s) and not self._state.down_reason:
            self.cancel_all(
                f"the server is lost: {self._health.failures} attempts in a row failed, the last one: {failure}"
            )
        delay_s = None if self._state.down_reason else delay_before_next(number, failure, chance=self._random.random())
        if delay_s is None or not self._budget.take_retry():
            _log.info(
                "%s/%s/%s: given up after attempt %d (%s)",
                *(item.benchmark, item.subset, item.sample, number, failure.cause),
            )
            attempts = "1 attempt" if number == 1 else f"{number} attempts"
            raise Ungraded(f"{failure} ({attempts})", kind=failure.kind, cause=failure.cause) from failure
        return delay_s

    def _start_abort(self, url: str, request_id: str) -> None:
        if self._abort is None:
            return
        task = asyncio.ensure_future(_ignore_failure(self._abort(url, request_id)))
        self._aborting.add(task)
        task.add_done_callback(self._aborting.discard)

    async def watch(self) -> None:
        """End attempts that are idle or take too long. Runs as a task until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_S)
            now_s = loop.time()
            if reason := self._replicas.probe(now_s):
                self.cancel_all(reason)
            for attempt in tuple(self._state.in_flight):
                if now_s - attempt.last_data_s > attempt.idle_timeout.limit_s(attempt.number):
                    attempt.expire("idle")
                elif now_s - attempt.started_s > attempt.request.limit_s:
                    attempt.expire("too_long")

    async def close(self) -> None:
        """Wait up to ABORT_S for aborts to be sent, then close all connections."""
        if self._aborting:
            await asyncio.wait(set(self._aborting), timeout=ABORT_S)
        await self._client.close()


async def _ignore_failure(abort: Awaitable[None]) -> None:
    """An abort is a courtesy to the server: its failure must not reach a sample."""
    try:
        await asyncio.wait_for(abort, timeout=ABORT_S)
    except (AttemptFailed, OSError, TimeoutError):
        return
