"""Replies as servers really send them: read rightly, or named as a failure; never an answer that was not given."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from pytest_modeleval.client.failures import finish_class
from pytest_modeleval.client.reply import MAX_TEXT_CHARS, mark_cut_call, read_count, response_from_reply
from pytest_modeleval.errors import AttemptFailed
from pytest_modeleval.records import Kind, Response
from tests.support.chat_replies import ask, delta, stream

END = delta("stop")


def read(*events: dict[str, Any] | bytes) -> Response:
    """The response of a stream of these events."""
    return ask(stream(*events))[0]


def whole(message: dict[str, Any], finish: str | None = "stop", **fields: Any) -> httpx.Response:
    """A reply that is not streamed."""
    return httpx.Response(200, json={"choices": [{"index": 0, "message": message, "finish_reason": finish}], **fields})


def failure(response: httpx.Response) -> AttemptFailed:
    """The failure that a response is."""
    with pytest.raises(AttemptFailed) as caught:
        ask(response)
    return caught.value


# F25


@pytest.mark.parametrize(
    "reason",
    [
        "insufficient_system_resource",
        "network_error",
        "failed",
        "timeout",
        "cancelled",
        "load",
        "internal_error",
        "server_error",
        "overloaded",
        "abort",
        "error",
        "Time-Out",
        "NETWORK ERROR",
    ],
)
def test_a_finish_reason_of_failure_is_a_failure(reason: str) -> None:
    """Streamed or whole, with or without text before it."""
    for response in (stream(delta(content="A"), delta(reason)), whole({"content": "A"}, reason), stream(delta(reason))):
        found = failure(response)
        assert (found.kind, found.cause[:7], found.is_retryable) == (Kind.SERVER_ERROR, "finish_", True)


@pytest.mark.parametrize(
    "reason",
    [
        "stop",
        "tool_calls",
        "function_call",
        "content_filter",
        "eos",
        "end_turn",
        "repetition",
        "stop_sequence",
        "SAFETY",
        "7",
    ],
)
def test_other_finish_reasons_end_an_answer(reason: str) -> None:
    """They are kept as the server gave them; a reply that vLLM ended for repetition is the model's own."""
    assert read(delta(content="A"), delta(reason)).finish_reason == reason


def test_a_failure_stays_one_whatever_follows() -> None:
    """A finish reason of failure is not taken back by a later stop."""
    assert failure(stream(delta(content="A"), delta("error"), END)).cause == "finish_error"


def test_the_native_finish_reason_counts_where_it_says_more() -> None:
    """OpenRouter: stop, with the provider's own word for a failure or a cut."""
    native = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "native_finish_reason": "MAX_TOKENS"}]}
    assert read(delta(content="A"), native).is_truncated
    native["choices"][0]["native_finish_reason"] = "error"
    assert failure(stream(delta(content="A"), native)).cause == "finish_error"
    native["choices"][0]["native_finish_reason"] = "STOP"
    assert read(delta(content="A"), native).finish_reason == "stop"


@pytest.mark.parametrize(
    "fields",
    [
        {"error": {"message": "out of memory"}},
        {"error": "out of memory"},
        {"object": "error", "message": "out of memory"},
        {"base_resp": {"status_code": 1000, "status_msg": "out of memory"}},
        {"status": "failed", "error_msg": "out of memory"},
        {"choices": [{"index": 0, "delta": {}, "error": {"message": "out of memory", "code": 502}}]},
    ],
    ids=["object", "text", "SGLang", "MiniMax", "error_msg", "in the choice"],
)
def test_an_error_in_the_middle_of_a_stream_is_a_failure(fields: dict[str, Any]) -> None:
    """Even where content came before it and a finish reason comes after it."""
    found = failure(stream(delta(content="A"), fields, END))
    assert (found.kind, found.cause, found.is_retryable) == (Kind.SERVER_ERROR, "error_in_body", True)
    assert "out of memory" in str(found)


@pytest.mark.parametrize(
    "fields",
    [
        {"base_resp": {"status_code": 1002, "status_msg": "rate limit"}},
        {"error": {"message": "slow down", "code": 429}},
        {"error": {"message": "slow down", "code": "503"}},
    ],
)
def test_overload_in_a_body_is_overload(fields: dict[str, Any]) -> None:
    """The dispatcher sends less at once then."""
    assert failure(stream(fields)).is_overload
    assert failure(httpx.Response(200, json=fields)).is_overload


