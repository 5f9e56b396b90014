"""A transcript's values as text for a page: messages, calls, expected answers, long texts cut. Pure, no HTML."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_modeleval._support.shorten import shorten_middle
from pytest_modeleval.records import ToolCall

# Characters of one text from its beginning and its end. The end is where answers stand. 500 items at these sizes make
# a page of a few megabytes, which opens at once.
_HEAD, _TAIL = 2500, 1500


def clip(text: str, head: int = _HEAD, tail: int = _TAIL) -> str:
    """The text, or its beginning and end and how much is left out in between."""
    if not tail:
        return text if len(text) <= head else f"{text[:head]} [...]"
    return shorten_middle(text, head, tail, "[... {left} characters are not shown; the journal has them ...]")


def value_text(value: Any) -> str:
    """An expected answer as text: a text as it is, anything else as JSON."""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (ValueError, RecursionError):
        # Circular, or nested deeper than the encoder goes.
        return f"a {type(value).__name__} that cannot be shown"


def question_text(messages: Sequence[Mapping[str, Any]]) -> str:
    """The text of the last message of the user."""
    for sent in reversed(messages):
        if sent.get("role") == "user":
            return message_text(sent)
    return ""


def message_text(sent: Mapping[str, Any]) -> str:
    """The text of a chat message: its parts and its calls, one below the other."""
    content = sent.get("content")
    parts = content if isinstance(content, Sequence) and not isinstance(content, str) else [content]
    texts = [
        str(part["text"]) if isinstance(part, Mapping) and "text" in part else value_text(part)
        for part in parts
        if part is not None
    ]
    texts += [call_text(made) for made in sent.get("tool_calls") or ()]
    return "\n".join(texts)


def tool_text(tool: Any) -> str:
    """A function that was offered, as name(parameter, ...) and its description."""
    function = tool.get("function", tool) if isinstance(tool, Mapping) else None
    if not isinstance(function, Mapping) or "name" not in function:
        return value_text(tool)
    schema = function.get("parameters")
    properties = schema.get("properties") if isinstance(schema, Mapping) else None
    names = ", ".join(map(str, properties)) if isinstance(properties, Mapping) else ""
    about = function.get("description")
    return f"{function['name']}({names})" + (f": {about}" if about else "")


def call_text(made: Any) -> str:
    """A function call as name(arguments)."""
    if isinstance(made, ToolCall):
        return f"{made.name}({made.arguments})"
    # The wire wraps name and arguments in "function"; the journal may hold them bare.
    function = made.get("function", made) if isinstance(made, Mapping) else None
    if isinstance(function, Mapping) and "name" in function:
        return f"{function.get('name')}({value_text(function.get('arguments', ''))})"
    return value_text(made)
