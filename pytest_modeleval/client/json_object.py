"""JSON from a server: a bounded, tolerant reader. Pure.

orjson reads nearly everything. What it refuses although the values are of no interest, or can be repaired, goes through
the standard library: NaN and Infinity in log probabilities, and one half of a surrogate pair in each of two events.
"""

from __future__ import annotations

import json
from typing import Any

from orjson import JSONDecodeError, loads

from pytest_modeleval.client.failures import bad_response_error, too_large_error
from pytest_modeleval.records import JsonObject

BOM = b"\xef\xbb\xbf"
# A list, object or number costs 10 to 50 times its two or three bytes, so a short text could fill the memory and stall
# the event loop. Smaller texts are not counted.
COUNT_FROM_BYTES = 1024 * 1024
MAX_CONTAINERS = 250_000
MAX_VALUES = 1_000_000
_EXCERPT_BYTES = 80


def parse_object(data: bytes | bytearray) -> JsonObject:
    """A JSON object. Raises AttemptFailed for anything else and beyond the bounds."""
    found = _parse(data)
    if not isinstance(found, dict):
        raise bad_response_error(f"expected a JSON object from the server, found {excerpt(data)}", "malformed_json")
    return found


def parse_results(data: bytes | bytearray) -> JsonObject:
    """A JSON object, or {"results": list} for a bare list. Raises AttemptFailed as parse_object."""
    found = _parse(data)
    if isinstance(found, list):
        return {"results": found}
    if not isinstance(found, dict):
        raise bad_response_error(f"expected a JSON object or list, found {excerpt(data)}", "malformed_json")
    return found


def _parse(data: bytes | bytearray) -> Any:
    """Any JSON value. Raises AttemptFailed."""
    if len(data) > COUNT_FROM_BYTES:
        containers, values = data.count(b"{") + data.count(b"["), data.count(b",")
        if containers > MAX_CONTAINERS or values > MAX_VALUES:
            raise too_large_error(f"the reply has more than {MAX_CONTAINERS} JSON containers or {MAX_VALUES} values")
    try:
        return loads(data)
    except JSONDecodeError as error:
        return _parse_tolerantly(data, error)


def is_object(text: str) -> bool:
    """True if the text is a whole JSON object, such as the arguments of a tool call."""
    if not text.rstrip().endswith("}"):
        return False
    try:
        return isinstance(loads(text.encode("utf-8", "replace")), dict)
    except JSONDecodeError:
        return False


def join_surrogates(value: Any) -> Any:
    """The value with surrogate pairs joined in all its texts; a half without its other half becomes U+FFFD."""
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, dict):
        return {join_surrogates(name): join_surrogates(entry) for name, entry in value.items()}
    return [join_surrogates(entry) for entry in value] if isinstance(value, list) else value


def excerpt(data: bytes | bytearray) -> str:
    """The beginning of the data, for messages."""
    text = data[:_EXCERPT_BYTES].decode("utf-8", "replace")
    return repr(text + ("..." if len(data) > _EXCERPT_BYTES else ""))


def _parse_tolerantly(data: bytes | bytearray, cause: JSONDecodeError) -> Any:
    try:
        return json.loads(data.removeprefix(BOM), parse_constant=lambda _: None, strict=False)
    except (ValueError, RecursionError):
        raise bad_response_error(
            f"expected a JSON object from the server, found {excerpt(data)} ({cause})", "malformed_json"
        ) from cause
