"""MiniMax-M2's parsers in real engines: 16 texts, with and without tools, streamed and whole, are split rightly.

A logits processor made the engine write each text, so the parsers, the streams and the counts are the engine's own.
Where a parser loses or moves something, the reply cannot be split rightly any more; each such loss is named here.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from pytest_modeleval.client.reply import mark_cut_call, reply_from_json, response_from_reply
from pytest_modeleval.records import Response
from tests.support.chat_replies import ask
from tests.support.recorded import exchanges, response_of

VLLM, VLLM_APPEND, SGLANG = "vllm-minimax_m2", "vllm-minimax_m2_append_think", "sglang-minimax-append-think"
PARIS = ("get_weather", '{"city": "Paris"}')
WEATHER = ("get_weather", '{"city": "Paris", "days": 3, "exact": true, "tags": ["a", "b"]}')
ADD = ("add", '{"a": 17, "b": 25}')
XML_CUT = '<minimax:tool_call>\n<invoke name="get_weather">\n<parameter name="city">Paris</parameter>\n<'
JSON_CALL = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris", "days": 3}}\n</tool_call>'
JSON_CALLS = f'{JSON_CALL}\n<tool_call>\n{{"name": "add", "arguments": {{"a": 17, "b": 25}}}}\n</tool_call>'
BAD_JSON = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"\n</tool_call>'
FENCE = '```json\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n```'


class Split(NamedTuple):
    """A reply in its parts, without white space around them and without the model's own opening tag."""

    thinking: str
    text: str
    calls: tuple[tuple[str, str], ...] = ()
    finish: str = "stop"


# By text. MiniMax-M2's template opens the thinking, so a text without its end is all thinking.
WANTED = {
    "think-answer": Split("Two and two.", "The answer is 4."),
    "no-open-tag": Split("Two and two.", "The answer is 4."),
    "no-think": Split("The answer is 4.", ""),
    "only-think-cut": Split("Two and two and so on", "", finish="length"),
    "two-thinks": Split("first\nsecond", "half  The answer is 4."),
    "minimax-call": Split("I need the weather.", "", (WEATHER,), "tool_calls"),
    "minimax-call-no-open-tag": Split("I need the weather.", "", (WEATHER,), "tool_calls"),
    "minimax-two-calls": Split("Both.", "Let me look.", (PARIS, ADD), "tool_calls"),
    "minimax-call-in-think": Split("I would write \nbut no.", "No call."),
    "minimax-cut": Split("Go.", "", (PARIS,), "length"),
    "minimax-text-after": Split("Go.", "Done.", (WEATHER,), "tool_calls"),
    "hermes-call": Split("I need the weather.", JSON_CALL),
    "hermes-two-calls": Split(JSON_CALLS, ""),
    "hermes-bad-json": Split(BAD_JSON, ""),
    "json-fence": Split(FENCE, ""),
    "emoji-umlaut": Split("Grüße 😀 日本語 ok", ""),
}
# Without tools nothing is parsed as a call.
WITHOUT_TOOLS = {"minimax-cut": Split("Go.", XML_CUT, finish="length")}

IN_THINKING = "takes a call inside the thinking for a call"
END_LOST = "drops the end of thinking when tools are offered"
TEXT_LOST = "drops the text after a call"
# (parser, text, with tools, streamed) -> the engine's loss.
LOSSES = {
    **{(VLLM, "two-thinks", True, stream): "drops the end of the second thinking" for stream in (False, True)},
    **{(VLLM, "minimax-call-in-think", True, stream): IN_THINKING for stream in (False, True)},
    (VLLM, "minimax-text-after", True, False): TEXT_LOST,
    (VLLM, "minimax-cut", False, False): "drops a cut call although no tools were offered",
    (VLLM, "minimax-cut", False, True): "makes a call without a name of it although no tools were offered",
    **{
        (VLLM_APPEND, name, True, True): END_LOST
        for name in ("think-answer", "no-open-tag", "two-thinks", "minimax-text-after", "hermes-call")
    },
    **{(VLLM_APPEND, "minimax-two-calls", True, stream): END_LOST for stream in (False, True)},
    **{(VLLM_APPEND, "minimax-call-in-think", True, stream): IN_THINKING for stream in (False, True)},
    (VLLM_APPEND, "minimax-text-after", True, False): TEXT_LOST,
    **{(SGLANG, "minimax-call-in-think", True, stream): IN_THINKING for stream in (False, True)},
    (SGLANG, "minimax-text-after", True, True): TEXT_LOST,
    (SGLANG, "minimax-cut", True, False): "leaves a cut call in the text if the reply is not streamed",
}


def cases() -> list[Any]:
    """Every recorded exchange, with its parser."""
    return [
        pytest.param(parser, found, id=f"{parser}-{found['name']}-{_how(found)}")
        for parser in (VLLM, VLLM_APPEND, SGLANG)
        for found in exchanges(f"{parser}-whole", f"{parser}-streams")
    ]


def _how(found: dict[str, Any]) -> str:
    return ("tools" if found["tools"] else "no-tools") + ("-streamed" if found["stream"] else "")


def split_of(response: Response) -> Split:
    """The reply as graders see it."""
    return Split(
        response.reasoning.replace("<think>", "").strip(),
        response.text.strip(),
        tuple((call.name, call.arguments) for call in response.tool_calls),
        response.finish_reason or "",
    )


def wanted_of(found: dict[str, Any]) -> Split:
    """What was forced, split by hand."""
    name = found["name"]
    return WITHOUT_TOOLS.get(name, WANTED[name]) if not found["tools"] else WANTED[name]


@pytest.mark.parametrize(("parser", "found"), cases())
def test_thinking_text_and_calls_are_split(parser: str, found: dict[str, Any]) -> None:
    """As a person splits the text, unless the engine lost something before; then the loss is real."""
    response, _ = ask(response_of(found))
    wanted = wanted_of(found)
    is_cut = wanted.finish == "length"
    if is_cut and response.finish_reason == "tool_calls":
        # vLLM's whole replies. The limit, which was these tokens, is known where the request was made.
        reply = reply_from_json(found["body"])
        mark_cut_call(reply, reply["usage"]["completion_tokens"])
        response = response_from_reply(reply)
    if (parser, found["name"], found["tools"], found["stream"]) in LOSSES:
        assert split_of(response) != wanted
    else:
        assert split_of(response) == wanted
    assert response.is_truncated is is_cut


def test_every_text_is_there_in_every_way() -> None:
    """16 texts with tools and 4 without, streamed and whole, through three parsers; 21 of 120 replies have a loss."""
    seen = [(parser, found) for parser in (VLLM, VLLM_APPEND, SGLANG) for found in _all(parser)]
    assert len(seen) == 120
    assert {found["name"] for _, found in seen} == set(WANTED)
    assert set(LOSSES) <= {(parser, found["name"], found["tools"], found["stream"]) for parser, found in seen}
    assert len(LOSSES) == 21


def test_the_shipped_parsers_never_lose_the_end_of_thinking() -> None:
    """minimax_m2 on vLLM and minimax-append-think on SGLang: an answer is never taken for thinking, with tools too."""
    for parser in (VLLM, SGLANG):
        for found in _all(parser):
            if found["name"] in ("think-answer", "no-open-tag", "hermes-call"):
                response, _ = ask(response_of(found))
                assert response.text.strip() == WANTED[found["name"]].text
                assert not response.is_thinking_open


def _all(parser: str) -> list[dict[str, Any]]:
    return exchanges(f"{parser}-whole", f"{parser}-streams")
