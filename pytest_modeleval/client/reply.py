"""What came over the wire becomes a Reply, and a Reply becomes a Response. Pure.

A Reply is plain JSON (it is what the journal keeps); a Response has its thinking split off. Splitting happens when a
Reply is read, so that a better splitter also betters stored runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from pytest_modeleval._support.shorten import shorten_repr
from pytest_modeleval.client.thinking import split_thinking
from pytest_modeleval.errors import AttemptFailed
from pytest_modeleval.records import JsonObject, Kind, Response, ToolCall, Usage

MAX_TEXT_CHARS = 32 * 1024 * 1024


def bad_response_error(message: str, cause: str) -> AttemptFailed:
    """The failure of a response that is no valid reply. It is retried; no valid reply is ever discarded."""
    return AttemptFailed(message, kind=Kind.BAD_RESPONSE, cause=cause)


def parse_json(data: bytes) -> JsonObject:
    """A JSON object, or AttemptFailed."""
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise bad_response_error(
            f"expected a JSON object from the server, found {_excerpt(data)} ({error})", "malformed_json"
        ) from error
    if not isinstance(found, dict):
        raise bad_response_error(f"expected a JSON object from the server, found {_excerpt(data)}", "malformed_json")
    return found


def raise_for_error(found: Mapping[str, Any]) -> None:
    """Some servers report a failure with status 200 and an error object. It is never an answer."""
    error = found.get("error")
    if error is None and found.get("object") != "error":
        return
    text = error.get("message") if isinstance(error, dict) else error or found.get("message")
    raise AttemptFailed(
        f"the server answered with an error: {str(text)[:300]}", kind=Kind.SERVER_ERROR, cause="error_in_body"
    )


class StreamAccumulator:
    """Puts the deltas of a streamed reply together."""

    __slots__ = ("_calls", "_content", "_reasoning", "_size", "finish_reason", "model", "response_id", "usage")

    def __init__(self) -> None:
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self._calls: dict[int, dict[str, str]] = {}
        self._size = 0
        self.finish_reason: str | None = None
        self.usage: Mapping[str, Any] | None = None
        self.model = ""
        self.response_id = ""

    def add(self, event: Mapping[str, Any]) -> bool:
        """Take one event in. True if it carried a piece of the answer."""
        if "error" in event or event.get("object") == "error":
            raise_for_error(event)
        usage = event.get("usage")
        if usage:
            self.usage = usage
        if not self.response_id:
            self.response_id = str(event.get("id") or "")
            self.model = str(event.get("model") or "")
        choices = event.get("choices")
        if not choices:
            return False
        try:
            choice = choices[0]
            delta = choice.get("delta") or {}
            reason = choice.get("finish_reason")
            content = delta.get("content")
            reasoning = delta.get("reasoning_content") or delta.get("reasoning")
            calls = delta.get("tool_calls")
        except (AttributeError, KeyError, IndexError, TypeError) as error:
            raise bad_response_error(
                f"a streamed event has not the form of a chat completion: {error}", "malformed_event"
            ) from error
        if reason:
            self.finish_reason = str(reason)
        if content:
            self._take(self._content, content)
        if reasoning:
            self._take(self._reasoning, reasoning)
        if calls:
            self._take_calls(calls)
        return bool(content or reasoning or calls)

    def reply(self) -> JsonObject:
        """The whole reply, as the journal keeps it."""
        return _reply(
            content="".join(self._content),
            reasoning="".join(self._reasoning),
            calls=[self._calls[index] for index in sorted(self._calls)],
            finish_reason=self.finish_reason,
            usage=self.usage,
            model=self.model,
            response_id=self.response_id,
        )

    def _take(self, pieces: list[str], piece: object) -> None:
        if not isinstance(piece, str):
            raise bad_response_error(
                f"expected text in a streamed event, found {type(piece).__name__}", "malformed_event"
            )
        self._size += len(piece)
        if self._size > MAX_TEXT_CHARS:
            raise bad_response_error(f"the reply is longer than {MAX_TEXT_CHARS} characters", "too_large")
        pieces.append(piece)

    def _take_calls(self, calls: Any) -> None:
        try:
            for position, part in enumerate(calls):
                known = self._calls.setdefault(part.get("index", position), {"id": "", "name": "", "arguments": ""})
                function = part.get("function") or {}
                known["id"] = known["id"] or str(part.get("id") or "")
                known["name"] += function.get("name") or ""
                known["arguments"] += _arguments(function.get("arguments"))
                self._size += len(known["arguments"])
        except (AttributeError, TypeError) as error:
            raise bad_response_error(
                f"a streamed tool call has not the expected form: {error}", "malformed_event"
            ) from error
        if self._size > MAX_TEXT_CHARS:
            raise bad_response_error(f"the reply is longer than {MAX_TEXT_CHARS} characters", "too_large")


def reply_from_json(found: Mapping[str, Any]) -> JsonObject:
    """The reply of a request that was not streamed. Raises AttemptFailed if it is no chat completion."""
    raise_for_error(found)
    try:
        choice = found["choices"][0]
        message = choice["message"]
        content = message.get("content")
        if isinstance(content, list):
            # The parts form, used by multimodal servers: text parts only.
            content = "".join(part.get("text") or "" for part in content if part.get("type") in (None, "text"))
        reasoning = message.get("reasoning_content") or message.get("reasoning") or ""
        calls = [
            {
                "id": str(call.get("id") or ""),
                "name": str((call.get("function") or {}).get("name") or ""),
                "arguments": _arguments((call.get("function") or {}).get("arguments")),
            }
            for call in message.get("tool_calls") or ()
        ]
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise bad_response_error(
            f"expected a chat completion, found another JSON object ({error!r} is missing)", "no_choice"
        ) from error
    if not isinstance(content or "", str) or not isinstance(reasoning, str):
        raise bad_response_error("expected text as content of the reply, found another type", "malformed_content")
    return _reply(
        content=content or "",
        reasoning=reasoning,
        calls=calls,
        finish_reason=choice.get("finish_reason"),
        usage=found.get("usage"),
        model=str(found.get("model") or ""),
        response_id=str(found.get("id") or ""),
    )


def check_finish(reply: Mapping[str, Any]) -> None:
    """Refuse replies that the server itself did not bring to an end."""
    reason = reply.get("finish_reason")
    if reason is None:
        raise bad_response_error(
            "the reply came without a finish_reason, so nobody knows whether it is whole", "no_finish_reason"
        )
    if reason in ("abort", "error"):
        raise AttemptFailed(
            f"the server gave the request up (finish_reason {reason})", kind=Kind.SERVER_ERROR, cause=f"finish_{reason}"
        )


def response_from_reply(reply: Mapping[str, Any]) -> Response:
    """The record that graders read: thinking split off, in this one place."""
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
        finish_reason=reply.get("finish_reason"),
        usage=Usage(
            prompt_tokens=_count(usage.get("prompt_tokens")),
            completion_tokens=_count(usage.get("completion_tokens")),
            reasoning_tokens=_count(usage.get("reasoning_tokens")),
            cached_tokens=_count(usage.get("cached_tokens")),
        ),
        content=content,
        reasoning_content=reasoning,
        is_thinking_open=split.is_open,
        first_token_s=reply.get("first_token_s"),
        total_s=reply.get("total_s") or 0.0,
        model=reply.get("model") or "",
        response_id=reply.get("id") or "",
    )


def _reply(
    *,
    content: str,
    reasoning: str,
    calls: list[dict[str, str]],
    finish_reason: Any,
    usage: Any,
    model: str,
    response_id: str,
) -> JsonObject:
    reply: JsonObject = {"content": content, "finish_reason": finish_reason, "model": model, "id": response_id}
    if reasoning:
        reply["reasoning_content"] = reasoning
    if calls:
        reply["tool_calls"] = calls
    if isinstance(usage, dict):
        details = usage.get("completion_tokens_details") or {}
        cached = usage.get("prompt_tokens_details") or {}
        counts = {
            "prompt_tokens": usage.get("prompt_tokens"),
            "completion_tokens": usage.get("completion_tokens"),
            "reasoning_tokens": usage.get("reasoning_tokens") or _dict(details).get("reasoning_tokens"),
            "cached_tokens": _dict(cached).get("cached_tokens"),
        }
        reply["usage"] = {name: count for name, count in counts.items() if count is not None}
    return reply


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _arguments(value: Any) -> str:
    """Arguments come as text, or, from some servers, as an object."""
    if isinstance(value, str):
        return value
    return "" if value is None else orjson.dumps(value).decode()


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


# More than is shown, so that a cut is marked.
_EXCERPT_BYTES = 400


def _excerpt(data: bytes) -> str:
    return shorten_repr(data[:_EXCERPT_BYTES].decode("utf-8", "replace"), 80)
