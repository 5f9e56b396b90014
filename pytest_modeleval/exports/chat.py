"""Chat messages and replies in the form that EvalScope and Inspect share. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pytest_modeleval.records import JsonObject, Response, ToolCall, Usage
from pytest_modeleval.samples.message_text import message_text

_ROLES = frozenset({"system", "user", "assistant", "tool"})
_STOP_REASONS = {"stop": "stop", "length": "max_tokens", "tool_calls": "tool_calls", "content_filter": "content_filter"}


def sent_message(sent: Mapping[str, Any]) -> JsonObject:
    """A message as it was sent; parts, calls and pictures as text."""
    role = sent.get("role")
    found: JsonObject = {"role": role if role in _ROLES else "user", "content": message_text(sent)}
    if role == "tool" and isinstance(call := sent.get("tool_call_id"), str):
        found["tool_call_id"] = call
    return found


def reply_content(reply: Response) -> str | list[JsonObject]:
    """The content of the reply: its thinking as a part of its own."""
    if not reply.reasoning:
        return reply.text
    return [{"type": "reasoning", "reasoning": reply.reasoning}, {"type": "text", "text": reply.text}]


def call_arguments(call: ToolCall) -> tuple[JsonObject, str | None]:
    """The arguments of a call as an object, and what is wrong with them; None for nothing."""
    try:
        found = json.loads(call.arguments or "{}")
    except (ValueError, RecursionError):
        return {"text": call.arguments}, "the arguments are no JSON"
    return (found, None) if isinstance(found, dict) else ({"text": call.arguments}, "the arguments are no JSON object")


def stop_reason(reply: Response) -> str:
    """Why the reply ended, in the words of both programs."""
    return _STOP_REASONS.get(reply.finish_reason or "", "unknown")


def usage_json(usage: Usage) -> JsonObject:
    """Tokens of a reply; a count that the server does not state is 0, but for those of parts."""
    tokens_in, tokens_out = usage.prompt_tokens or 0, usage.completion_tokens or 0
    return {
        "input_tokens": tokens_in,
        "output_tokens": tokens_out,
        "total_tokens": tokens_in + tokens_out,
        "input_tokens_cache_read": usage.cached_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
    }