@pytest.mark.parametrize(
    ("fields", "cause"),
    [
        ({"error": {"message": "no such parameter", "code": 400}}, "error_in_body"),
        ({"error": {"message": "longer than the model's context length", "code": 400}}, "context_exceeded"),
        ({"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}, "error_in_body"),
        ({"detail": "Not found", "code": 404}, "error_in_body"),
    ],
)
def test_errors_that_would_come_again_are_not_retried(fields: dict[str, Any], cause: str) -> None:
    """SGLang sends a refusal as an event of a stream that began with status 200."""
    found = failure(stream(fields))
    assert (found.cause, found.is_retryable) == (cause, False)


@pytest.mark.parametrize(
    "text",
    [
        "max_tokens=100000 cannot be greater than max_model_len=4096. Please request fewer output tokens.",
        "max_completion_tokens is too large: 100000.This model supports at most 4096 completion tokens",
        "The input (6031 tokens) is longer than the model's context length (4096 tokens).",
        "max_tokens must be at least 1, got 0. (parameter=max_tokens, value=0)",
        "Input length (4090 tokens) exceeds the maximum allowed length (4090 tokens). Use a shorter input.",
    ],
)
def test_refusals_for_the_context_have_their_cause(text: str) -> None:
    """The sentences of vLLM 0.32 and SGLang 0.5.23."""
    assert failure(httpx.Response(400, json={"error": {"message": text}})).cause == "context_exceeded"


# F31


@pytest.mark.parametrize("error", [{}, "", False, [], None, {"message": None, "code": 0}])
def test_an_error_that_says_nothing_is_none(error: Any) -> None:
    """Beside a valid answer, streamed or whole."""
    assert read({**delta(content="A"), "error": error}, END).text == "A"
    assert ask(whole({"content": "A"}, error=error))[0].text == "A"


def test_an_empty_base_resp_is_no_failure() -> None:
    """MiniMax sends status_code 0 with every answer."""
    base = {"status_code": 0, "status_msg": "success"}
    assert read({**delta(content="A"), "base_resp": base}, END).text == "A"


# F26, F27


@pytest.mark.parametrize(
    "reason",
    [
        "length",
        "max_tokens",
        "MAX_TOKENS",
        "model_length",
        "max_length",
        "token_limit",
        "length_limit",
        "context_length",
        "max-output-tokens",
    ],
)
def test_other_names_of_length_are_length(reason: str) -> None:
    """So the sample counts as truncated, and the advice to raise max_tokens comes."""
    for response in (stream(delta(content="A"), delta(reason)), whole({"content": "A"}, reason)):
        assert ask(response)[0].is_truncated


@pytest.mark.parametrize("reason", [None, "", "null", "None"])
def test_no_finish_reason_in_any_spelling_is_incomplete(reason: str | None) -> None:
    """The text "null" in every chunk of a stream that breaks off is no end."""
    event = delta(content="A")
    event["choices"][0]["finish_reason"] = reason
    assert failure(stream(event, is_done=False)).cause == "stream_cut"
    assert failure(stream(event)).cause == "no_finish_reason"
    assert failure(whole({"content": "A"}, reason)).cause == "no_finish_reason"


# F28, F29


@pytest.mark.parametrize(
    "label",
    [
        "text/plain",
        "application/json",
        "application/octet-stream",
        "text/html",
        "application/stream+json",
        "Text/Event-Stream; charset=utf-8",
        "",
    ],
)
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf", b"\n", b": keep-alive\n\n"])
def test_a_stream_is_recognised_whatever_its_label(label: str, start: bytes) -> None:
    """By its first bytes, and with a byte order mark before them."""
    body = start + stream(delta(content="A"), END).content
    response = httpx.Response(200, headers={"content-type": label} if label else {}, content=body)
    assert ask(response)[0].text == "A"


@pytest.mark.parametrize("label", ["text/event-stream", "application/json", "text/plain"])
def test_a_whole_reply_is_recognised_whatever_its_label(label: str) -> None:
    """A server that does not stream although it was asked to, with a byte order mark too."""
    body = b"\xef\xbb\xbf" + json.dumps({"choices": [{"message": {"content": "A"}, "finish_reason": "stop"}]}).encode()
    assert ask(httpx.Response(200, headers={"content-type": label}, content=body))[0].text == "A"


# F30, F34


def test_content_in_parts_is_read_in_streams_too() -> None:
    """Text and output_text are answer, thinking is reasoning, other parts are neither."""
    parts = [
        {"type": "text", "text": "A"},
        {"type": "output_text", "text": "B"},
        {"type": "image_url", "image_url": {}},
    ]
    thinking = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]
    assert read(delta(content=thinking), delta(content=parts), END).text == "AB"
    response, _ = ask(whole({"content": [*thinking, *parts]}))
    assert (response.text, response.reasoning) == ("AB", "hm")
    assert read(delta(reasoning=[{"type": "text", "text": "hm"}]), delta(content="A"), END).reasoning == "hm"


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_both_names_of_reasoning_are_read(field: str) -> None:
    """SGLang sends reasoning_content, vLLM 0.32 reasoning; null in the events that have none."""
    events = [delta(**{field: "h", "content": None}), delta(**{field: "m"}), delta(**{field: None}, content="A"), END]
    assert (read(*events).reasoning, read(*events).text) == ("hm", "A")
    assert ask(whole({"content": "A", field: "hm"}))[0].reasoning == "hm"


def test_message_and_text_are_read_for_delta() -> None:
    """Other shapes of an event; a whole message at the end of a stream is not added once more."""
    as_message = [{"choices": [{"index": 0, "message": {"content": piece}, "finish_reason": None}]} for piece in "ab"]
    assert read(*as_message, END).text == "ab"
    as_text = [{"choices": [{"index": 0, "text": piece, "finish_reason": None}]} for piece in "ab"]
    assert read(*as_text, END).text == "ab"
    at_end = {"choices": [{"index": 0, "message": {"content": "ab"}, "finish_reason": "stop"}]}
    assert read(delta(content="a"), delta(content="b"), at_end).text == "ab"


def test_other_choices_are_not_mixed_in() -> None:
    """Choice 1, in events of its own or next to choice 0, is not part of the answer."""

    def of(index: Any, text: str) -> dict[str, Any]:
        return {"index": index, "delta": {"content": text}, "finish_reason": None}

    own = [{"choices": [of(number, text)]} for number, text in [(0, "A"), (1, "x"), (0, "B"), (1, "y")]]
    assert read(*own, END).text == "AB"
    together = [{"choices": [of(1, "x"), of(0, "A")]}, {"choices": [of("0", "B"), of("1", "y")]}]
    assert read(*together, END).text == "AB"
    assert failure(stream({"choices": [of(1, "x")]}, {"choices": [of(0, "A")]}, END)).cause == "malformed_event"


# F32, F33


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (5, 5),
        ("5", 5),
        (5.0, 5),
        (0, 0),
        (-1, None),
        (True, None),
        ("5.5", None),
        ([5], None),
        ({}, None),
        (None, None),
        (10**30, None),
        ("9" * 400, None),
        (1e300, None),
    ],
)
def test_counts_are_read_or_absent(value: Any, count: int | None) -> None:
    """A count as text is a count; what cannot be read is no count, and never an error of the sample."""
    assert read_count(value) == count
    if not isinstance(value, int) or value < 2**64:
        usage = {"completion_tokens": value, "prompt_tokens": value, "prompt_tokens_details": value}
        assert read(delta(content="A"), END, {"choices": [], "usage": usage}).usage.completion_tokens == count


