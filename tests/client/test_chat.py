"""One request over the wire: what comes back, and what every failure is called. Through httpx's mock transport."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval._support.proxies import proxy_of
from pytest_modeleval.client.chat import ChatClient
from pytest_modeleval.client.httpx_transport import HttpxTransport
from pytest_modeleval.client.reply import response_from_reply
from pytest_modeleval.client.sse import DONE, EventLines
from pytest_modeleval.errors import AttemptFailed
from pytest_modeleval.records import Kind, Response


class Listener:
    """Keeps the reply."""

    reply: dict[str, Any] | None = None

    def on_data(self) -> None:
        """Idle times are not measured here."""

    def on_complete(self, reply: dict[str, Any]) -> None:
        """A reply is complete when it is given."""
        assert reply["finish_reason"]
        self.reply = reply


async def _complete(client: ChatClient) -> dict[str, Any]:
    listener = Listener()
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    client.send("http://server/v1", b"{}", request_id="r1", listener=listener, done=done)
    await done
    assert listener.reply is not None
    return listener.reply


def _ask(answer: httpx.Response | Exception, *, key: str | None = None) -> tuple[Response, list[httpx.Request]]:
    asked: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def run() -> dict[str, Any]:
        client = ChatClient(HttpxTransport(httpx.AsyncClient(transport=httpx.MockTransport(handle))), key=key)
        try:
            return await _complete(client)
        finally:
            await client.close()

    return response_from_reply(asyncio.run(run())), asked


def _stream(*events: dict[str, Any] | bytes, is_done: bool = True) -> httpx.Response:
    lines = [event if isinstance(event, bytes) else json.dumps(event).encode() for event in events]
    body = b"".join(b"data: " + line + b"\n\n" for line in [*lines, *([DONE] if is_done else [])])
    return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=body)


def _delta(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"id": "c1", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def test_a_streamed_reply_is_put_together() -> None:
    """Content, reasoning, tool calls in pieces, usage and finish reason land in one record."""
    response, asked = _ask(
        _stream(
            _delta(role="assistant"),
            _delta(reasoning_content="hm"),
            _delta(content="ANS"),
            _delta(content="WER: A"),
            _delta(tool_calls=[{"index": 0, "id": "t", "function": {"name": "f", "arguments": '{"a"'}}]),
            _delta(tool_calls=[{"index": 0, "function": {"arguments": ":1}"}}]),
            _delta("stop"),
            {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 5}},
        ),
        key="secret",
    )
    assert (response.text, response.reasoning, response.finish_reason) == ("ANSWER: A", "hm", "stop")
    assert [(call.name, call.arguments, call.id) for call in response.tool_calls] == [("f", '{"a":1}', "t")]
    assert (response.usage.prompt_tokens, response.usage.completion_tokens) == (3, 5)
    assert response.first_token_s is not None
    assert asked[0].headers["authorization"] == "Bearer secret"
    assert asked[0].headers["x-request-id"] == "r1"
    assert str(asked[0].url) == "http://server/v1/chat/completions"


def test_a_whole_reply_is_read() -> None:
    """Without streaming: content as text or as parts, arguments as text or as an object."""
    message = {
        "content": [{"type": "text", "text": "four"}],
        "tool_calls": [{"id": "t", "function": {"name": "f", "arguments": {"a": 1}}}],
    }
    whole = {"choices": [{"message": message, "finish_reason": "tool_calls"}], "usage": {"completion_tokens": 2}}
    response, _ = _ask(httpx.Response(200, json=whole))
    assert response.text == "four"
    assert response.tool_calls[0].arguments == '{"a":1}'


@pytest.mark.parametrize(
    ("answer", "kind", "cause", "is_retryable", "is_overload"),
    [
        (httpx.Response(500, json={"error": {"message": "x"}}), Kind.SERVER_ERROR, "http_500", True, False),
        (httpx.Response(503, text="busy"), Kind.SERVER_ERROR, "http_503", True, True),
        (httpx.Response(429, text=""), Kind.SERVER_ERROR, "http_429", True, True),
        (httpx.Response(408), Kind.SERVER_ERROR, "http_408", True, False),
        (httpx.Response(400, json={"error": "bad"}), Kind.SERVER_ERROR, "http_400", False, False),
        (
            httpx.Response(400, json={"error": {"message": "maximum context length is 8"}}),
            Kind.SERVER_ERROR,
            "context_exceeded",
            False,
            False,
        ),
        (httpx.Response(401), Kind.SERVER_ERROR, "http_401", False, False),
        (httpx.Response(200, content=b'{"choices": [{"ind'), Kind.BAD_RESPONSE, "malformed_json", True, False),
        (httpx.Response(200, content=b"[]"), Kind.BAD_RESPONSE, "malformed_json", True, False),
        (httpx.Response(200, json={"choices": []}), Kind.BAD_RESPONSE, "no_choice", True, False),
        (httpx.Response(200, json={"error": {"message": "oom"}}), Kind.SERVER_ERROR, "error_in_body", True, False),
        (_stream(_delta(content="A"), is_done=False), Kind.BAD_RESPONSE, "stream_cut", True, False),
        (_stream(_delta(content="A")), Kind.BAD_RESPONSE, "no_finish_reason", True, False),
        (_stream(_delta(content="A"), b'{"id": "x", "cho'), Kind.BAD_RESPONSE, "malformed_json", True, False),
        (_stream({"error": {"message": "oom"}}), Kind.SERVER_ERROR, "error_in_body", True, False),
        (_stream(_delta("abort")), Kind.SERVER_ERROR, "finish_abort", True, False),
        (_stream(_delta(content=7)), Kind.BAD_RESPONSE, "malformed_event", True, False),
        (httpx.ConnectError("refused"), Kind.SERVER_ERROR, "connection_lost", True, False),
        (httpx.ReadTimeout("slow"), Kind.SERVER_ERROR, "connection_lost", True, False),
        (httpx.RemoteProtocolError("cut"), Kind.SERVER_ERROR, "connection_lost", True, False),
    ],
)
def test_every_failure_has_its_name(
    answer: httpx.Response | Exception, kind: Kind, cause: str, is_retryable: bool, is_overload: bool
) -> None:
    """No failure of the wire leaks as another exception, and each says whether asking again can help."""
    with pytest.raises(AttemptFailed) as raised:
        _ask(answer)
    failure = raised.value
    assert (failure.kind, failure.cause) == (kind, cause)
    assert (failure.is_retryable, failure.is_overload) == (is_retryable, is_overload)


@given(
    payloads=st.lists(st.binary(max_size=30).map(lambda data: data.replace(b"\n", b"").replace(b"\r", b"").strip())),
    cuts=st.lists(st.integers(1, 20), max_size=40),
)
def test_events_do_not_depend_on_the_borders_of_chunks(payloads: list[bytes], cuts: list[int]) -> None:
    """However the stream is cut into chunks, the payloads are the same."""
    data = b"".join(b"data: " + payload + b"\r\n\r\n" for payload in payloads)
    lines = EventLines()
    found = []
    for cut in cuts:
        found += lines.feed(data[:cut])
        data = data[cut:]
    found += lines.feed(data)
    assert found == payloads


def test_proxies_are_not_used_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP_PROXY serves foreign hosts only; NO_PROXY is obeyed."""
    monkeypatch.setenv("http_proxy", "http://proxy:3128")
    monkeypatch.setenv("no_proxy", "inside.example")
    assert proxy_of("http://127.0.0.1:8000/v1") is None
    assert proxy_of("http://localhost/v1") is None
    assert proxy_of("http://inside.example/v1") is None
    assert proxy_of("http://far.example/v1") == "http://proxy:3128"
