"""A model behind a server that is wired rightly, or wrongly in one named way. Whatever is asked, it knows the answer.

Tokens are words. Replies pass through the client's own reading of the wire, so that thinking is split as in earnest.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from benchmarks.wiring import questions
from pytest_modeleval import Likelihood
from pytest_modeleval.client.reply import response_from_reply
from pytest_modeleval.errors import Ungraded
from pytest_modeleval.likelihood_result import LabelScores
from pytest_modeleval.records import Kind, Request, Response
from pytest_modeleval.roles import Role
from tests.support.no_vectors import NoVectors

ANSWERS = {
    question: answer
    for part in (questions.ARITHMETIC, questions.LETTERS, questions.DECIMALS, questions.KNOWLEDGE)
    for question, answer, _ in part
}
WORDS = ["deep", "near", "calm", "wide", "salt", "tide", "reef", "whale", "pearl", "storm"]


class WiredModel(NoVectors):
    """What `solve` gets. fault: the one thing that is wrong, "" if nothing is."""

    name = "wired"
    tool_calls = "native"

    def __init__(self, fault: str = "", *, context_tokens: int | None = 2048, thinks: str = "") -> None:
        self.fault = fault
        self.context_tokens = context_tokens
        self.prompt_tokens = context_tokens // 2 if context_tokens else None
        self.thinks = thinks
        self.asked: list[Request] = []
        self._last_reply: dict[str, Any] | None = None
        self._count = 0

    def shared(self, make: Callable[[], Any]) -> Any:
        """Nothing is kept."""
        return make()

    async def count_tokens(self, text: str) -> int | None:
        """As a server without a tokenizer."""
        return None

    async def label_scores(self, request: Request, labels: Sequence[str]) -> LabelScores:
        """Not asked here."""
        raise AssertionError(request, labels)

    async def decide(self, text: str, question: str, options: Mapping[str, str]) -> LabelScores:
        """Not asked here."""
        raise AssertionError(text, question, options)

    async def likelihood(self, context: str, continuations: Sequence[str]) -> list[Likelihood]:
        """Not asked here."""
        raise AssertionError(context, continuations)

    def role(self, name: str) -> Role:
        """No further model here."""
        raise AssertionError(name)

    async def use_tool(
        self, name: str, arguments: Mapping[str, Any], run: Callable[[], Awaitable[Any]], *, is_of_run: bool = False
    ) -> Any:
        """Nothing is kept."""
        return await run()

    async def ask(self, request: Request) -> Response:
        """A reply, or Ungraded where the fault is a refusal."""
        self.asked.append(request)
        self._count += 1
        refused = {"refuses_tools": bool(request.tools), "refuses_schema": request.response_format is not None}
        if refused.get(self.fault):
            raise Ungraded("the server refused the request with status 400", kind=Kind.SERVER_ERROR, cause="http_400")
        reply = self._reply(request)
        if self.fault == "replies_late" and self._last_reply is not None:
            # Every request gets the reply that belongs to the one before it.
            self._last_reply, reply = reply, self._last_reply
        else:
            self._last_reply = reply
        return response_from_reply(reply)

    def _reply(self, request: Request) -> dict[str, Any]:
        params = request.params
        is_stream = params.get("stream", True)
        messages = self._kept(request.messages)
        prompt_tokens = sum(4 + len(_text(message).split()) for message in messages)
        if self.fault == "cuts_prompts":
            prompt_tokens = min(prompt_tokens, 600)
        if self.context_tokens and prompt_tokens + params.get("max_tokens", 0) > self.context_tokens:
            raise Ungraded("too long", kind=Kind.SERVER_ERROR, cause="context_exceeded")
        reply: dict[str, Any] = {"content": "", "finish_reason": "stop"}
        if request.tools and messages[-1]["role"] == "user" and self._called(request, reply):
            return self._counted(reply, prompt_tokens, 5, is_stream=is_stream)
        text = self._answer(request, messages)
        tokens = re.findall(r"\s*\S+", f"{self.thinks}{text}")
        limit = params.get("max_tokens", 4096) if self.fault != "ignores_max_tokens" else 4096
        if len(tokens) > limit:
            tokens = tokens[:limit]
            reply["finish_reason"] = "length"
        text = "".join(tokens)
        cut = self._stopped(text, params.get("stop", ()))
        if cut is not None:
            text, reply["finish_reason"] = cut, "stop"
        if self.fault == "leaks_marks" and reply["finish_reason"] == "stop":
            text += "<|im_end|>"
        if self.fault == "finish_reason_stop":
            reply["finish_reason"] = "stop"
        if is_stream and self.fault == "stream_loses_pieces":
            text = text[:2] + text[3:]
        if is_stream and self.fault == "stream_breaks_characters":
            text = re.sub(r"[^\x00-\x7f]", "\ufffd", text)
        if self.fault == "swallows_answers":
            reply["reasoning_content"], text = text, ""
        reply["content"] = text
        return self._counted(reply, prompt_tokens, max(1, len(text.split())), is_stream=is_stream)

    def _kept(self, messages: Any) -> list[Mapping[str, Any]]:
        dropped = {"loses_system": "system", "loses_assistant": "assistant", "loses_tool_results": "tool"}.get(
            self.fault
        )
        kept = [message for message in messages if message["role"] != dropped]
        return kept[-1:] if self.fault == "loses_history" else kept

    def _called(self, request: Request, reply: dict[str, Any]) -> bool:
        if "Add 17" in _text(request.messages[-1]):
            name, arguments = "add", '{"a": 17, "b": 25}'
        else:
            name, arguments = "get_weather", '{"city": "Paris"}'
        if self.fault == "no_tool_parser":
            reply["content"] = f'<tool_call>{{"name": "{name}", "arguments": {arguments}}}</tool_call>'
            return True
        if self.fault == "tools_unseen":
            return False
        if self.fault == "cuts_arguments":
            arguments = arguments[:-3]
        if self.fault == "arguments_as_text":
            arguments = arguments.replace("17", '"17"').replace('"Paris"', "75000")
        reply["tool_calls"] = [
            {"name": "sum" if self.fault == "renames_tools" else name, "arguments": arguments, "id": "1"}
        ]
        reply["finish_reason"] = "stop" if self.fault == "calls_end_with_stop" else "tool_calls"
        return True

    def _answer(self, request: Request, messages: list[Mapping[str, Any]]) -> str:
        text = _text(messages[-1])
        if request.response_format is not None and self.fault != "ignores_schema":
            value = _of_shape(request.response_format["json_schema"]["schema"], ANSWERS.get(text))
            if self.fault == "wrong_weights" and text in ANSWERS:
                options = request.response_format["json_schema"]["schema"]["enum"]
                value = next(option for option in options if option != ANSWERS[text])
            return json.dumps(value, ensure_ascii=False)
        known = " ".join(_text(message) for message in messages)
        if found := re.search(r"Repeat exactly: (.+)$", text):
            return found.group(1)
        if "access code" in text:
            code = re.search(r"code is (\d{3} \d{3})", known)
            return f"It is {code.group(1)}." if code and self.fault != "forgets" else "I do not know."
        for cue, answer in (("your name", "Zorblax"), ("my dog", "Kestrel")):
            if cue in text:
                return f"It is {answer}." if answer in known else "I do not know."
        return " ".join(text.split()[:1]) + " the sea: " + self._story(request.params)

    def _story(self, params: Mapping[str, Any]) -> str:
        temperature = params.get("temperature", 0)
        is_cold = temperature == 0 or (params.get("top_p", 1) < 0.1 and self.fault != "ignores_top_p")
        seed: Any = 0 if is_cold or self.fault == "always_cold" else params.get("seed", self._count)
        if (self.fault == "always_hot" and temperature == 0) or (self.fault == "ignores_seed" and not is_cold):
            seed = self._count
        return " ".join(random.Random(seed).choices(WORDS, k=300))

    def _stopped(self, text: str, stops: Any) -> str | None:
        places = [(text.find(stop), stop) for stop in stops if stop in text]
        if not places or self.fault == "ignores_stop":
            return None
        place, stop = min(places)
        return text[: place + (len(stop) if self.fault == "keeps_stop" else 0)]

    def _counted(self, reply: dict[str, Any], prompt: int, completion: int, *, is_stream: bool) -> dict[str, Any]:
        if self.fault == "no_usage" or (self.fault == "no_usage_in_streams" and is_stream):
            return reply
        if self.fault == "counts_nothing":
            prompt = completion = 0
        if self.fault == "counts_tenfold":
            completion *= 100
        if self.fault == "counts_streams_otherwise" and is_stream:
            prompt += 7
        return {**reply, "usage": {"prompt_tokens": prompt, "completion_tokens": completion}}


def _text(message: Mapping[str, Any]) -> str:
    return str(message.get("content") or "")


def _of_shape(shape: Mapping[str, Any], answer: Any) -> Any:
    if "anyOf" in shape:
        return _of_shape(shape["anyOf"][0], answer)
    if "enum" in shape:
        return answer if answer in shape["enum"] else shape["enum"][0]
    if shape["type"] == "object":
        return {name: _of_shape(part, answer) for name, part in shape["properties"].items()}
    if shape["type"] == "array":
        return [_of_shape(shape["items"], answer)] * shape["minItems"]
    return {"boolean": True, "integer": 7, "null": None}[shape["type"]]
