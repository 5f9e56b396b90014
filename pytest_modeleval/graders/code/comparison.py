"""What a program printed or returned against what was expected, as LiveCodeBench compares. Pure, outside the sandbox.

Rules of LiveCodeBench's runner (github.com/LiveCodeBench/LiveCodeBench, lcb_runner/evaluation/testing_util.py):
output is stripped and split into lines; each line, stripped, must equal the expected one or hold equal decimal numbers,
token by token and without tolerance. Returned values are compared as JSON, tuples as lists.
"""

from __future__ import annotations

import json
import math
from decimal import Decimal, InvalidOperation
from typing import Any

from pytest_modeleval._support.shorten import shorten_repr

TOLERANCE = 1e-6
_MAX_DIGITS = 10_000
_SHOWN = 80


def same_output(found: str, expected: str) -> bool:
    """True if a program's output is the expected one."""
    found_lines, expected_lines = found.strip().split("\n"), expected.strip().split("\n")
    if len(found_lines) != len(expected_lines):
        return False
    return all(
        one.strip() == other.strip() or _same_decimals(one, other)
        for one, other in zip(found_lines, expected_lines, strict=True)
    )


def close_output(found: str, expected: str) -> bool:
    """True if it would be the expected one with numbers equal within TOLERANCE, relative or absolute."""
    one, other = found.split(), expected.split()
    return len(one) == len(other) and all(map(_close_token, one, other))


def same_value(found: Any, expected: Any) -> bool:
    """True if a returned value, read from JSON, is the expected one. Both hold plain values only."""
    try:
        return bool(found == expected)
    except RecursionError:
        return False


def close_value(found: Any, expected: Any) -> bool:
    """True if it would be the expected one with numbers equal within TOLERANCE."""
    if isinstance(found, list) and isinstance(expected, list):
        return len(found) == len(expected) and all(map(close_value, found, expected))
    if isinstance(found, int | float) and isinstance(expected, int | float):
        return _close(float(found), float(expected)) if abs(found) < 1e300 and abs(expected) < 1e300 else False
    return bool(found == expected)


def read_value(content: bytes) -> Any:
    """A value that came out of the sandbox as JSON. Raises ValueError for anything else."""
    try:
        return json.loads(content)
    except RecursionError as error:
        raise ValueError("the value is nested too deeply") from error


def shown(text: str) -> str:
    """A piece of output for people: one line, at most 80 characters, always marked as a quotation."""
    return shorten_repr(text, _SHOWN)


def _same_decimals(found: str, expected: str) -> bool:
    one, other = _decimals(found), _decimals(expected)
    return one is not None and other is not None and one == other


def _decimals(line: str) -> list[Decimal] | None:
    try:
        found = [Decimal(token) if len(token) <= _MAX_DIGITS else Decimal("nan") for token in line.split()]
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
