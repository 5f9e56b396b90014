"""Compares what a program printed or returned with what was expected, as LiveCodeBench does. Pure, outside the sandbox.

Rules of LiveCodeBench's runner (github.com/LiveCodeBench/LiveCodeBench, lcb_runner/evaluation/testing_util.py): output
is stripped and split into lines; each line, stripped, must equal the expected line or hold equal decimal numbers, token
by token and without tolerance. Returned values are compared as JSON, tuples as lists.

What a program printed may be 16 MB of anything, so nothing here splits it into more parts than the expected output has.
"""

from __future__ import annotations

import json
import math
from decimal import Decimal, InvalidOperation
from typing import Any

TOLERANCE = 1e-6
_MAX_DIGITS = 10_000
_SHOWN = 80
# JSON of equal values differs in length by escapes (\u00e9 for two bytes) and numbers (1e22 for 23 digits): by less.
_MAX_GROWTH = 8
_FREE_BYTES = 65_536


def same_output(found: str, expected: str) -> bool:
    """True if a program's output is the expected one."""
    found, expected = found.strip(), expected.strip()
    if found == expected:
        return True
    if found.count("\n") != expected.count("\n"):
        return False
    lines = zip(found.split("\n"), expected.split("\n"), strict=True)
    return all(one.strip() == other.strip() or _same_decimals(one, other) for one, other in lines)


def close_output(found: str, expected: str) -> bool:
    """True if the output would be the expected one with numbers equal within TOLERANCE, relative or absolute."""
    other = expected.split()
    one = found.split(maxsplit=len(other))
    return len(one) == len(other) and all(map(_close_token, one, other))


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
    """False if a returned value, as JSON, is too long to be the expected one: then it need not be parsed."""
    return len(found) <= _MAX_GROWTH * len(expected) + _FREE_BYTES


def read_value(content: bytes) -> Any:
    """A value that left the sandbox as JSON. Raises ValueError for anything else."""
    try:
        return json.loads(content)
    except RecursionError as error:
        raise ValueError("the value is nested too deeply") from error


def shown(text: str | bytes) -> str:
    """The beginning of an output for people: one quoted line of at most 80 characters."""
    head = text[: 2 * _SHOWN]
    quoted = repr(head.decode(errors="replace") if isinstance(head, bytes) else head)
    return quoted if len(quoted) <= _SHOWN and len(text) <= 2 * _SHOWN else f"{quoted[:_SHOWN]}..."


def _same_decimals(found: str, expected: str) -> bool:
    other = expected.split()
    one = found.split(maxsplit=len(other))
    if len(one) != len(other):
        return False
    numbers = _decimals(one)
    return numbers is not None and numbers == _decimals(other)


def _decimals(tokens: list[str]) -> list[Decimal] | None:
    try:
        found = [Decimal(token) if len(token) <= _MAX_DIGITS else Decimal("nan") for token in tokens]
    except InvalidOperation:
        return None
    # A signalling NaN raises where it is compared, and a program may print one.
    return None if any(number.is_snan() for number in found) else found


def _close_token(found: str, expected: str) -> bool:
    if found == expected:
        return True
    try:
        return _close(float(found[:400]), float(expected[:400]))
    except ValueError:
        return False


def _close(found: float, expected: float) -> bool:
    return math.isclose(found, expected, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
