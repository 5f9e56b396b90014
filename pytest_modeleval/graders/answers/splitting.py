"""Splits a text at commas, connecting words and relation signs that stand outside brackets."""

from __future__ import annotations

import re

from pytest_modeleval.graders.answers.tokens import NotAnExpression

MAX_ITEMS = 200
_SEPARATOR = re.compile(
    r";|\s*\\text\s*\{\s*,?\s*(?:and|or|和|与|或)\s*\}\s*|\s+(?:and|or|und|oder|et|ou|и|или)\s+|\s*(?:和|与|與|或|及)\s*|\\(?:vee|wedge)(?![A-Za-z])"
)
_RELATION = re.compile(
    r"\\le(?![A-Za-z])|\\ge(?![A-Za-z])|\\neq(?![A-Za-z])|\\in(?![A-Za-z])|<=|>=|!=|[=<>]|\\approx(?![A-Za-z])"
)
_SIGNS = {"\\approx": "=", "\\le": "<=", "\\ge": ">=", "\\neq": "!=", "\\in": "in"}
_OPENING, _CLOSING = "([{", ")]}"
_ANGLE = re.compile(r"\\[lr]angle(?![A-Za-z])")


def split_items(text: str, keeps_groups: bool, *, only_commas: bool = False) -> list[str]:
    """Split at the commas and connecting words that stand outside brackets."""
    comma = r",(?!\d{3}(?!\d))|(?<!\d),|(?<=\d{4}),|,(?=\d{3}\.\d+,)" if keeps_groups else ","
    if only_commas and "," not in text:
        comma = ";"
    pattern = re.compile(comma if only_commas else f"{comma}|{_SEPARATOR.pattern}")
    parts = [part.strip() for part in split_at(text, pattern)]
    if len(parts) > MAX_ITEMS:
        raise NotAnExpression("it has too many parts")
    return [part for part in parts if part] if len(parts) > 1 else parts


def split_at(text: str, pattern: re.Pattern[str]) -> list[str]:
    """Split at the matches of a pattern that stand outside brackets."""
    matches = list(pattern.finditer(text))
    if not matches:
        return [text]
    depths = _depths(text)
    parts, start = [], 0
    for found in matches:
        if found.end() > found.start() and depths[found.start()] == 0:
            parts.append(text[start : found.start()])
            start = found.end()
    return [*parts, text[start:]]


def split_signs(text: str) -> tuple[list[str], list[str]]:
    """Split a relation into its sides and its signs."""
    matches = list(_RELATION.finditer(text))
    depths = _depths(text) if matches else []
    sides, signs, start = [], [], 0
    for found in matches:
        if depths[found.start()] == 0:
            sides.append(text[start : found.start()].strip())
            signs.append(_SIGNS.get(found[0], found[0]))
            start = found.end()
    return [*sides, text[start:].strip()], signs


def _depths(text: str) -> list[int]:
    """Return the number of open brackets at each character; the closing bracket itself stands outside."""
    depths, depth, angles = [], 0, {found.start(): found[0] for found in _ANGLE.finditer(text)}
    for index, sign in enumerate(text):
        if sign in _CLOSING or angles.get(index) == "\\rangle":
            depth = max(0, depth - 1)
        depths.append(depth)
        if sign in _OPENING or angles.get(index) == "\\langle":
            depth += 1
    return depths


def closing_position(text: str) -> int:
    """Return the position of the bracket that closes the first one; -1 if none does."""
    depth = 0
    for index, sign in enumerate(text):
        depth += (sign in _OPENING) - (sign in _CLOSING)
        if depth == 0:
            return index
    return -1
