"""One attempt at a request: sent as soon as a slot is free, completed in the callback that receives its last chunk.

A coroutine that is woken for each step waits, each time, until all others that are ready have run, and for the
interpreter if pytest's thread wants it. So an attempt is a handful of callbacks: its reply is journaled and its slot is
used by the next request before the loop turns to anything else.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pytest_modeleval.client.chat import ChatClient
from pytest_modeleval.client.failures import bad_response_error
from pytest_modeleval.client.route import CHAT, Route
from pytest_modeleval.dispatch.idle_timeout import IdleTimeout
from pytest_modeleval.dispatch.limit import Limiter
from pytest_modeleval.dispatch.replicas import Replicas
from pytest_modeleval.dispatch.retry_policy import ServerHealth
from pytest_modeleval.errors import AttemptFailed
from pytest_modeleval.records import JsonObject, Kind


@dataclass(slots=True)
class PendingRequest:
    """A request that has no reply yet."""

    key: str
    """Journal key."""
    body: bytes
    group: str
    """Requests of one group (a benchmark) share an idle timeout."""
    limit_s: float
    """Seconds for one attempt."""
    prefix: int | None = None
    """Equal for requests that share a beginning, so that they go to the same replica. None: any replica will do."""
    route: Route = CHAT


@dataclass(slots=True)
class Counters:
    """Counts since the start, for the live line."""

    answered: int = 0
    completion_tokens: int = 0


@dataclass(slots=True)
class DispatchState:
    """What all attempts of a dispatcher share."""

    client: ChatClient
    replicas: Replicas
    limiter: Limiter
    health: ServerHealth
    sends_id: bool
    """Bodies carry the request's id as `rid`."""
    check_reply: Callable[[JsonObject], None] | None = None
    """Raises AttemptFailed for a valid reply that does not count."""
    counters: Counters = field(default_factory=Counters)
    in_flight: set[Attempt] = field(default_factory=set)
    id_prefix: str = field(default_factory=lambda: f"modeleval-{uuid.uuid4().hex}")
    """Begins the ids of requests, so that they differ from those of every other process."""
    requests: int = 0
    """Ids given out so far."""
    down_reason: str = ""
    """Why no further request is sent; "" while the server is asked."""


@dataclass(slots=True, eq=False)
class Attempt:
    """One attempt, from the wait for a slot to its end. Listens to its response. Times are the loop's, in seconds."""

    state: DispatchState
    request: PendingRequest
    on_reply: Callable[[JsonObject, int], None]
    """Called with a valid reply and the number of attempts before anything else is sent."""
    idle_timeout: IdleTimeout
    number: int
    """From 1."""
    loop: asyncio.AbstractEventLoop
    task: asyncio.Task[Any]
    """The task that waits for the reply; cancelled when the attempt expires."""
    cancelling: int
    """Cancellations of the task that were requested earlier."""
    replica: int = -1
    """-1 until the request is sent."""
    url: str = ""
    request_id: str = ""
    started_s: float = 0.0
    last_data_s: float = 0.0
    longest_idle_s: float = 0.0
    has_slot: bool = False
    cancel_exchange: Callable[[], None] | None = None
    """Closes the connection. None until the request is sent."""
    expired: str = ""
    """Why the attempt was ended from outside: "idle", "too_long", "server_lost"; "" if it was not."""
    reply: JsonObject | None = None

    def start(self, done: asyncio.Future[None]) -> bool:
        """The slot is free: send the request, unless all replicas are down. See Limiter.submit."""
        self.has_slot = True
        if self.state.down_reason or not self.state.replicas.is_ready:
            return False
        self.send(done)
        return True

    def send(self, done: asyncio.Future[None]) -> None:
        """Choose a replica and send the request."""
        state = self.state
        self.replica = state.replicas.choose(self.request.prefix)
        self.url = state.replicas.urls[self.replica]
        state.requests += 1
        self.request_id = f"{state.id_prefix}-{state.requests}"
        state.in_flight.add(self)
        self.started_s = self.last_data_s = self.loop.time()
        body = self.request.body
        if state.sends_id and not self.request.route.is_strict:
            # Every attempt has an id of its own, so the id is no part of what is journaled and hashed.
            body = b'%b,"rid":"%b"}' % (body[:-1], self.request_id.encode())
        self.cancel_exchange = state.client.send(
            self.url, body, request_id=self.request_id, listener=self, done=done, route=self.request.route
        )

    def on_data(self) -> None:
        now_s = self.loop.time()
        self.longest_idle_s = max(self.longest_idle_s, now_s - self.last_data_s)
        self.last_data_s = now_s
        self.state.replicas.on_data(self.replica, now_s)

    def on_complete(self, reply: JsonObject) -> None:
        self.on_data()
        self._check(reply)
        self.on_reply(reply, self.number)
        self.reply = reply
        state = self.state
        self.idle_timeout.on_complete(self.longest_idle_s)
        state.replicas.on_complete(self.replica)
        state.limiter.on_success()
        state.health.on_success()
        state.counters.answered += 1
        state.counters.completion_tokens += (reply.get("usage") or {}).get("completion_tokens") or 0
        self.detach()

    def _check(self, reply: JsonObject) -> None:
        """Refuse a reply to another request, which an unasked second response on a kept connection can be.

        SGLang answers with our `rid` as id, vLLM with one that contains our X-Request-Id.
        """
        prefix = self.state.id_prefix
        reply_id = reply.get("id") or ""
        at = reply_id.find(prefix)
        if at >= 0 and not _has_number(reply_id[at + len(prefix) + 1 :], self.request_id[len(prefix) + 1 :]):
            raise bad_response_error("the response belongs to another request", "other_request")
        if self.state.check_reply is not None:
            self.state.check_reply(reply)

    def detach(self) -> None:
        """Give back slot and replica. Has an effect once, however the attempt ended."""
        if not self.has_slot:
            return
        self.has_slot = False
        self.state.in_flight.discard(self)
        if self.replica >= 0:
            self.state.replicas.release(self.replica)
        self.state.limiter.release()

    def expire(self, reason: str) -> None:
        """End the attempt. Has an effect once. reason: see `expired`."""
        if not self.expired:
            self.expired = reason
            self.task.cancel()

    def expiry_error(self) -> AttemptFailed:
        """The failure of an attempt that expired."""
        now_s = self.loop.time()
        if self.expired == "server_lost":
            return AttemptFailed("the server is lost", kind=Kind.SERVER_ERROR, cause="server_lost", is_retryable=False)
        if self.expired == "idle":
            return AttemptFailed(
                f"nothing came from the server for {now_s - self.last_data_s:.1f} s "
                "(--eval-idle-timeout sets the limit)",
                kind=Kind.TIMEOUT,
                cause="idle",
                is_overload=True,
            )
        return AttemptFailed(
            f"the response was not complete after {now_s - self.started_s:.0f} s "
            "(--eval-sample-timeout sets the limit)",
            kind=Kind.TIMEOUT,
            cause="sample_timeout",
            is_retryable=False,
        )


def _has_number(text: str, number: str) -> bool:
    """True if a text begins with this number and no further digit."""
    return text.startswith(number) and not text[len(number) : len(number) + 1].isdigit()
