"""A chat completion becomes a Reply, and a Reply becomes a Response. Pure.

A Reply is plain JSON, as the journal keeps it; a Response has its thinking split off and its finish reason read. Both
happen when a Reply is read, so that a better reader also improves stored runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_modeleval.client.call_stream import MAX_CALLS, MAX_NAME_CHARS, arguments_text
from pytest_modeleval.client.failures import (
    bad_response_error,
    finish_class,
    raise_for_choice,
    raise_for_error,
    too_large_error,
)
from pytest_modeleval.client.json_object import join_surrogates
from pytest_modeleval.client.thinking import split_thinking
from pytest_modeleval.records import JsonObject, Response, ToolCall, Usage

# 131,072 tokens of 32 characters. A reply is parsed, searched for secrets and journaled in the event loop: twice as
# many Chinese characters would stop it for more than 0.2 s (ci/bench_bounds.py).
MAX_TEXT_CHARS = 4 * 1024 * 1024
MAX_LABEL_CHARS = 300
"""Of model names, ids and finish reasons."""
MAX_COUNT = 2**53
CUT_CALL = "is_cut_at_limit"
"""Field of a Reply: the server reports a finished tool call, but it was cut at max_tokens."""
_COUNTS = ("prompt_tokens", "completion_tokens", "reasoning_tokens")
# Words in the type of a part: text, output_text, text_delta; thinking, reasoning.text, summary_text.
_THINKING_WORDS = ("think", "reason", "summary")
_MAX_PART_DEPTH = 8


def reply_from_json(found: Mapping[str, Any]) -> JsonObject:
    """The reply of a request that was not streamed. Raises AttemptFailed if it is no chat completion."""
    raise_for_error(found)
    try:
        choices = found["choices"]
        choice = next((choice for choice in choices if choice_index(choice) == 0), None) or choices[0]
        raise_for_choice(choice)
        message = choice["message"]
        content, thinking = split_parts(message.get("content"))
        reasoning = "".join(split_parts(message.get("reasoning_content") or message.get("reasoning"))) or thinking
        calls = [
            {
                "id": str(call.get("id") or ""),
                "name": str((call.get("function") or {}).get("name") or ""),
                "arguments": arguments_text((call.get("function") or {}).get("arguments")),
            }
            for call in message.get("tool_calls") or ()
        ]
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise bad_response_error(
            f"expected a chat completion, found another JSON object ({error!r} is missing)", "no_choice"
        ) from error
    _check_size(content, reasoning, calls)
    return make_reply(
        content=content,
        reasoning=reasoning,
        calls=calls,
        finish_reason=choice.get("finish_reason"),
        native_finish_reason=choice.get("native_finish_reason"),
        usage=found.get("usage"),
        model=str(found.get("model") or ""),
        response_id=str(found.get("id") or ""),
    )


def response_from_reply(reply: Mapping[str, Any]) -> Response:
    """The record that graders read: thinking split off, the finish reason in the API's words."""
    content = reply.get("content") or ""
    reasoning = reply.get("reasoning_content") or ""
    split = split_thinking(content, reasoning)
    usage = reply.get("usage") or {}
    return Response(
        text=split.text,
        reasoning=split.reasoning,
        tool_calls=tuple(
            ToolCall(name=call["name"], arguments=call["arguments"], id=call.get("id", ""))
            for call in reply.get("tool_calls") or ()
        ),
        finish_reason=_finish_reason(reply),
        usage=Usage(
            prompt_tokens=read_count(usage.get("prompt_tokens")),
            completion_tokens=read_count(usage.get("completion_tokens")),
            reasoning_tokens=read_count(usage.get("reasoning_tokens")),
            cached_tokens=read_count(usage.get("cached_tokens")),
        ),
        content=content,
        reasoning_content=reasoning,
        is_thinking_open=split.is_open,
        first_token_s=reply.get("first_token_s"),
        total_s=reply.get("total_s") or 0.0,
        model=reply.get("model") or "",
        response_id=reply.get("id") or "",
    )


def mark_cut_call(reply: JsonObject, max_tokens: object) -> None:
    """Mark a tool call that the server reports as finished although it used up max_tokens.

    vLLM 0.32 repairs the arguments of such a call and answers with finish_reason tool_calls if it is not streamed.
    """
    if not reply.get("tool_calls") or reply.get("finish_reason") != "tool_calls":
        return
    used = (reply.get("usage") or {}).get("completion_tokens")
    if isinstance(max_tokens, int) and isinstance(used, int) and used >= max_tokens > 0:
        reply[CUT_CALL] = True


