r"""Splits the condition on a whole number from an answer: `k\pi, k \in \mathbb{Z}` is `k\pi` for every integer k."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pytest_modeleval.graders.answers.notation import without_text_commands

_INTEGERS = r"\\mathbb\s*\{?\s*(?P<double>[ZN])\s*\}?|(?P<plain>[ZN])(?![A-Za-z])"
_KIND = r"(?:an?|any|all|arbitrary)?\s*(?P<sign>positive|non-?negative)?\s*(?:integers?|whole numbers?)"
_CONDITION = re.compile(
    r"(?P<value>.*\S)\s*(?:[,;(]|\bwhere\b|\bfor\b)\s*(?:where|for|with|and)?\s*(?:any|all|every)?\s*"
    rf"(?:(?P<name>[A-Za-z])\s*(?:\\in\s*(?:{_INTEGERS})\s*(?P<mark>[_^]?\s*\{{?[+*]\}}?)?|(?:is|are|为)?\s*(?:{_KIND}|整数))"
    r"|(?P<before>positive|non-?negative)?\s*integers?\s+(?P<after>[A-Za-z]))\s*\)?\s*\Z",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Condition:
    """The parameter of an answer, and which whole numbers it stands for."""

    name: str
    numbers: str
    """ "integers", "positive" or "from zero"."""


def split_condition(text: str) -> tuple[str, Condition | None]:
    """Return an answer in normalised notation without its condition, and the condition; None if it has none."""
    found = _CONDITION.match(without_text_commands(text))
    if found is None:
        return text, None
    name = found["name"] or found["after"]
    value = found["value"].strip(" ,;(")
    if not re.search(rf"(?<![A-Za-z\\]){name}(?![A-Za-z])", value):
        return text, None
    return value, Condition(name, _numbers(found))


def rename_parameter(text: str, name: str, other: str) -> str:
    """Write another letter for the parameter; the text as it is where that letter is in use."""
    pattern = r"(?<![A-Za-z\\]){}(?![A-Za-z])"
    if re.search(pattern.format(other), text):
        return text
    return re.sub(pattern.format(name), other, text)


def _numbers(found: re.Match[str]) -> str:
    sign = (found["sign"] or found["before"] or "").lower()
    if found["mark"] or sign == "positive":
        return "positive"
    is_natural = (found["double"] or found["plain"] or "").upper() == "N"
    return "from zero" if is_natural or sign else "integers"
