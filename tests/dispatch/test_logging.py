"""The loggers pytest_modeleval.dispatch and pytest_modeleval.client."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pytest_modeleval.client.body import encode_body
from pytest_modeleval.client.chat import ChatClient
from pytest_modeleval.client.http1 import Http1Transport
from pytest_modeleval.dispatch.attempt import PendingRequest
from pytest_modeleval.dispatch.dispatcher import Dispatcher
from pytest_modeleval.dispatch.limit import Limiter
from pytest_modeleval.dispatch.replicas import Replicas
from pytest_modeleval.errors import AttemptFailed, Ungraded
from pytest_modeleval.records import ItemKey, Kind, Request
from tests.support.loopback import Act, Answer, Drop, LoopbackServer, Refuse

KEY = "sk-CANARY"
ITEM = ItemKey("gsm8k", "main", "7")


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[int], Act]], LoopbackServer]]:
    """A function that starts a server, which echoes the key in its refusals."""
    started: list[LoopbackServer] = []

    def start(script: Callable[[int], Act]) -> LoopbackServer:
        server = LoopbackServer(lambda _body, attempt: script(attempt), key=KEY)
        server.start()
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()


def ask(server: LoopbackServer, times: int = 1) -> None:
    """Send the same request `times` times, one after another."""
    message: dict[str, Any] = {"role": "user", "content": "hi"}
    body = encode_body(Request(messages=(message,)), model="m", params={"stream": True}, seed=1)

    async def run() -> None:
        client = ChatClient(Http1Transport(), key=KEY)
        dispatcher = Dispatcher(client, [server.url], in_flight=4, idle_timeout_s=None, on_failure=lambda *_: None)
        try:
            for _ in range(times):
                await dispatcher.ask(PendingRequest("k", body, "b", 60.0), ITEM, lambda *_: None)
        finally:
            await dispatcher.close()

    asyncio.run(run())


def test_a_retry_and_a_lowered_limit_are_logged(
    serve: Callable[[Callable[[int], Act]], LoopbackServer], caplog: pytest.LogCaptureFixture
) -> None:
    """One line for the overload, one for the retry with its item, cause and delay; the key in neither."""
    caplog.set_level(logging.INFO, logger="pytest_modeleval")
    ask(serve(lambda attempt: Refuse(503, text=f"wrong key {KEY}", retry_after="0") if attempt == 1 else Answer()))
    lines = [record.getMessage() for record in caplog.records if record.name == "pytest_modeleval.dispatch"]
    assert lines[0] == "server overloaded: limit lowered from 4 to 2 requests in flight"
    assert lines[1].startswith("gsm8k/main/7: attempt 1 failed (http_503); next one in 0.")
    assert KEY not in caplog.text


def test_a_request_that_is_given_up_is_logged(
    serve: Callable[[Callable[[int], Act]], LoopbackServer], caplog: pytest.LogCaptureFixture
) -> None:
    """With the cause and the number of attempts."""
    caplog.set_level(logging.INFO, logger="pytest_modeleval")
    with pytest.raises(Ungraded):
        ask(serve(lambda _: Refuse(400, text=KEY)))
    assert caplog.messages == ["gsm8k/main/7: given up after attempt 1 (http_400)"]


def test_connections_are_logged_at_debug_level(
    serve: Callable[[Callable[[int], Act]], LoopbackServer], caplog: pytest.LogCaptureFixture
) -> None:
    """One that is opened, and a request that is sent again because a kept one was closed."""
    server = serve(lambda attempt: Drop() if attempt == 2 else Answer())
    caplog.set_level(logging.DEBUG, logger="pytest_modeleval.client")
    ask(server, times=2)
    opened = f"opened a connection to 127.0.0.1:{server.port}"
    again = "a kept connection to 127.0.0.1 was closed; sending the request again"
    assert caplog.messages == [opened, again, opened]


def test_changes_of_replicas_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A replica that is paused, and that is asked again."""
    caplog.set_level(logging.INFO, logger="pytest_modeleval.dispatch")
    replicas = Replicas(["http://a/v1", "http://b/v1"], limit=4)
    failure = AttemptFailed("x", kind=Kind.SERVER_ERROR, cause="connection_lost")
    for _ in range(3):
        replicas.on_failure(1, failure, started_s=1.0, now_s=2.0)
    replicas.probe(60.0)
    assert caplog.messages == [
        "replica 1 (http://b/v1) unreachable: paused for 5 s",
        "replica 1 (http://b/v1): asked again",
    ]


def test_the_recovered_limit_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """Not every step of the way back."""
    caplog.set_level(logging.INFO, logger="pytest_modeleval.dispatch")
    limiter = Limiter(8)
    limiter.on_overload(1.0)
    for _ in range(100):
        limiter.on_success()
    assert caplog.messages == [
        "server overloaded: limit lowered from 8 to 5 requests in flight",
        "limit back at 8 requests in flight",
    ]