def make_reply(
    *,
    content: str,
    reasoning: str,
    calls: list[dict[str, str]],
    finish_reason: Any,
    native_finish_reason: Any,
    usage: Any,
    model: str,
    response_id: str,
) -> JsonObject:
    """A Reply of these parts."""
    reply: JsonObject = {
        "content": content,
        "finish_reason": _label(finish_reason),
        "model": model[:MAX_LABEL_CHARS],
        "id": response_id[:MAX_LABEL_CHARS],
    }
    if reasoning:
        reply["reasoning_content"] = reasoning
    if calls:
        reply["tool_calls"] = calls
    if native_finish_reason is not None and finish_class(native_finish_reason) in ("length", "failure"):
        reply["native_finish_reason"] = _label(native_finish_reason)
    if isinstance(usage, dict):
        reply["usage"] = _read_usage(usage)
    return reply if _is_encodable(reply) else join_surrogates(reply)


def plain_reply(found: Mapping[str, Any], response_id: object = "") -> JsonObject:
    """A Reply without text. found: the server's answer, for model and usage."""
    model = found.get("model")
    return make_reply(
        content="",
        reasoning="",
        calls=[],
        finish_reason="stop",
        native_finish_reason=None,
        usage=found.get("usage"),
        model=model if isinstance(model, str) else "",
        response_id=str(response_id or ""),
    )


def split_parts(value: Any, depth: int = 0) -> tuple[str, str]:
    """Text and thinking of a content field: text, parts (multimodal servers, Mistral), or nothing."""
    if value is None or isinstance(value, str):
        return value or "", ""
    if isinstance(value, dict):
        value = [value]
    if not isinstance(value, list) or depth > _MAX_PART_DEPTH:
        raise bad_response_error(
            f"expected text as content of the reply, found {type(value).__name__}", "malformed_content"
        )
    texts: list[str] = []
    thinking: list[str] = []
    for part in value:
        if isinstance(part, dict):
            text, thought = _split_part(part, depth + 1)
            texts.append(text)
            thinking.append(thought)
        elif isinstance(part, str):
            texts.append(part)
    return "".join(texts), "".join(thinking)


def _split_part(part: Mapping[str, Any], depth: int) -> tuple[str, str]:
    """Text and thinking of one part; neither for images, refusals and calls."""
    kind = str(part.get("type") or "").lower()
    if any(word in kind for word in _THINKING_WORDS):
        names = ("thinking", "text", "reasoning", "summary", "content")
        return "", "".join(split_parts(_first(part, names), depth))
    if not kind or "text" in kind or kind == "message":
        return split_parts(_first(part, ("text", "content", "value")), depth)
    return "", ""


def _first(part: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((part[name] for name in names if part.get(name)), None)


def choice_index(choice: Mapping[str, Any]) -> int:
    """The index of a choice; 0 if it has none that can be read."""
    index = choice.get("index")
    if isinstance(index, int):
        return int(index)
    return int(index) if isinstance(index, str) and index.isascii() and index.isdigit() and len(index) < 9 else 0


def read_count(value: Any) -> int | None:
    """A number of tokens, which may come as text or float; None for anything else."""
    if value is None:
        return None
    if type(value) is int:
        return value if 0 <= value < MAX_COUNT else None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value < MAX_COUNT else None


def _finish_reason(reply: Mapping[str, Any]) -> str | None:
    """The reason as the server gave it, with "length" for its other names."""
    reason = reply.get("finish_reason")
    if CUT_CALL in reply or finish_class(reason) == "length":
        return "length"
    if "native_finish_reason" in reply and finish_class(reply["native_finish_reason"]) == "length":
        return "length"
    return str(reason) if reason is not None else None


def _read_usage(usage: Mapping[str, Any]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for name in _COUNTS:
        if name in usage:
            _enter(counts, name, usage)
    details = usage.get("completion_tokens_details")
    if isinstance(details, dict) and not counts.get("reasoning_tokens"):
        _enter(counts, "reasoning_tokens", details)
    details = usage.get("prompt_tokens_details")
    if isinstance(details, dict):
        _enter(counts, "cached_tokens", details)
    return counts


def _enter(counts: dict[str, int], name: str, details: Mapping[str, Any]) -> None:
    count = read_count(details.get(name))
    if count is not None:
        counts[name] = count


def _check_size(content: str, reasoning: str, calls: list[dict[str, str]]) -> None:
    size = len(content) + len(reasoning) + sum(len(call["name"]) + len(call["arguments"]) for call in calls)
    if size > MAX_TEXT_CHARS:
        raise too_large_error(f"the reply is longer than {MAX_TEXT_CHARS} characters")
    longest = max((max(len(call["name"]), len(call["id"])) for call in calls), default=0)
    if len(calls) > MAX_CALLS or longest > MAX_NAME_CHARS:
        raise too_large_error(
            f"expected at most {MAX_CALLS} tool calls with names and ids of at most {MAX_NAME_CHARS} characters"
        )


def _is_encodable(reply: JsonObject) -> bool:
    """False if a text holds half of a surrogate pair."""
    texts = [reply["content"], reply.get("reasoning_content", ""), reply["model"], reply["id"]]
    for call in reply.get("tool_calls", ()):
        texts += call.values()
    text = "".join(texts)
    try:
        if not text.isascii():
            text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _label(value: Any) -> str | None:
    return None if value is None else str(value)[:MAX_LABEL_CHARS]
