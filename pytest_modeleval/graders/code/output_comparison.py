"""Compares what a program printed or returned with what was expected, as LiveCodeBench does. Pure, outside the sandbox.

Rules of LiveCodeBench's runner (github.com/LiveCodeBench/LiveCodeBench, lcb_runner/evaluation/testing_util.py): output
is stripped and split into lines; each line, stripped, must equal the expected line or hold equal decimal numbers, token
by token and without tolerance. Returned values are compared as JSON, tuples as lists.

What a program printed may be 16 MB of anything. Outputs are compared part by part up to the first difference: a list of
all parts would take a gigabyte, and the call that makes it would stop all other threads.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from itertools import zip_longest
from typing import Any

TOLERANCE = 1e-6
_MAX_DIGITS = 10_000
_SHOWN = 80
# JSON of equal values differs in length by escapes (\u00e9 for two bytes) and numbers (1e22 for 23 digits): by less.
_MAX_GROWTH = 8
_FREE_BYTES = 65_536
_SLOW_FROM_BYTES = 1_000_000
_TOKEN = re.compile(r"\S+")


def same_output(found: str, expected: str) -> bool:
    """True if a program's output is the expected one."""
    found, expected = found.strip(), expected.strip()
    if found == expected:
        return True
    if found.count("\n") != expected.count("\n"):
        return False
    lines = zip(_lines(found), _lines(expected), strict=True)
    return all(one.strip() == other.strip() or _same_decimals(one, other) for one, other in lines)


def close_output(found: str, expected: str) -> bool:
    """True if the output would be the expected one with numbers equal within TOLERANCE, relative or absolute."""
    return all(_close_token(one, other) for one, other in _token_pairs(found, expected, _common_start(found, expected)))


def same_value(found: Any, expected: Any) -> bool:
    """True if a returned value, read from JSON, is the expected one. Both hold plain values only."""
    try:
        return bool(found == expected)
    except RecursionError:
        return False


def close_value(found: Any, expected: Any) -> bool:
    """True if the value would be the expected one with numbers equal within TOLERANCE."""
    try:
        return _close_value(found, expected)
    except RecursionError:
        return False


def _close_value(found: Any, expected: Any) -> bool:
    if isinstance(found, list) and isinstance(expected, list):
        return len(found) == len(expected) and all(map(_close_value, found, expected))
    if isinstance(found, int | float) and isinstance(expected, int | float):
        return _close(float(found), float(expected)) if abs(found) < 1e300 and abs(expected) < 1e300 else False
    return bool(found == expected)


def may_be_same_value(found: bytes, expected: str) -> bool:
    """False if a returned value, as JSON, is too long or has too many parts for the expected one: it is not parsed."""
    if len(found) <= _FREE_BYTES:
        return True
    if len(found) > _MAX_GROWTH * len(expected) + _FREE_BYTES:
        return False
    # Brackets and commas are written as they are, unless the expected text escapes what need not be escaped.
    return "\\u00" in expected or all(found.count(mark.encode()) <= expected.count(mark) for mark in "[{,")


def read_value(content: bytes) -> Any:
    """A value that left the sandbox as JSON. Raises ValueError for anything else."""
    try:
        return json.loads(content, cls=_InterruptibleDecoder if len(content) > _SLOW_FROM_BYTES else None)
    except RecursionError as error:
        raise ValueError("the value is nested too deeply") from error


class _InterruptibleDecoder(json.JSONDecoder):
    """Ten times slower than the decoder in C, which lets no other thread run until it has read everything."""

    def __init__(self) -> None:
        super().__init__()
        self.parse_object = json.decoder.JSONObject  # type: ignore[attr-defined]
        self.parse_array = json.decoder.JSONArray  # type: ignore[attr-defined]
        self.scan_once = json.scanner.py_make_scanner(self)  # type: ignore[attr-defined]


def shown(text: str | bytes) -> str:
    """The beginning of an output for people: one quoted line of at most 80 characters."""
    head = text[: 2 * _SHOWN]
    quoted = repr(head.decode(errors="replace") if isinstance(head, bytes) else head)
    return quoted if len(quoted) <= _SHOWN and len(text) <= 2 * _SHOWN else f"{quoted[:_SHOWN]}..."


def _lines(text: str) -> Iterator[str]:
    """The lines of a text, one by one; a line break at its end begins an empty one."""
    start = 0
    while (end := text.find("\n", start)) >= 0:
        yield text[start:end]
        start = end + 1
    yield text[start:]


def _same_decimals(found: str, expected: str) -> bool:
    start = _common_start(found, expected)
    # What differs first: the equal start only has to hold numbers, which takes longer to see.
    return all(_same_decimal(one, other) for one, other in _token_pairs(found, expected, start)) and all(
        _same_decimal(match[0], match[0]) for match in _TOKEN.finditer(found, 0, start)
    )


def _token_pairs(found: str, expected: str, start: int) -> Iterator[tuple[str, str]]:
    """The tokens of both texts from `start` on, pair by pair; "" where one text has no more."""
    tokens = (
        (match[0] for match in _TOKEN.finditer(found, start)),
        (match[0] for match in _TOKEN.finditer(expected, start)),
    )
    return zip_longest(*tokens, fillvalue="")


def _common_start(one: str, other: str) -> int:
    """How many characters of both texts are equal, without a last token that is begun.

    Slices are compared in C: megabytes of equal tokens cost milliseconds here, and many seconds pair by pair.
    """
    same, most = 0, min(len(one), len(other))
    while same < most:
        middle = (same + most + 1) // 2
        if one[same:middle] == other[same:middle]:
            same = middle
        else:
            most = middle - 1
    if same == 0 or one[same - 1].isspace():
        return same
    return same - len(one[:same].rsplit(None, 1)[-1])


def _same_decimal(found: str, expected: str) -> bool:
    if max(len(found), len(expected)) > _MAX_DIGITS:
        return False
    try:
        # A signalling NaN raises where it is compared, and a program may print one.
        return Decimal(found) == Decimal(expected)
    except InvalidOperation:
        return False


def _close_token(found: str, expected: str) -> bool:
    if found == expected:
        return True
    try:
        return _close(float(found[:400]), float(expected[:400]))
    except ValueError:
        return False


def _close(found: float, expected: float) -> bool:
    return math.isclose(found, expected, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
