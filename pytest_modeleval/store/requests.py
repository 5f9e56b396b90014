"""What the journal keeps of a request, and the way back to what was sent.

A conversation repeats its history, and its tools, with every request. The journal keeps them once: a request that only
adds messages to an earlier one of the same item is kept as the key of that one and the added messages.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

import orjson

from pytest_modeleval._support import redact
from pytest_modeleval.records import JsonObject, Request
from pytest_modeleval.store.contents import Contents
from pytest_modeleval.store.journal import read_line


def compress_request(request: Request, body: bytes, before: tuple[Request, str] | None) -> JsonObject:
    """The fields of a response line that say what was asked, without secrets. body: as it was sent, JSON.

    before: an earlier request of the same item and its key. Its messages are compared by identity: what builds a
    conversation puts the same objects into each request, and comparing long texts would cost more than it saves.
    """
    if before is not None:
        earlier, key = before
        count = len(earlier.messages)
        if _continues(request, earlier) and _has_same_settings(request, earlier):
            return {"after": key, "request": redact.json_value({"messages": list(request.messages[count:])})}
    return compress_body(body)


def _continues(request: Request, earlier: Request) -> bool:
    """True if the messages begin with the very objects of the earlier request."""
    is_longer = len(request.messages) > len(earlier.messages)
    return is_longer and all(map(operator.is_, earlier.messages, request.messages))


def _has_same_settings(request: Request, earlier: Request) -> bool:
    return (
        request.tools is earlier.tools
        and request.params == earlier.params
        and request.tool_choice == earlier.tool_choice
        and request.response_format == earlier.response_format
    )


def compress_body(body: bytes) -> JsonObject:
    """The field of a response line that says what was asked, whole and without secrets. body: as it was sent, JSON."""
    if redact.longest_form() and redact.text(text := body.decode()) != text:
        # A prompt of the user may hold the key.
        return {"request": redact.json_value(orjson.loads(body))}
    return {"request": orjson.Fragment(body)}


def expand_request(line: Mapping[str, Any], contents: Contents) -> JsonObject:
    """The request of a response line, as it was sent.

    A line with "after" keeps only the messages that were added to another line's request. Where that other line is
    missing (a damaged journal) the request has the messages that are known, and nothing else.
    """
    messages: list[Any] = []
    seen = {line.get("key")}
    is_added_to = "after" in line
    while (key := line.get("after")) is not None:
        messages[:0] = line["request"]["messages"]
        place = contents.responses.get(key) if key not in seen else None
        seen.add(key)
        line = read_line(place) if place is not None else {}
    request: JsonObject = line.get("request") or {}
    return {**request, "messages": [*request.get("messages", ()), *messages]} if is_added_to else request
