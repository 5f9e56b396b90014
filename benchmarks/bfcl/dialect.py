"""How calls travel in a conversation: as tool calls of the API, or as text.

A dialect turns turns into messages, replies into calls, and results into messages.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from pytest_modeleval.graders.calls import Call, NoCallsFound, decode_text, decode_tool_calls
from pytest_modeleval.records import Request, Response

from .text_prompts import describe, system_text, with_system
from .tool_schemas import shared_tools

Message = dict[str, Any]
Offer = Sequence[Mapping[str, Any]]
_MORE = "More functions are available now. Please try again with them."


class Dialect(Protocol):
    """One way of asking."""

    def opening(self, messages: Sequence[Mapping[str, Any]], functions: Sequence[Mapping[str, Any]]) -> list[Message]:
        """The messages of the first turn."""

    def more_functions(self, added: Sequence[Mapping[str, Any]]) -> list[Message]:
        """The message of a turn in which functions become available."""

    def offer(self, functions: Sequence[Mapping[str, Any]]) -> Offer:
        """The functions as every request carries them, made once for many requests."""

    def request(self, history: Sequence[Message], offer: Offer) -> Request:
        """What is sent."""

    def calls(self, response: Response) -> Sequence[Call]:
        """The calls of a reply, none if it is text. Raises NoCallsFound if it cannot be read."""

    def reply(self, response: Response, calls: Sequence[Call]) -> Message:
        """The reply as it stands in the history."""

    def results(self, response: Response, calls: Sequence[Call], results: Sequence[str]) -> list[Message]:
        """The results of calls as messages."""


class ToolDialect:
    """Native tools."""

    def opening(self, messages: Sequence[Mapping[str, Any]], functions: Sequence[Mapping[str, Any]]) -> list[Message]:
        return [dict(message) for message in messages]

    def more_functions(self, added: Sequence[Mapping[str, Any]]) -> list[Message]:
        return [{"role": "user", "content": _MORE}]

    def offer(self, functions: Sequence[Mapping[str, Any]]) -> Offer:
        return shared_tools(functions)

    def request(self, history: Sequence[Message], offer: Offer) -> Request:
        """Without functions the field is left out: servers refuse an empty list."""
        return Request(tuple(history), tools=offer)

    def calls(self, response: Response) -> Sequence[Call]:
        return decode_tool_calls(response.tool_calls)

    def reply(self, response: Response, calls: Sequence[Call]) -> Message:
        """Calls that could not be read are left out: a call without a result makes the history invalid."""
        message: Message = {"role": "assistant", "content": response.content}
        if response.reasoning_content:
            # The server knows the field, having sent it; models that think between calls need their thoughts back.
            message["reasoning_content"] = response.reasoning_content
        if calls:
            message["tool_calls"] = [
                {
                    "id": _id(call.id, place),
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments},
                }
                for place, call in enumerate(response.tool_calls)
            ]
        return message

    def results(self, response: Response, calls: Sequence[Call], results: Sequence[str]) -> list[Message]:
        return [
            {"role": "tool", "tool_call_id": _id(call.id, place), "content": result}
            for place, (call, result) in enumerate(zip(response.tool_calls, results, strict=True))
        ]


class TextDialect:
    """Calls written as text, `[f(a=1)]`."""

    def opening(self, messages: Sequence[Mapping[str, Any]], functions: Sequence[Mapping[str, Any]]) -> list[Message]:
        return with_system(messages, system_text(functions))

    def more_functions(self, added: Sequence[Mapping[str, Any]]) -> list[Message]:
        return [{"role": "user", "content": f"{describe(added, 'json')}\n{_MORE}"}]

    def offer(self, functions: Sequence[Mapping[str, Any]]) -> Offer:
        """They stand in the system message."""
        return ()

    def request(self, history: Sequence[Message], offer: Offer) -> Request:
        return Request(tuple(history))

    def calls(self, response: Response) -> Sequence[Call]:
        try:
            return decode_text(response.text)
        except NoCallsFound as found:
            if found.cause == "text_instead_of_call":
                return ()
            raise

    def reply(self, response: Response, calls: Sequence[Call]) -> Message:
        return {"role": "assistant", "content": response.content}

    def results(self, response: Response, calls: Sequence[Call], results: Sequence[str]) -> list[Message]:
        results_text = [
            {"call": call.name, "arguments": _as_text(call.arguments), "result": result}
            for call, result in zip(calls, results, strict=True)
        ]
        return [{"role": "user", "content": json.dumps(results_text)}]


def _id(given: str, place: int) -> str:
    return given or f"call_{place}"


def _as_text(arguments: Mapping[Any, Any]) -> Any:
    return json.loads(json.dumps({str(name): value for name, value in arguments.items()}, default=str))
