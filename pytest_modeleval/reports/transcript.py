"""Long texts cut for a page, and functions that were offered as one line each. Pure, no HTML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_modeleval._support.shorten import shorten_middle
from pytest_modeleval.samples.message_text import value_text

# Characters of one text from its beginning and its end. The end is where answers stand. 300 items at these sizes make
# a page of a few megabytes, which opens at once.
_HEAD, _TAIL = 2500, 1500


def clip(text: str, head: int = _HEAD, tail: int = _TAIL) -> str:
    """The text, or its beginning and end and how much is left out in between."""
    if not tail:
        return text if len(text) <= head else f"{text[:head]} [...]"
    return shorten_middle(text, head, tail, "[... {left} characters are not shown; the journal has them ...]")


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
