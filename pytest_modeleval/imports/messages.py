"""Messages as EvalScope and Inspect keep them become chat messages and replies of ours. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from pytest_modeleval.imports.reading import count, listed, number, table, text
from pytest_modeleval.records import JsonObject

MOST_CHARS = 4_000_000
"""Of one message."""
_CUT = frozenset({"max_tokens", "model_length", "length"})
_ROLES = ("system", "user", "assistant", "tool")


def conversation(found: Any) -> tuple[tuple[JsonObject, ...], JsonObject | None]:
    """(what was asked, the last message of the model as a reply) of a list of messages; no reply: None."""
    messages = [message for message in listed(found) if isinstance(message, dict)]
    last = next((place for place in reversed(range(len(messages))) if messages[place].get("role") == "assistant"), None)
    if last is None:
        return tuple(map(sent, messages)), None
    return tuple(map(sent, messages[:last])), reply_of(messages[last])


def sent(message: Mapping[str, Any]) -> JsonObject:
    """A message of a request."""
    role = message.get("role")
    content, _ = parts(message.get("content"))
    made: JsonObject = {"role": role if role in _ROLES else "user", "content": content}
    if calls := _calls(message):
        made["tool_calls"] = [
            {
                "id": call["id"],
                "type": "function",
                "function": {"name": call["name"], "arguments": call["arguments"]},
            }
            for call in calls
        ]
    if isinstance(message.get("tool_call_id"), str):
        made["tool_call_id"] = text(message["tool_call_id"])
    return made


def reply_of(message: Mapping[str, Any]) -> JsonObject:
    """A message of the model as the journal keeps replies."""
    content, thinking = parts(message.get("content"))
    made: JsonObject = {"content": content}
    if thinking:
        made["reasoning_content"] = thinking
    if calls := _calls(message):
        made["tool_calls"] = calls
    return made


def with_output(reply: JsonObject | None, output: Any) -> JsonObject | None:
    """The reply with what the tool says of its request: finish reason, tokens, seconds."""
    if reply is None:
        return None
    found = table(output)
    choice = table(next(iter(listed(found.get("choices"))), None))
    usage = table(found.get("usage"))
    stop = text(choice.get("stop_reason")) or text(choice.get("finish_reason"))
    tokens = {
        "prompt_tokens": count(usage.get("input_tokens")),
        "completion_tokens": count(usage.get("output_tokens")),
        "reasoning_tokens": count(usage.get("reasoning_tokens")),
    }
    known = {name: value for name, value in tokens.items() if value is not None}
    seconds = number(found.get("time"))
    return {
        **reply,
        **({"finish_reason": "length" if stop in _CUT else stop} if stop else {}),
        **({"model": text(found.get("model"))} if text(found.get("model")) else {}),
        **({"usage": known} if known else {}),
        **({"total_s": seconds} if seconds is not None and seconds >= 0.0 else {}),
    }


def parts(content: Any) -> tuple[str, str]:
    """(answer, thinking) of a message's content, a text or a list of parts. Pictures and sounds are named."""
    if isinstance(content, str):
        return content[:MOST_CHARS], ""
    said: list[str] = []
    thought: list[str] = []
    for part in listed(content):
        found = table(part)
        if found.get("type") == "reasoning":
            thought.append(text(found.get("reasoning"), MOST_CHARS))
        elif isinstance(found.get("text"), str):
            said.append(found["text"])
        else:
            said.append(f"({text(found.get('type')) or 'a part'}: not imported)")
    return "\n".join(said)[:MOST_CHARS], "\n".join(thought)[:MOST_CHARS]


def _calls(message: Mapping[str, Any]) -> Sequence[JsonObject]:
    """The function calls of a message, as the journal keeps them."""
    made = []
    for call in listed(message.get("tool_calls"))[:1000]:
        found = table(call)
        function = found.get("function")
        named = function if isinstance(function, str) else table(function).get("name")
        arguments = found.get("arguments", table(function).get("arguments"))
        encoded = arguments if isinstance(arguments, str) else _encoded(arguments)
        made.append({"id": text(found.get("id")), "name": text(named), "arguments": encoded[:MOST_CHARS]})
    return made


def _encoded(arguments: Any) -> str:
    return orjson.dumps(arguments if arguments is not None else {}).decode()
