"""Reads the Java source text of one argument as a Python value, by the rules of bfcl-eval 2025.10.27.1.

Text that is not a literal of the described type stays text and is compared like the name of a variable. Surprising
rules, kept for equal verdicts: a long needs its L and a float its f; a char keeps its quotes; strings inside
`new String[]{...}` keep theirs, while strings in an ArrayList lose their first and last character.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

# Longer literals stay text: some patterns below take quadratic time.
MAX_LITERAL_CHARS = 4096

TYPES: Mapping[str, type] = {
    "byte": int,
    "short": int,
    "integer": int,
    "long": int,
    "float": float,
    "double": float,
    "boolean": bool,
    "char": str,
    "String": str,
    "any": str,
    "Array": list,
    "ArrayList": list,
    "HashMap": dict,
}

_WHOLE = re.compile(r"-?\d+$")
_LONG = re.compile(r"-?\d+[lL]$")
_DOUBLE = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?$")
_FLOAT = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?[fF]$")
_NUMBERS: Mapping[str, tuple[re.Pattern[str], Callable[[str], int | float]]] = {
    "byte": (_WHOLE, int),
    "short": (_WHOLE, int),
    "integer": (_WHOLE, int),
    "long": (_LONG, lambda text: int(text.rstrip("\n")[:-1])),
    "float": (_FLOAT, lambda text: float(text.rstrip("\n")[:-1])),
    "double": (_DOUBLE, float),
}
_LIST_OF = re.compile(r"new\s+ArrayList<\w*>\(Arrays\.asList\(")
_LIST_BLOCK = re.compile(r"new\s+ArrayList<\w*>\(\)\s*\{\{\s*")
_LIST_EMPTY = re.compile(r"new\s+ArrayList<\w*>\(\)")
_ADD = re.compile(r"add\((.+?)\)")
_ARRAY = re.compile(r"new\s+\w+\[\]\s*\{(.*?)\}")
_MAP = re.compile(r"new\s+HashMap<")
_MAP_BLOCK = re.compile(r">\s*\(\)\s*\{\s*\{?\s*")
_MAP_EMPTY = re.compile(r"new\s+HashMap<.*?>\s*\(\)")
_PUT = re.compile(r'put\("(.*?)",\s*(.*?)\)')


def read(text: str, described: str, element: str | None = None) -> Any:
    """Return the value of a literal of the described Java type, or the text itself if it is not such a literal.

    element: the described type of the elements of an Array or ArrayList.
    """
    if len(text) > MAX_LITERAL_CHARS:
        return text
    try:
        return _read(text, described, element)
    except ValueError:
        # More digits than Python converts to an integer.
        return text


def _read(text: str, described: str, element: str | None) -> Any:
    if described in _NUMBERS:
        pattern, convert = _NUMBERS[described]
        return convert(text) if pattern.match(text) else text
    if described == "boolean":
        return {"true": True, "false": False}.get(text, text)
    if described == "ArrayList":
        return _read_list(text, element)
    if described == "Array":
        found = _ARRAY.search(text)
        return text if found is None else [_part(part, element) for part in _split(found.group(1)) if part]
    if described == "HashMap":
        return _read_map(text)
    return text


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _part(text: str, element: str | None) -> Any:
    return _read(text, element, None) if element else _guess(text)


def _list_part(text: str, element: str | None) -> Any:
    # Upstream removes the first and last character without looking for quotes.
    return text[1:-1] if element in ("char", "String") else _part(text, element)


def _read_list(text: str, element: str | None) -> Any:
    for head in _LIST_OF.finditer(text):
        end = text.find("))", head.end() + 1)
        if end >= 0 and "\n" not in text[head.end() : end]:
            return [_list_part(part, element) for part in _split(text[head.end() : end])]
    for head in _LIST_BLOCK.finditer(text):
        end = text.find("}}", head.end() + 1)
        if end >= 0:
            added = _ADD.findall(text[head.end() : end])
            return [_list_part(part.strip(), element) for part in added]
    return [] if _LIST_EMPTY.search(text) else text


def _read_map(text: str) -> Any:
    start = _MAP.search(text)
    if start is None:
        return text
    block = _MAP_BLOCK.search(text, start.end())
    end = text.find("}", block.end()) if block else -1
    if block is not None and end >= 0:
        return {key: _guess(value.strip()) for key, value in _PUT.findall(text[block.end() : end])}
    return {} if _MAP_EMPTY.search(text) else text


def _guess(text: str) -> Any:
    """Read a literal of unknown type."""
    if text in ("true", "false"):
        return text == "true"
    if text.startswith('"') and text.endswith('"'):
        return text[1:-1]
    if _LONG.match(text):
        return int(text[:-1])
    if _FLOAT.match(text):
        return float(text[:-1])
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text
