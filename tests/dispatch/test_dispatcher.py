"""How an attempt ends from outside: it expires, or its caller is cancelled."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import Callable, Mapping

import pytest

from pytest_modeleval.client.chat import ChatClient
from pytest_modeleval.client.http1 import Http1Transport
from pytest_modeleval.client.http1_connection import Exchange
from pytest_modeleval.client.transport import Receiver
from pytest_modeleval.dispatch.attempt import Attempt, PendingRequest
from pytest_modeleval.dispatch.dispatcher import Dispatcher
from pytest_modeleval.errors import AttemptFailed, Ungraded
from pytest_modeleval.records import ItemKey, JsonObject
from tests.support.loopback import LoopbackServer

ITEM = ItemKey("b", "s", "1")
REQUEST = PendingRequest("key", b"{}", "b", 60.0)


class Silent:
    """A transport that never answers."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    def send(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        receiver: Receiver,
        done: asyncio.Future[None],
        *,
        request_id: str = "",
        on_sent: Callable[[], None] | None = None,
    ) -> Callable[[], None]:
        """Never complete `done`."""
        self.asked.set()
        return lambda: None

    async def close(self) -> None:
        """No connection to close."""


async def _under_way() -> tuple[Dispatcher, asyncio.Task[JsonObject]]:
    transport = Silent()
    dispatcher = Dispatcher(
        ChatClient(transport), ["http://server/v1"], in_flight=1, idle_timeout_s=None, on_failure=lambda *_: None
    )
    task = asyncio.ensure_future(dispatcher.ask(REQUEST, ITEM, lambda *_: None))
    await transport.asked.wait()
    return dispatcher, task


def test_an_expired_attempt_is_no_cancellation() -> None:
    """The caller gets the reason, its task is not cancelled, and its slot is free again."""

    async def run() -> None:
        dispatcher, task = await _under_way()
        dispatcher.cancel_all("the server is gone")
        with pytest.raises(Ungraded, match="the server is lost"):
            await task
        assert task.cancelling() == 0
        assert dispatcher.in_flight == 0

    asyncio.run(run())


@pytest.mark.parametrize("expires_first", [True, False])
def test_a_cancellation_goes_first(expires_first: bool) -> None:
    """A cancellation of the caller wins over an expiry in the same moment, whichever came first."""

    async def run() -> None:
        dispatcher, task = await _under_way()
        if expires_first:
            dispatcher.cancel_all("the server is gone")
            task.cancel()
        else:
            task.cancel()
            dispatcher.cancel_all("the server is gone")
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()
        assert dispatcher.in_flight == 0

    asyncio.run(run())


class Answers:
    """A transport that answers at once, with the id of the request or of another one, as a list of offsets says."""

    def __init__(self, offsets: list[int]) -> None:
        self._offsets = offsets

    def send(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        receiver: Receiver,
        done: asyncio.Future[None],
        *,
        request_id: str = "",
        on_sent: Callable[[], None] | None = None,
    ) -> Callable[[], None]:
        """Answer with an id in the form of vLLM."""
        prefix, _, number = request_id.rpartition("-")
        reply = {
            "id": f"chatcmpl-{prefix}-{int(number) + self._offsets.pop(0)}-0a",
            "choices": [{"message": {"content": "A"}, "finish_reason": "stop"}],
        }

        def answer() -> None:
            receiver.on_head(200, {})
            receiver.on_data(json.dumps(reply).encode())
            try:
                receiver.on_end()
            except AttemptFailed as failure:
                done.set_exception(failure)
            else:
                done.set_result(None)

        done.get_loop().call_soon(answer)
        return lambda: None

    async def close(self) -> None:
        """No connection to close."""


def test_a_response_to_another_request_is_refused() -> None:
    """Its id is another one; the request is sent again, and its own reply counts."""
    failures: list[str] = []

    async def run() -> JsonObject:
        dispatcher = Dispatcher(
            ChatClient(Answers([9, 0])),
            ["http://server/v1"],
            in_flight=1,
            idle_timeout_s=None,
            on_failure=lambda _request, _item, _number, failure: failures.append(failure.cause),
        )
        return await dispatcher.ask(REQUEST, ITEM, lambda *_: None)

    assert asyncio.run(run())["content"] == "A"
    assert failures == ["other_request"]


def test_an_attempt_that_is_over_is_let_go(server: LoopbackServer) -> None:
    """Without the garbage collector: its body may be megabytes of a picture."""
    body = json.dumps({"model": "test-model", "messages": [{"role": "user", "content": "?"}]}).encode()

    async def run() -> None:
        transport = Http1Transport()
        dispatcher = Dispatcher(
            ChatClient(transport), [server.url], in_flight=1, idle_timeout_s=None, on_failure=lambda *_: None
        )
        for _ in range(3):
            await dispatcher.ask(PendingRequest("key", body, "b", 60.0), ITEM, lambda *_: None)
        await transport.close()

    gc.collect()
    gc.disable()
    try:
        asyncio.run(run())
        assert not [found for found in gc.get_objects() if isinstance(found, Attempt | Exchange)]
    finally:
        gc.enable()