@pytest.mark.parametrize("usage", [{"reasoning_tokens": 3}, {"completion_tokens_details": {"reasoning_tokens": 3}}])
def test_reasoning_tokens_are_read_from_both_places(usage: dict[str, Any]) -> None:
    """SGLang has them in usage, vLLM in its details."""
    assert read(delta(content="A"), END, {"choices": [], "usage": usage}).usage.reasoning_tokens == 3


def test_halves_of_an_emoji_are_joined() -> None:
    """A surrogate pair whose halves come in two events, in content, reasoning and arguments."""
    content = [rb'{"content":"\ud83d"}', rb'{"content":"\ude00","reasoning":"\ud83d"}']
    events = [rb'{"choices":[{"index":0,"delta":%b}]}' % piece for piece in content]
    assert (read(*events, END).text, read(*events, END).reasoning) == ("😀", "\ufffd")
    calls = [rb'{"name":"f","arguments":"{\"a\":\"\ud83d"}', rb'{"arguments":"\ude00\"}"}']
    call = rb'{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":%b}]}}]}'
    assert read(*(call % piece for piece in calls), END).tool_calls[0].arguments == '{"a":"😀"}'


@pytest.mark.parametrize("value", [b"NaN", b"-Infinity", b"Infinity"])
def test_numbers_that_are_no_json_do_no_harm(value: bytes) -> None:
    """In log probabilities or usage, which nothing reads."""
    event = (
        b'{"choices":[{"index":0,"delta":{"content":"A"},"logprobs":{"content":[{"logprob":%b}]}}],"usage":{"cost":%b}}'
    )
    assert read(event % (value, value), END).text == "A"


