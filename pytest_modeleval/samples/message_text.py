"""Chat messages, calls and expected answers as text. Pure, no HTML."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_modeleval._support.shorten import shorten
from pytest_modeleval.images.references import image_url, parse_reference
from pytest_modeleval.records import ToolCall


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


def request_text(params: Mapping[str, Any]) -> str:
    """What a request that is no chat asks about: its prompt, its query, or the texts whose vectors it asks for."""
    found = next((params[name] for name in ("prompt", "query", "input") if name in params), "")
    texts = found if isinstance(found, list) else [found]
    return "\n".join(text for text in texts if isinstance(text, str))


def message_text(sent: Mapping[str, Any]) -> str:
    """The text of a chat message: its parts and its calls, one below the other."""
    content, calls = sent.get("content"), sent.get("tool_calls")
    parts = content if isinstance(content, Sequence) and not isinstance(content, str) else [content]
    texts = [_part_text(part) for part in parts if part is not None]
    texts += [call_text(made) for made in (calls if isinstance(calls, Sequence) else ())]
    return "\n".join(texts)


def _part_text(part: Any) -> str:
    if isinstance(part, Mapping) and "text" in part:
        return str(part["text"])
    # A journal of an earlier version, and a page of the user, may have a picture of megabytes here.
    url = image_url(part)
    if url is None:
        return value_text(part)
    reference = parse_reference(url)
    return f"[image {shorten(url, 100) if reference is None else reference.sha256[:12]}]"


def call_text(made: Any) -> str:
    """A function call as name(arguments)."""
    if isinstance(made, ToolCall):
        return f"{made.name}({made.arguments})"
    # The wire wraps name and arguments in "function"; the journal may hold them bare.
    function = made.get("function", made) if isinstance(made, Mapping) else None
    if isinstance(function, Mapping) and "name" in function:
        return f"{function.get('name')}({value_text(function.get('arguments', ''))})"
    return value_text(made)
