"""Builds the rows of this benchmark: turns, requests, schemas, codes. Plain JSON."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_modeleval import Request

Ask = dict[str, Any]
# One sentence of about twelve words, repeated where only the length of a prompt matters.
FILLER = "The train left the station at noon and the town was quiet."


def ask(*turns: str | Mapping[str, Any], system: str | None = None, **rest: Any) -> Ask:
    """One request. Text turns alternate between user and assistant; rest: the other fields of Request.

    Generation parameters are given by their own names (max_tokens=8).
    """
    messages: list[Mapping[str, Any]] = [] if system is None else [{"role": "system", "content": system}]
    for position, turn in enumerate(turns):
        role = "assistant" if position % 2 else "user"
        messages.append({"role": role, "content": turn} if isinstance(turn, str) else turn)
    made: Ask = {"messages": messages}
    for name in ("tools", "tool_choice", "response_format"):
        if name in rest:
            made[name] = rest.pop(name)
    if rest:
        made["params"] = rest
    return made


def row(
    name: str, check: str, asks: Sequence[Ask], *, at_once: bool = False, thinks: bool = False, **expect: Any
) -> dict[str, Any]:
    """One check: its name, the rule of checks.py, the requests, and the parameters of the rule.

    at_once: the requests are sent concurrently. thinks: a reply whose max_tokens were spent on thinking is asked for
    again without that limit.
    """
    return {
        "id": name,
        "check": check,
        "asks": list(asks),
        "at_once": at_once,
        "thinks": thinks,
        "expect": expect,
    }


def request_of(spec: Mapping[str, Any]) -> Request:
    """The Request of one entry of a row's `asks`."""
    return Request(
        messages=spec["messages"],
        tools=spec.get("tools", ()),
        tool_choice=spec.get("tool_choice"),
        response_format=spec.get("response_format"),
        params=spec.get("params", {}),
    )


def schema(shape: Mapping[str, Any]) -> dict[str, Any]:
    """The response format that asks a server to enforce a JSON schema."""
    return {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": dict(shape)}}


def one_of(*options: str) -> dict[str, Any]:
    """The response format that allows these texts only, as JSON strings."""
    return schema({"type": "string", "enum": list(options)})


def whole(properties: Mapping[str, Any]) -> dict[str, Any]:
    """An object that has exactly these properties."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def code(name: str) -> str:
    """Two groups of three digits for this name, such as "041 992". Always the same."""
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % 10**6
    return f"{number // 1000:03d} {number % 1000:03d}"
