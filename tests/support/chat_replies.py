"""One chat request against a scripted HTTP response, for tests of what becomes of it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx

from pytest_modeleval.client.chat import ChatClient
from pytest_modeleval.client.httpx_transport import HttpxTransport
from pytest_modeleval.client.reply import response_from_reply
from pytest_modeleval.client.sse import DONE
from pytest_modeleval.records import Response


class Listener:
    """Keeps the reply."""

    reply: dict[str, Any] | None = None

    def on_data(self) -> None:
        """Idle times are not measured here."""

    def on_complete(self, reply: dict[str, Any]) -> None:
        """A reply is complete when it is given."""
        assert reply["finish_reason"]
        self.reply = reply


async def complete(client: ChatClient, url: str = "http://server/v1") -> dict[str, Any]:
    """The reply to one request."""
    listener = Listener()
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    client.send(url, b"{}", request_id="r1", listener=listener, done=done)
    await done
    assert listener.reply is not None
    return listener.reply


def ask(answer: httpx.Response | Exception, *, key: str | None = None) -> tuple[Response, list[httpx.Request]]:
    """The response that is read, and the requests that were sent."""
    asked: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def run() -> dict[str, Any]:
        client = ChatClient(HttpxTransport(httpx.AsyncClient(transport=httpx.MockTransport(handle))), key=key)
        try:
            return await complete(client)
        finally:
            await client.close()

    return response_from_reply(asyncio.run(run())), asked


def stream(*events: dict[str, Any] | bytes, is_done: bool = True) -> httpx.Response:
    """A stream of these events; is_done: with [DONE] at its end."""
    lines = [event if isinstance(event, bytes) else json.dumps(event).encode() for event in events]
    body = b"".join(b"data: " + line + b"\n\n" for line in [*lines, *([DONE] if is_done else [])])
    return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=body)


def delta(finish: str | None = None, **fields: Any) -> dict[str, Any]:
    """An event with a delta of these fields."""
    return {"id": "c1", "model": "m", "choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}
