"""The events of a streamed chat completion become one reply. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_modeleval.client.call_stream import CallStream
from pytest_modeleval.client.failures import (
    bad_response_error,
    finish_class,
    raise_for_choice,
    raise_for_error,
    too_large_error,
)
from pytest_modeleval.client.reply import MAX_TEXT_CHARS, choice_index, make_reply, split_parts
from pytest_modeleval.records import JsonObject

_TEXT = (str, type(None))
# Fields of a choice that may hold its text instead of a delta.
_OTHER_SHAPES = frozenset({"message", "text", "content"})


class StreamAccumulator:
    """Collects the deltas of one choice: the one with index 0."""

    __slots__ = (
        "_calls",
        "_content",
        "_finish_reason",
        "_index",
        "_model",
        "_native_finish_reason",
        "_reasoning",
        "_response_id",
        "_size",
        "_usage",
    )

    def __init__(self) -> None:
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self._calls: CallStream | None = None
        self._size = 0
        self._index: int | None = None
        self._finish_reason: str | None = None
        self._native_finish_reason: str | None = None
        self._usage: Mapping[str, Any] | None = None
        self._model = ""
        self._response_id = ""

    @property
    def is_finished(self) -> bool:
        """A finish reason came."""
        return self._finish_reason is not None

    def add(self, event: Mapping[str, Any]) -> bool:
        """Add one event. True if it carried a piece of the reply. Raises AttemptFailed."""
        if "error" in event or "choices" not in event or "base_resp" in event or "error_msg" in event:
            raise_for_error(event)
        if usage := event.get("usage"):
            self._usage = usage
        if not self._response_id:
            self._response_id = str(event.get("id") or "")
            self._model = str(event.get("model") or "")
        choices = event.get("choices")
        if not choices:
            return False
        try:
            choice = choices[0] if len(choices) == 1 else self._ours(choices)
            if choice.get("index") == 0 and not self._index:
                self._index = 0
            elif not self._is_ours(choice):
                return False
            return self._add_choice(choice)
        except (AttributeError, KeyError, IndexError, TypeError) as error:
            raise bad_response_error(
                f"a streamed event has not the form of a chat completion: {error}", "malformed_event"
            ) from error

    def reply(self) -> JsonObject:
        """The whole reply, as the journal keeps it."""
        return make_reply(
            content="".join(self._content),
            reasoning="".join(self._reasoning),
            calls=self._calls.calls() if self._calls is not None else [],
            finish_reason=self._finish_reason,
            native_finish_reason=self._native_finish_reason,
            usage=self._usage,
            model=self._model,
            response_id=self._response_id,
        )

    def _ours(self, choices: Any) -> Any:
        return next((choice for choice in choices if choice_index(choice) == (self._index or 0)), choices[0])

    def _is_ours(self, choice: Mapping[str, Any]) -> bool:
        """Some servers send other choices than the one that was asked for; a reply mixed of two is none."""
        index = choice_index(choice)
        if self._index is None:
            self._index = index
        elif index == 0 != self._index:
            raise bad_response_error("the stream mixes two choices", "malformed_event")
        return index == self._index

    def _add_choice(self, choice: Mapping[str, Any]) -> bool:
        if "error" in choice:
            raise_for_choice(choice)
        if choice.get("finish_reason") is not None or "native_finish_reason" in choice:
            self._add_reason(choice)
        delta = choice.get("delta")
        if type(delta) is not dict or "content" not in delta:
            delta = self._delta_of(choice)
        if "error" in delta:
            raise_for_choice({"delta": delta})
        content = delta.get("content")
        reasoning = delta.get("reasoning_content") or delta.get("reasoning")
        calls = delta.get("tool_calls")
        if not (isinstance(content, _TEXT) and isinstance(reasoning, _TEXT)):
            content, reasoning = _join_parts(content, reasoning)
        if content:
            self._take(self._content, content)
        if reasoning:
            self._take(self._reasoning, reasoning)
        if calls:
            self._take_calls(calls)
        return bool(content or reasoning or calls)

    def _add_reason(self, choice: Mapping[str, Any]) -> None:
        self._finish_reason = _later_reason(self._finish_reason, choice.get("finish_reason"))
        if "native_finish_reason" in choice:
            self._native_finish_reason = _later_reason(self._native_finish_reason, choice["native_finish_reason"])

    def _delta_of(self, choice: Mapping[str, Any]) -> Mapping[str, Any]:
        """The delta of a choice in any shape: text, `message`, `text` or `content`. It may repeat what came before."""
        delta = choice.get("delta")
        if delta:
            if isinstance(delta, str):
                return {"content": delta}
            return {**delta, "content": delta["text"]} if "text" in delta else delta
        if type(delta) is dict and _OTHER_SHAPES.isdisjoint(choice):
            # The last event of most servers.
            return delta
        message: Mapping[str, Any] = choice.get("message") or {"content": choice.get("text", choice.get("content"))}
        if not self._size:
            return message
        content, thinking = split_parts(message.get("content"))
        reasoning = "".join(split_parts(message.get("reasoning_content") or message.get("reasoning"))) or thinking
        return {
            "content": _without_start(content, "".join(self._content)),
            "reasoning_content": _without_start(reasoning, "".join(self._reasoning)),
            "tool_calls": message.get("tool_calls") if self._calls is None else None,
        }

    def _take_calls(self, calls: Any) -> None:
        if self._calls is None:
            self._calls = CallStream()
        self._grow(self._calls.add(calls))

    def _take(self, pieces: list[str], piece: str) -> None:
        self._size += len(piece)
        if self._size > MAX_TEXT_CHARS:
            self._grow(0)
        pieces.append(piece)

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > MAX_TEXT_CHARS:
            raise too_large_error(f"the reply is longer than {MAX_TEXT_CHARS} characters")


def _later_reason(known: str | None, reason: object) -> str | None:
    """The finish reason after another one was sent. A failure stays one, whatever is sent after it."""
    if reason is None or finish_class(reason) == "none":
        return known
    return known if known is not None and finish_class(known) == "failure" else str(reason)


def _without_start(text: str, known: str) -> str:
    return text[len(known) :] if text.startswith(known) else text


def _join_parts(content: Any, reasoning: Any) -> tuple[str, str]:
    """Content and reasoning as texts; parts of thinking in the content are reasoning."""
    for value in (content, reasoning):
        if value and not isinstance(value, str | list | dict):
            name = type(value).__name__
            raise bad_response_error(f"expected text in a streamed event, found {name}", "malformed_event")
    text, thinking = split_parts(content or None)
    return text, "".join(split_parts(reasoning or None)) or thinking
