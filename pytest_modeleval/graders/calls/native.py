"""Decodes the tool calls of a response. Size and depth are bounded; nothing is evaluated."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from typing import Any

from pytest_modeleval.graders.calls.function_call import Call, NoCallsFound, shown
from pytest_modeleval.records import ToolCall

MAX_ARGUMENTS_CHARS = 1_000_000
MAX_DEPTH = 64
MAX_CALLS = 1_000
_NAME = re.compile(r"[A-Za-z0-9_.\-]{1,256}\Z")
# Marks that chat templates put around calls; in the answer text they show that the server's tool parser did not act.
_CALL_MARKS = re.compile(
    r"<\|?tool[_ ▁]?calls?|<minimax:tool_call|<invoke name=|<function[=_ ]|\[TOOL_CALLS\]|<\|python_tag\|>"
    r"|functions\.\w+:\d",
    re.IGNORECASE,
)


def decode_tool_calls(tool_calls: Sequence[ToolCall]) -> tuple[Call, ...]:
    """Return the calls with arguments parsed from JSON.

    Raises NoCallsFound with cause "too_many_calls", "arguments_too_large", "malformed_arguments" (not JSON),
    "arguments_too_deep" or "arguments_no_object".
    """
    if len(tool_calls) > MAX_CALLS:
        raise NoCallsFound("too_many_calls", f"{len(tool_calls)} calls; more than {MAX_CALLS} are not read")
    return tuple(Call(call.name, _arguments(call)) for call in tool_calls)


def _arguments(call: ToolCall) -> dict[str, Any]:
    text = call.arguments
    if len(text) > MAX_ARGUMENTS_CHARS:
        raise NoCallsFound("arguments_too_large", f"{len(text)} characters of arguments for {shown(call.name)}")
    try:
        found = json.loads(text)
    except RecursionError:
        raise NoCallsFound("arguments_too_deep", f"the arguments of {shown(call.name)} are nested too deeply") from None
    except ValueError as error:
        raise NoCallsFound(
            "malformed_arguments", f"the arguments of {shown(call.name)} are not JSON: {error}"
        ) from None
    if not isinstance(found, dict):
        text = f"the arguments of {shown(call.name)} are {shown(found)}, expected an object"
        raise NoCallsFound("arguments_no_object", text)
    check_depth(found)
    return found


def check_depth(value: Any) -> None:
    """Raise NoCallsFound ("arguments_too_deep") beyond MAX_DEPTH levels, whose comparison would overflow the stack."""
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        level = [
            part
            for container in level
            if isinstance(container, dict | list | tuple)
            for part in (container.values() if isinstance(container, dict) else container)
        ]
        if not level:
            return
    raise NoCallsFound("arguments_too_deep", f"arguments are nested more than {MAX_DEPTH} levels deep")


def name_cause(name: str, offered: Collection[str]) -> str:
    """Classify the name of a called function; "" if the function was offered.

    "unknown_function": a well-formed name that was not offered; "dunder_name": a name with a double underscore;
    "illegal_name": not an identifier, such as an expression or a statement.
    """
    if name in offered:
        return ""
    if not _NAME.match(name):
        return "illegal_name"
    return "dunder_name" if "__" in name else "unknown_function"


def has_call_mark(text: str) -> bool:
    """True if a text reply contains the marks of an unparsed tool call."""
    return _CALL_MARKS.search(text) is not None
