"""Reads sets that have a name or are written without brackets: "no solution", "all real numbers", "①③"."""

from __future__ import annotations

import re

from pytest_modeleval.graders.answers.expression import Operation
from pytest_modeleval.graders.answers.values import Collection, Interval, Text, Value

INFINITY = Operation("infinity")
MINUS_INFINITY = Operation("negative", (INFINITY,))
_EMPTY = re.compile(
    r"\\varnothing|\\\{\s*\\\}|(?:there (?:is|are) )?no (?:real )?solutions?(?: exists?)?|(?:the )?(?:empty|null) set"
    r"|无(?:实数?)?解|空集",
    re.IGNORECASE,
)
_ALL = r"(?:all|any|every|(?:the )?set of (?:all )?)\s*"
_REALS = re.compile(
    rf"\\mathbb\s*\{{?\s*R\s*\}}?|\\R|{_ALL}(?:reals|real(?: numbers?| values?)?(?: (?:of )?[a-z])?)"
    "|(?:全体|一切|所有)实数",
    re.IGNORECASE,
)
_INTEGERS = re.compile(rf"{_ALL}integers?|(?:全体|一切|所有)整数", re.IGNORECASE)
_CIRCLED = re.compile(r"[①-⑳](?:(?:[\s,;和]|and)*[①-⑳])*")


def read_named_set(text: str) -> Value | None:
    """Return the set that a text in normalised notation names; None for every other text."""
    if _EMPTY.fullmatch(text):
        return Collection((), is_set=True)
    if _REALS.fullmatch(text):
        return Interval(MINUS_INFINITY, INFINITY, False, False)
    if _INTEGERS.fullmatch(text):
        return Text("\\mathbb{Z}")
    if _CIRCLED.fullmatch(text):
        # The numbers of the statements that hold.
        return Collection(tuple(Text(sign) for sign in re.findall("[①-⑳]", text)), is_set=True)
    return None
