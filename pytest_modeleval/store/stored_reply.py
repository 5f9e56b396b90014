"""Whether a stored reply has the types that its readers rely on. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TEXT = (str,)
_SECONDS = (int, float)
_TYPES: Mapping[str, tuple[type, ...]] = {
    "content": _TEXT,
    "reasoning_content": _TEXT,
    "finish_reason": _TEXT,
    "native_finish_reason": _TEXT,
    "model": _TEXT,
    "id": _TEXT,
    "usage": (dict,),
    "tool_calls": (list,),
    "tokens": (list,),
    "scores": (list,),
    "first_token_s": _SECONDS,
    "total_s": _SECONDS,
}


def is_reply(found: Mapping[str, Any]) -> bool:
    """False where a field has a type that the client never writes; it would fail in a grader, again and again."""
    for name, types in _TYPES.items():
        value = found.get(name)
        if value is not None and type(value) not in types:
            return False
    return all(map(_is_call, found.get("tool_calls") or ()))


def _is_call(found: Any) -> bool:
    if type(found) is not dict:
        return False
    return all(type(found.get(name)) is str for name in ("name", "arguments")) and type(found.get("id", "")) is str
