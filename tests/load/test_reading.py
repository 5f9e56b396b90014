"""Bytes and stamps of one exchange become its timing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_modeleval.load.reading import read_exchange
from pytest_modeleval.load.server_times import read_queue_s
from pytest_modeleval.load.spool import RawExchange
from pytest_modeleval.stress.timing import STEADY, Timing


def _event(delta: dict[str, Any] | None = None, *, finish: str | None = None, usage: Any = None) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return b"data: " + json.dumps({"choices": choices, "usage": usage}).encode() + b"\n\n"


def _used(tokens: int) -> dict[str, int]:
    return {"prompt_tokens": 7, "completion_tokens": tokens}


def _raw(*pieces: bytes, status: int = 200, failure: str = "") -> RawExchange:
    """Pieces that arrive at 101.0, 101.1, ... of a request that was due at 100.0 and sent at 100.5."""
    stamps = [101.0 + place / 10 for place in range(len(pieces))]
    sizes = (None, 100.0, 100.0, 100.5, 110.0, 0.001)
    return RawExchange(3, 9, None, 0, sizes[0], STEADY, *sizes[1:], status, failure, stamps, list(pieces))


def _timing(*pieces: bytes, **fields: Any) -> Timing:
    return read_exchange(_raw(*pieces, **fields), start_s=100.0)[0]


ROLE = _event({"role": "assistant", "content": ""})
END = _event({}, finish="length") + _event(None, usage=_used(2)) + b"data: [DONE]\n\n"


def test_an_empty_role_chunk_is_no_token() -> None:
    """The first token is the first piece of the reply; the times count from the start of the point."""
    timing = _timing(ROLE, _event({"content": "a"}), _event({"content": "b"}), END)
    assert timing.first_s == timing.first_answer_s == pytest.approx(1.1)
    assert [(round(at_s, 6), tokens) for at_s, tokens in timing.arrivals] == [(1.1, 1), (1.2, 1)]
    assert (timing.scheduled_s, timing.sent_s, timing.ended_s) == (0.0, 0.5, 10.0)
    assert timing.send_lag_s == 0.5
    assert (timing.are_tokens_exact, timing.completion_tokens, timing.wanted_tokens) == (True, 2, 9)
    assert timing.ended_early
    assert (timing.finish, timing.failure) == ("length", "")


def test_thinking_and_calls_are_tokens() -> None:
    """The first token may be one of thinking; the answer begins later, with text or with a call."""
    call = {"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}
    timing = _timing(_event({"reasoning_content": "hm"}), _event({"tool_calls": [call]}), END)
    assert [timing.first_s, timing.first_answer_s] == pytest.approx([1.0, 1.1])
    tagged = _timing(*(_event({"content": text}) for text in ("<think>", "hm", "</think>", "yes")), END)
    assert [tagged.first_s, tagged.first_answer_s] == pytest.approx([1.0, 1.3])
    assert _timing(_event({"content": "<think>"}), _event({"content": "hm"}), END).first_answer_s is None


def test_tokens_of_a_chunk_are_counted_by_continuous_usage() -> None:
    """Chunks of several tokens; what the last usage counts beyond them came with the last chunk."""
    timing = _timing(
        _event({"content": "abc"}, usage=_used(3)),
        _event({"content": "d"}, usage=_used(4)),
        _event({}, finish="length", usage=_used(4)) + _event(None, usage=_used(5)) + b"data: [DONE]\n\n",
    )
    assert [tokens for _, tokens in timing.arrivals] == [3, 2]
    assert timing.are_tokens_exact


def test_time_in_the_servers_queue() -> None:
    """As vLLM, Groq (in a stream and whole) and SGLang report it, in seconds; None where it cannot be a time."""
    forms: list[dict[str, Any]] = [
        {"choices": [], "usage": _used(2), "metrics": {"queue_time_ms": 250.0, "mean_itl_ms": None}},
        {"choices": [], "usage": {**_used(2), "queue_time": 0.25}},
        {"choices": [], "x_groq": {"usage": {"queue_time": 0.25}}},
        {"choices": [{"meta_info": {"queue_time": 0.25}}]},
    ]
    assert [read_queue_s(form) for form in forms] == [0.25] * 4
    chunk = b"data: " + json.dumps(forms[0]).encode() + b"\n\n"
    assert _timing(_event({"content": "ab"}), _event({}, finish="stop") + chunk).queue_s == 0.25
    whole = {**forms[1], "model": "m", "choices": [{"message": {"content": "ab"}, "finish_reason": "stop"}]}
    assert _timing(json.dumps(whole).encode()).queue_s == 0.25
    assert _timing(_event({"content": "ab"}), END).queue_s is None
    impossible: list[Any] = [True, "0.25", -1.0, float("nan"), float("inf"), 10**400, None, [], {}]
    for wrong in impossible:
        assert read_queue_s({"choices": None, "usage": {"queue_time": wrong}, "metrics": wrong}) is None


def test_tokens_are_spread_where_only_their_sum_is_known() -> None:
    """Their sum stays, and the timing says that they are not exact; without a sum there is none."""
    pieces = [_event({"content": "abc"}), _event({"content": "d"})]
    end = _event({}, finish="stop") + _event(None, usage=_used(5))
    timing = _timing(*pieces, end)
    assert ([tokens for _, tokens in timing.arrivals], timing.are_tokens_exact) == ([2, 3], False)
    unknown = _timing(*pieces, _event({}, finish="stop"))
    assert [tokens for _, tokens in unknown.arrivals] == [0, 0]


@pytest.mark.parametrize(
    ("pieces", "fields", "cause"),
    [
        ([b'{"error": {"message": "busy"}}'], {"status": 503}, "http_503"),
        ([b'data: {"error": {"message": "out of memory", "code": 500}}\n\n'], {}, "error_in_body"),
        ([b'{"error": {"message": "no"}}'], {}, "error_in_body"),
        ([_event({"content": "a"})], {}, "no_finish_reason"),
        ([_event({"content": "a"}, finish="abort")], {}, "finish_abort"),
        ([_event({"content": "a"})], {"failure": "connection_lost"}, "connection_lost"),
    ],
)
def test_what_is_no_whole_reply_is_a_failure(pieces: list[bytes], fields: dict[str, Any], cause: str) -> None:
    """Error statuses, errors in a body of status 200, streams that end too early: none is a success."""
    timing = _timing(*pieces, **fields)
    assert (timing.failure, timing.finish, timing.is_complete) == (cause, "", False)


def test_a_reply_that_is_not_streamed_arrives_at_once() -> None:
    """All its tokens come with its last piece."""
    whole = {"choices": [{"index": 0, "message": {"content": "ab"}, "finish_reason": "stop"}], "usage": _used(4)}
    data = json.dumps(whole).encode()
    timing = _timing(data[:20], data[20:])
    assert [(round(at_s, 6), tokens) for at_s, tokens in timing.arrivals] == [(1.1, 4)]
