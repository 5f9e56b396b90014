"""Who ends an attempt: the watch over it, or somebody from outside."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from pytest_modeleval.client.chat import ChatClient
from pytest_modeleval.client.transport import Receiver
from pytest_modeleval.dispatch.attempt import Call
from pytest_modeleval.dispatch.dispatcher import Dispatcher
from pytest_modeleval.errors import Ungraded
from pytest_modeleval.records import ItemKey, JsonObject

ITEM = ItemKey("b", "s", "1")
CALL = Call("key", b"{}", "b", 60.0)


class Silent:
    """A transport on which nothing ever comes back."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], receiver: Receiver, *, request_id: str = ""
    ) -> None:
        """See Transport."""
        self.asked.set()
        await asyncio.Event().wait()

    def begin(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        receiver: Receiver,
        done: asyncio.Future[None],
        *,
        request_id: str = "",
    ) -> None:
        """See Transport."""

    async def close(self) -> None:
        """See Transport."""


async def _under_way() -> tuple[Dispatcher, asyncio.Task[JsonObject]]:
    transport = Silent()
    dispatcher = Dispatcher(
        ChatClient(transport), ["http://server/v1"], in_flight=1, idle_timeout_s=None, on_failure=lambda *_: None
    )
    task = asyncio.ensure_future(dispatcher.ask(CALL, ITEM, lambda *_: None))
    await transport.asked.wait()
    return dispatcher, task


def test_an_attempt_that_is_given_up_is_no_cancellation() -> None:
    """The caller learns why there is no answer, its task is not cancelled, and its slot is free again."""

    async def run() -> None:
        dispatcher, task = await _under_way()
        dispatcher.lose("the server is gone")
        with pytest.raises(Ungraded, match="the server is lost"):
            await task
        assert task.cancelling() == 0
        assert dispatcher.state().in_flight == 0

    asyncio.run(run())


@pytest.mark.parametrize("is_given_up_first", [True, False])
def test_a_cancellation_goes_first(is_given_up_first: bool) -> None:
    """Who cancels the caller in the same moment in which the attempt is given up is obeyed, whoever came first."""

    async def run() -> None:
        dispatcher, task = await _under_way()
        if is_given_up_first:
            dispatcher.lose("the server is gone")
            task.cancel()
        else:
            task.cancel()
            dispatcher.lose("the server is gone")
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()
        assert dispatcher.state().in_flight == 0

    asyncio.run(run())
