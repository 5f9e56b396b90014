"""Reads the JavaScript source text of one argument as a Python value, by the rules of bfcl-eval 2025.10.27.1.

Text that is not a literal of the described type stays text. Surprising rules, kept for equal verdicts: a Bigint needs
its n; lists are split at every comma, also inside strings; an object ends at its first closing brace.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

MAX_LITERAL_CHARS = 4096

TYPES: Mapping[str, type] = {
    "String": str,
    "integer": int,
    "float": float,
    "Bigint": int,
    "Boolean": bool,
    "dict": dict,
    "array": list,
    "any": str,
}

_WHOLE = re.compile(r"-?\d+$")
_BIG = re.compile(r"-?\d+n$")
_DECIMAL = re.compile(r"-?\d+(\.\d+)?$")
_ROW = re.compile(r"\[(.*?)\]")
_LIST = re.compile(r"\[(.*?)\]|\bnew\s+Array\((.*?)\)")
_ROWS_BRACKET = re.compile(r"\[\s*\[")
_ROWS_NEW = re.compile(r"new\s+Array\(\s*\[")
_NEXT_ROW = re.compile(r"\s*,\s*\[")
_OBJECT = re.compile(r"\{(.*?)\}")
_PAIR = re.compile(r"([^:]+):\s*(.*?)(?:,\s*(?=[^,]+:)|$)")
_BLANKS = re.compile(r"\s*")


def read(text: str, described: str, element: str | None = None) -> Any:
    """Return the value of a literal of the described JavaScript type, or the text itself if it is not such a literal.

    element: the described type of the elements of an array.
    """
    if len(text) > MAX_LITERAL_CHARS:
        return text
    try:
        return _read(text, described, element)
    except (ValueError, KeyError):
        # More digits than Python converts to an integer, or elements of a type without literals.
        return text


def _read(text: str, described: str, element: str | None) -> Any:
    if described == "String":
        return text[1:-1] if _is_quoted(text) else text
    if described == "integer":
        return int(text) if _WHOLE.match(text) else text
    if described == "float":
        return float(text) if _DECIMAL.match(text) else text
    if described == "Bigint":
        return int(text.rstrip("\n")[:-1]) if _BIG.match(text) else text
    if described == "Boolean":
        return {"true": True, "false": False}.get(text, text)
    if described == "array":
        return _read_list(text.strip(), element)
    if described == "dict":
        return _read_object(text.strip())
    if described == "any":
        return text
    raise KeyError(described)


def _is_quoted(text: str) -> bool:
    return (text.startswith('"') and text.endswith('"')) or (text.startswith("'") and text.endswith("'"))


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _read_list(code: str, element: str | None) -> Any:
    rows = _rows(code)
    if rows is not None:
        return [[_guess(part) for part in _split(row)] for row in rows]
    found = _LIST.match(code)
    if found is None:
        return code
    inside = (found.group(1) if found.group(1) is not None else found.group(2)).strip()
    if not inside:
        return []
    try:
        return [_read(part, element, None) if element else _guess(part) for part in _split(inside)]
    except (ValueError, KeyError):
        return code


def _rows(code: str) -> list[str] | None:
    """Return the source texts of the rows of a list of lists; None if the code is not one.

    Upstream's pattern takes exponential time on an unclosed "[[1],[2],[3],...". This function accepts the same
    language in one pass from right to left: `ends[i]` is the end of the whole list if the bracket at i closes a row.
    """
    for head, close in ((_ROWS_BRACKET, "]"), (_ROWS_NEW, ")")):
        opened = head.match(code)
        end = _end_of_rows(code, opened.end(), close) if opened is not None else None
        if end is not None:
            inner = [row.strip() for row in _ROW.findall(code[:end])]
            # The first match starts at the outer bracket and includes the inner one.
            return [inner[0].removeprefix("["), *inner[1:]]
    return None


def _end_of_rows(code: str, start: int, close: str) -> int | None:
    """Return the end of the list whose first row begins at start; None if it is never closed."""
    ends: dict[int, int] = {}
    nearest: list[int | None] = [None] * (len(code) + 1)
    for position in range(len(code) - 1, start - 1, -1):
        nearest[position] = None if code[position] == "\n" else nearest[position + 1]
        if code[position] != "]":
            continue
        after = position + 1
        row = _NEXT_ROW.match(code, after)
        closing = nearest[row.end()] if row else None
        blanks = _BLANKS.match(code, after)
        place = blanks.end() if blanks else after
        if closing is not None:
            ends[position] = ends[closing]
        elif code.startswith(close, place):
            ends[position] = place + 1
        if position in ends:
            nearest[position] = position
    first = nearest[start]
    return ends[first] if first is not None else None


def _read_object(code: str) -> Any:
    if code == "{}":
        return {}
    found = _OBJECT.match(code)
    if found is None:
        return code
    return {key.strip().strip("'\""): _member(value.strip()) for key, value in _PAIR.findall(found.group(1))}


def _member(value: str) -> Any:
    if value.startswith("[") and value.endswith("]"):
        return _read_list(value, None)
    if value.startswith("{") and value.endswith("}"):
        return _read_object(value)
    return _guess(value.strip("'\""))


def _guess(text: str) -> Any:
    """Read a literal of unknown type."""
    text = text.strip()
    if text in ("true", "false"):
        return text == "true"
    if _is_quoted(text):
        return text[1:-1]
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text
