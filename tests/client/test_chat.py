"""One request over the wire: what comes back, and what every failure is called. Through httpx's mock transport."""

from __future__ import annotations

import httpx
import pytest

from pytest_modeleval._support.proxies import proxy_of
from pytest_modeleval.errors import AttemptFailed
from pytest_modeleval.records import Kind
from tests.support.chat_replies import ask, delta, stream


def test_a_streamed_reply_is_put_together() -> None:
    """Content, reasoning, tool calls in pieces, usage and finish reason land in one record."""
    response, asked = ask(
        stream(
            delta(role="assistant"),
            delta(reasoning_content="hm"),
            delta(content="ANS"),
            delta(content="WER: A"),
            delta(tool_calls=[{"index": 0, "id": "t", "function": {"name": "f", "arguments": '{"a"'}}]),
            delta(tool_calls=[{"index": 0, "function": {"arguments": ":1}"}}]),
            delta("stop"),
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
    response, _ = ask(httpx.Response(200, json=whole))
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
        (stream(delta(content="A"), is_done=False), Kind.BAD_RESPONSE, "stream_cut", True, False),
        (stream(delta(content="A")), Kind.BAD_RESPONSE, "no_finish_reason", True, False),
        (stream(delta(content="A"), b'{"id": "x", "cho'), Kind.BAD_RESPONSE, "malformed_json", True, False),
        (stream({"error": {"message": "oom"}}), Kind.SERVER_ERROR, "error_in_body", True, False),
        (stream(delta("abort")), Kind.SERVER_ERROR, "finish_abort", True, False),
        (stream(delta(content=7)), Kind.BAD_RESPONSE, "malformed_event", True, False),
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
        ask(answer)
    failure = raised.value
    assert (failure.kind, failure.cause) == (kind, cause)
    assert (failure.is_retryable, failure.is_overload) == (is_retryable, is_overload)


def test_proxies_are_not_used_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP_PROXY serves foreign hosts only; NO_PROXY is obeyed."""
    monkeypatch.setenv("http_proxy", "http://proxy:3128")
    monkeypatch.setenv("no_proxy", "inside.example")
    assert proxy_of("http://127.0.0.1:8000/v1") is None
    assert proxy_of("http://localhost/v1") is None
    assert proxy_of("http://inside.example/v1") is None
    assert proxy_of("http://far.example/v1") == "http://proxy:3128"
