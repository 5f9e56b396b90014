"""Requests that are no chats: where they go, and what no answer of theirs may be."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from pytest_modeleval.client import chat
from pytest_modeleval.client.chat import ChatClient
from pytest_modeleval.client.httpx_transport import HttpxTransport
from pytest_modeleval.client.route import CHAT, Route
from pytest_modeleval.errors import AttemptFailed
from pytest_modeleval.likelihood.token_scores import token_reply
from tests.support.chat_replies import Listener

TOKENIZE = Route("/tokenize", token_reply, is_at_root=True)


def ask(answer: httpx.Response) -> tuple[dict[str, Any] | None, str]:
    """The reply to one request, and the address that it went to."""
    asked: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return answer

    async def run() -> dict[str, Any] | None:
        client = ChatClient(HttpxTransport(httpx.AsyncClient(transport=httpx.MockTransport(handle))))
        listener, done = Listener(), asyncio.get_running_loop().create_future()
        try:
            client.send("http://server/v1", b"{}", request_id="r", listener=listener, done=done, route=TOKENIZE)
            await done
        finally:
            await client.close()
        return listener.reply

    return asyncio.run(run()), asked[0]


def test_an_answer_is_read_as_its_route_reads_it() -> None:
    """Below the root, and with the time it took."""
    reply, url = ask(httpx.Response(200, json={"tokens": [1, 2]}))
    assert url == "http://server/tokenize"
    assert reply is not None
    assert (reply["tokens"], reply["content"]) == ([1, 2], "")
    assert reply["total_s"] >= 0


@pytest.mark.parametrize(
    ("base", "chat_url", "root_url"),
    [
        ("http://s/v1", "http://s/v1/chat/completions", "http://s/tokenize"),
        ("http://s/api/v1", "http://s/api/v1/chat/completions", "http://s/api/tokenize"),
        ("http://s", "http://s/chat/completions", "http://s/tokenize"),
    ],
)
def test_a_route_stands_below_the_base_or_the_root(base: str, chat_url: str, root_url: str) -> None:
    """The root is what stands in front of /v1."""
    assert (CHAT.url(base), TOKENIZE.url(base)) == (chat_url, root_url)


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (
            httpx.Response(200, text='data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\ndata: [DONE]\n\n'),
            "malformed_json",
        ),
        (httpx.Response(200, json=[1, 2]), "malformed_json"),
        (httpx.Response(200, json={"error": {"message": "no", "code": 400}}), "error_in_body"),
        (httpx.Response(200, json={"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]}), "no_tokens"),
        (httpx.Response(404, json={"detail": "Not Found"}), "http_404"),
        (httpx.Response(400, json={"error": {"message": "exceeds the context size"}}), "context_exceeded"),
    ],
)
def test_another_answer_is_a_failure(answer: httpx.Response, cause: str) -> None:
    """A stream of a chat, a list, an error under status 200, a chat, a refusal."""
    with pytest.raises(AttemptFailed) as caught:
        ask(answer)
    assert caught.value.cause == cause


def test_an_answer_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """As that of a chat."""
    monkeypatch.setattr(chat, "MAX_BODY_BYTES", 100)
    with pytest.raises(AttemptFailed) as caught:
        ask(httpx.Response(200, json={"tokens": [1] * 200}))
    assert caught.value.cause == "too_large"
