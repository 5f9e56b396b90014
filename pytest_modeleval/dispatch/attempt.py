"""One attempt: sent in the moment in which it gets a slot, heard, and over where its last piece arrives.

A coroutine that is woken for each of these steps waits, each time, until all others that are ready have run, and where
pytest's thread wants the interpreter, for that too. So an attempt is a handful of callbacks: the reply that ends it is
written to the journal and its slot is used by the next request before the loop turns to anything else.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pytest_modeleval.client.chat import ChatClient
from pytest_modeleval.dispatch.idle_timeout import IdleTimeout
from pytest_modeleval.dispatch.limit import Limiter
from pytest_modeleval.dispatch.replicas import Replicas
from pytest_modeleval.dispatch.retry import ServerHealth
from pytest_modeleval.errors import AttemptFailed
from pytest_modeleval.records import JsonObject, Kind


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


@dataclass(slots=True)
class Counters:
    """Counts since the start, for the live line."""

    answered: int = 0
    failed_attempts: int = 0
    completion_tokens: int = 0


@dataclass(slots=True)
class DispatchState:
    """What all attempts of a dispatcher share.

    sends_id: requests carry their id as `rid`. under_way: attempts that the server works on. name: begins the ids of
    requests, which are our own, and told apart from those of any other process. lost_reason: the server was given up.
    """

    client: ChatClient
    replicas: Replicas
    limiter: Limiter
    health: ServerHealth
    sends_id: bool
    figures: Counters = field(default_factory=Counters)
    under_way: set[Attempt] = field(default_factory=set)
    name: str = field(default_factory=lambda: f"modeleval-{uuid.uuid4().hex}")
    asked: int = 0
    lost_reason: str = ""


@dataclass(slots=True, eq=False)
class Attempt:
    """An attempt, from the wait for its slot to its end: the Listener of its answer. Times are the loop's, in seconds.

    task: whose work it is, cancelled when the attempt expires. cancelling: how many wished it cancelled before.
    take(reply, attempt): called with a valid reply before anything else is sent. abandon: closes its connection.
    replica: -1 until it is sent. reply: set when it is over.
    """

    ground: DispatchState
    call: Call
    take: Callable[[JsonObject, int], None]
    silence: IdleTimeout
    attempt: int
    loop: asyncio.AbstractEventLoop
    task: asyncio.Task[Any]
    cancelling: int
    replica: int = -1
    url: str = ""
    request_id: str = ""
    started_s: float = 0.0
    heard_s: float = 0.0
    longest_s: float = 0.0
    has_slot: bool = False
    abandon: Callable[[], None] | None = None
    expired: str = ""
    reply: JsonObject | None = None

    def begin(self, done: asyncio.Future[None]) -> bool:
        """The slot is there: send, if that can be done at once. See Limiter.acquire."""
        self.has_slot = True
        ground = self.ground
        if ground.lost_reason or not ground.replicas.is_ready:
            return False
        body = self.depart()
        self.abandon = ground.client.begin(self.url, body, request_id=self.request_id, listener=self, done=done)
        return self.abandon is not None

    def depart(self) -> bytes:
        """Choose a replica, unless that was done, and let the time run; the body to be sent."""
        ground = self.ground
        if self.replica < 0:
            self.replica = ground.replicas.choose(self.call.prefix)
            self.url = ground.replicas.urls[self.replica]
            ground.asked += 1
            self.request_id = f"{ground.name}-{ground.asked}"
            ground.under_way.add(self)
        self.started_s = self.heard_s = self.loop.time()
        if not ground.sends_id:
            return self.call.body
        # The id is our own for every attempt, so it stands outside of what is journaled and hashed.
        return b'%b,"rid":"%b"}' % (self.call.body[:-1], self.request_id.encode())

    def heard(self) -> None:
        """See Listener."""
        moment = self.loop.time()
        self.longest_s = max(self.longest_s, moment - self.heard_s)
        self.heard_s = moment
        self.ground.replicas.heard(self.replica, moment)

    def over(self, reply: JsonObject) -> None:
        """See Listener."""
        self.heard()
        self.take(reply, self.attempt)
        self.reply = reply
        ground = self.ground
        self.silence.completed(self.longest_s)
        ground.replicas.completed(self.replica)
        ground.limiter.adaptive.succeeded()
        ground.health.succeeded()
        ground.figures.answered += 1
        ground.figures.completion_tokens += (reply.get("usage") or {}).get("completion_tokens") or 0
        self.leave()

    def leave(self) -> None:
        """Give back what it holds, once: whatever became of it."""
        if not self.has_slot:
            return
        self.has_slot = False
        self.ground.under_way.discard(self)
        if self.replica >= 0:
            self.ground.replicas.done(self.replica)
        self.ground.limiter.release()

    def expire(self, why: str) -> None:
        """End it, once: "silent", "too_long" or "lost"."""
        if not self.expired:
            self.expired = why
            self.task.cancel()

    def timed_out(self) -> AttemptFailed:
        """Why it was ended."""
        now_s = self.loop.time()
        if self.expired == "lost":
            return AttemptFailed("the server is lost", kind=Kind.SERVER_ERROR, cause="server_lost", is_retryable=False)
        if self.expired == "silent":
            silence_s = now_s - self.heard_s
            return AttemptFailed(
                f"nothing came from the server for {silence_s:.1f} s (--eval-idle-timeout sets the limit)",
                kind=Kind.TIMEOUT,
                cause="idle",
                is_overload=True,
            )
        taken_s = now_s - self.started_s
        return AttemptFailed(
            f"the response was not complete after {taken_s:.0f} s (--eval-sample-timeout sets the limit)",
            kind=Kind.TIMEOUT,
            cause="sample_timeout",
            is_retryable=False,
        )
