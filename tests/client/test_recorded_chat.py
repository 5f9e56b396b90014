"""Some 60 exchanges recorded from vLLM 0.32.0 and SGLang 0.5.23 with SmolLM2-135M: answers are read, refusals named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_modeleval.errors import AttemptFailed
from pytest_modeleval.records import Kind
from tests.support.chat_replies import ask
from tests.support.recorded import events_of, exchanges, response_of

PARIS = "The capital of France is Paris."
ENGINES = ("vllm", "sglang")
# Refused requests: (cause, worth a repetition) by engine; None where the engine answers.
REFUSALS: dict[str, dict[str, tuple[str, bool] | None]] = {
    "max-tokens-too-large": dict.fromkeys(ENGINES, ("context_exceeded", False)),
    # vLLM silently cuts the answer to what fits: see server.deployment.
    "max-tokens-a-little-too-large": {"vllm": None, "sglang": ("context_exceeded", False)},
    "too-long": dict.fromkeys(ENGINES, ("context_exceeded", False)),
    "too-long-stream": dict.fromkeys(ENGINES, ("context_exceeded", False)),
    # SGLang answers with status 200 and repeats the wrong name: see server.identify.
    "wrong-model": {"vllm": ("http_404", False), "sglang": None},
    # vLLM has one sentence for max_tokens=0 and for a prompt that fills its context.
    "max-tokens-0": {"vllm": ("context_exceeded", False), "sglang": None},
    "n2-temperature0": {"vllm": ("http_400", False), "sglang": None},
    "tools-empty": {"vllm": ("http_400", False), "sglang": None},
    "null-content": dict.fromkeys(ENGINES, ("http_400", False)),
    "schema-odd": dict.fromkeys(ENGINES, ("http_400", False)),
    "no-json": dict.fromkeys(ENGINES, ("http_400", False)),
    # SGLang's own fault: the text "Internal Server Error".
    "list-body": {"vllm": ("http_400", False), "sglang": ("http_500", True)},
}


def found(engine: str, name: str) -> dict[str, Any]:
    """The exchange of this name."""
    return next(exchange for exchange in exchanges(f"{engine}-chat") if exchange["name"] == name)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", sorted(REFUSALS))
def test_refusals_are_named(engine: str, name: str) -> None:
    """Each is a failure with its cause; what the engine answers instead is an answer."""
    wanted = REFUSALS[name][engine]
    if wanted is None:
        ask(response_of(found(engine, name)))
        return
    with pytest.raises(AttemptFailed) as caught:
        ask(response_of(found(engine, name)))
    assert (caught.value.cause, caught.value.is_retryable) == wanted
    assert caught.value.kind is Kind.SERVER_ERROR


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["whole", "stream", "stream-continuous-usage", "rid", "request-id"])
def test_answers_are_read(engine: str, name: str) -> None:
    """Text, end, counts and the model's name, streamed and whole; the counts of the last event count."""
    response, _ = ask(response_of(found(engine, name)))
    assert (response.text, response.finish_reason, response.reasoning) == (PARIS, "stop", "")
    assert (response.usage.prompt_tokens, response.usage.completion_tokens) == (37, 8)
    assert response.model == "SmolLM2-135M-Instruct"
    # SGLang repeats `rid`, vLLM a header that stands in its id: how a late second response is found out.
    given = {("sglang", "rid"): "me-1", ("vllm", "request-id"): "chatcmpl-me-2"}.get((engine, name))
    assert given is None or response.response_id == given


@pytest.mark.parametrize("engine", ENGINES)
def test_cuts_and_stop_words_are_read(engine: str) -> None:
    """`length` at the limit, streamed, whole and with log probabilities; `stop` at a stop word, which is left out."""
    for name, text in (("length", "The capital of"), ("length-stream", "The capital of"), ("stop", "The ")):
        response, _ = ask(response_of(found(engine, name)))
        assert (response.text, response.is_truncated) == (text, name != "stop")
    response, _ = ask(response_of(found(engine, "logprobs-stream")))
    assert (response.text, response.is_truncated) == ("The capital of France", True)


@pytest.mark.parametrize("engine", ENGINES)
def test_of_two_choices_the_first_is_read(engine: str) -> None:
    """Whole and streamed, where their pieces alternate."""
    exchange = found(engine, "n2-stream")
    pieces = [choice for event in events_of(exchange) for choice in event["choices"] if choice["index"] == 0]
    response, _ = ask(response_of(exchange))
    assert response.text == "".join(piece["delta"].get("content") or "" for piece in pieces)
    exchange = found(engine, "n2")
    response, _ = ask(response_of(exchange))
    first = next(choice for choice in exchange["body"]["choices"] if choice["index"] == 0)
    assert response.text == first["message"]["content"]


def test_forced_calls_of_vllm() -> None:
    """Without `strict` the arguments are free; with it, and streamed, they are whole; a cut call is a cut reply."""
    calls = {
        name: ask(response_of(found("vllm", name)))[0]
        for name in ("tools-required", "tools-required-strict", "tools-required-stream", "tools-named-stream")
    }
    assert [calls["tools-required"].tool_calls[0].arguments] == ['"addition"']
    for name in ("tools-required-strict", "tools-required-stream", "tools-named-stream"):
        (call,) = calls[name].tool_calls
        assert (call.name, json.loads(call.arguments)) == ("add", {"a": 17, "b": 25})
    cut, _ = ask(response_of(found("vllm", "tools-required-stream-cut")))
    assert cut.is_truncated


def test_a_forced_call_without_a_parser_is_text() -> None:
    """SGLang without --tool-call-parser: JSON in the content, and no call."""
    for name in ("tools-required", "tools-required-strict", "tools-required-stream-cut"):
        response, _ = ask(response_of(found("sglang", name)))
        assert not response.tool_calls
        assert '"add"' in response.text
        assert response.is_truncated


@pytest.mark.parametrize("engine", ENGINES)
def test_white_space_of_grammars_is_kept(engine: str) -> None:
    """Both grammars allow any white space between the parts of an object; the answer is JSON all the same."""
    response, _ = ask(response_of(found(engine, "schema-stream")))
    assert json.loads(response.text) == {"wet": False}