# F35, bounds


def test_deep_brackets_are_malformed() -> None:
    """Neither a crash nor an answer."""
    deep = b"[" * 200_000
    assert failure(httpx.Response(200, content=b'{"a":' + deep)).cause == "malformed_json"
    assert failure(stream(b'{"choices":' + deep + b"}")).cause == "malformed_json"


def test_a_body_of_many_small_values_is_refused() -> None:
    """16 MB of empty lists would become a gigabyte of objects and stall everything."""
    body = b'{"choices":[' + b"[]," * 1_000_000 + b"[]]}"
    found = failure(httpx.Response(200, content=body))
    assert (found.cause, found.is_retryable) == ("too_large", False)


def test_a_text_beyond_the_bound_is_refused() -> None:
    """Streamed or whole; asked again it would come again."""
    text = "x" * (MAX_TEXT_CHARS // 4 + 1)
    assert failure(stream(*([delta(content=text)] * 4), END)).cause == "too_large"
    assert failure(whole({"content": text * 4})).cause == "too_large"


@pytest.mark.parametrize("calls", [[{"function": {"name": "f" * 5000}}], [{"function": {"name": "f"}}] * 2000])
def test_calls_of_a_whole_reply_are_bounded(calls: list[dict[str, Any]]) -> None:
    """As those of a stream."""
    assert failure(whole({"content": None, "tool_calls": calls}, "tool_calls")).cause == "too_large"


def test_labels_are_cut() -> None:
    """A model name, an id or a finish reason of a megabyte does not fill the journal."""
    response = read({**delta(content="A"), "id": "i" * 10**6, "model": "m" * 10**6}, delta("s" * 10**6))
    assert max(len(response.response_id), len(response.model), len(response.finish_reason or "")) == 300


def test_a_refusal_of_any_length_keeps_its_beginning() -> None:
    """The rest of its body is not kept."""
    assert "busy" in str(failure(httpx.Response(503, text="busy " + "x" * 10**6)))


# Calls that are cut at max_tokens


@pytest.mark.parametrize(
    ("used", "finish", "is_cut"),
    [(24, "tool_calls", True), (23, "tool_calls", False), (24, "stop", False), (None, "tool_calls", False)],
)
def test_a_call_that_uses_up_max_tokens_is_truncated(used: int | None, finish: str, is_cut: bool) -> None:
    """VLLM reports a call that was cut as finished, with repaired arguments, if it is not streamed."""
    reply: dict[str, Any] = {
        "content": "",
        "finish_reason": finish,
        "tool_calls": [{"id": "", "name": "f", "arguments": "{}"}],
        "usage": {"completion_tokens": used},
    }
    mark_cut_call(reply, 24)
    assert response_from_reply(reply).is_truncated == is_cut


def test_finish_class_reads_anything() -> None:
    """Numbers, lists and long texts are reasons too."""
    reasons: list[Any] = [7, ["stop"], "x" * 10**6, {}, False]
    assert [finish_class(reason) for reason in reasons] == ["end"] * 5
