"""What the journal keeps of a request; `samples` has the way back to what was sent.

A conversation repeats its history, and its tools, with every request. The journal keeps them once: a request that only
adds messages to an earlier one of the same item is kept as the key of that one and the added messages. Of a picture it
keeps the reference, with media type and size, in place of a megabyte of base64; the key of a request counts its bytes.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence

import orjson

from pytest_modeleval._support import redact
from pytest_modeleval.images.references import Carried, image_facts, reference_of, with_references
from pytest_modeleval.records import JsonObject, Request

_HEAD_BYTES = 256


def compress_request(
    request: Request, body: bytes, before: tuple[Request, str] | None, carried: Sequence[Carried] = ()
) -> JsonObject:
    """The fields of a response line that say what was asked, without secrets. body: as it was sent, JSON.

    carried: the pictures in it.
    before: an earlier request of the same item and its key. Its messages are compared by identity: what builds a
    conversation puts the same objects into each request, and comparing long texts would cost more than it saves.
    """
    if before is not None:
        earlier, key = before
        count = len(earlier.messages)
        if _continues(request, earlier) and _has_same_settings(request, earlier):
            added = with_references(request.messages[count:], carried) if carried else list(request.messages[count:])
            return {"after": key, "request": redact.json_value({"messages": added}), **_images_field(carried)}
    for found in carried:
        body = _replaced(body, found.url.encode(), reference_of(found.image).encode())
    return {**compress_body(body), **_images_field(carried)}


def _replaced(body: bytes, url: bytes, reference: bytes) -> bytes:
    """The body with a reference in place of a data URL, no character of which is escaped in JSON.

    Found by its beginning: bytes.replace takes many times as long to look for a text of a megabyte.
    """
    head, pieces, start = url[:_HEAD_BYTES], [], 0
    while (place := body.find(head, start)) >= 0:
        is_it = body.startswith(url, place)
        end = place + (len(url) if is_it else 1)
        pieces += [body[start:place], reference if is_it else body[place:end]]
        start = end
    return b"".join([*pieces, body[start:]])


def _images_field(carried: Sequence[Carried]) -> JsonObject:
    return {"images": [image_facts(found.image) for found in carried]} if carried else {}


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
