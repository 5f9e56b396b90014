"""The arguments of an instruction, as a row gives them.

Official checkers draw a missing argument at random. Here it leaves the sample ungraded: a verdict on a requirement that
the prompt never stated is worth nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_modeleval.errors import Ungraded
from pytest_modeleval.records import Kind

RANDOM = "the official checker is random"
AT_LEAST, LESS_THAN = "at least", "less than"
# A text with one of these is read as a pattern by IFEval's checkers. None of its rows has one.
_PATTERN_CHARACTERS = frozenset(".^$*+?{}[]\\|()")


def ungraded(message: str, cause: str) -> Ungraded:
    """The exception for an instruction that cannot be judged."""
    return Ungraded(message, kind=Kind.GRADER_ERROR, cause=cause)


@dataclass(frozen=True, slots=True)
class Arguments:
    """Named arguments of one instruction. Its methods raise Ungraded for an argument that no verdict can rest on."""

    instruction: str
    """The id of the instruction, for messages."""
    values: Mapping[str, Any]
    """As the row has them; null is the same as absent, 0 is a value."""

    def check_names(self, expected: Sequence[str]) -> None:
        """Raise Ungraded unless exactly these arguments are given."""
        given = {name for name, value in self.values.items() if value is not None}
        if missing := [name for name in expected if name not in given]:
            raise ungraded(
                f"{self.instruction}: expected an argument {missing[0]}, found none; {RANDOM} without it",
                "missing_argument",
            )
        if unknown := sorted(given.difference(expected)):
            raise ungraded(
                f"{self.instruction}: expected the arguments {', '.join(expected) or '(none)'}, found {unknown[0]}",
                "unknown_argument",
            )

    def whole(self, name: str, *, low: int = 0) -> int:
        """A whole number of at least `low`; data that went through a table has 5.0 for 5."""
        value = self.values.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self._unusable(name, "a whole number", value)
        if value != int(value):
            raise self._unusable(name, "a whole number", value)
        if value < low:
            raise ungraded(f"{self.instruction}: {RANDOM} where {name} is {value}", "random_checker")
        return int(value)

    def text(self, name: str) -> str:
        """A text that is not blank."""
        value = self.values.get(name)
        if not isinstance(value, str) or not value.strip():
            raise self._unusable(name, "a text", value)
        return value

    def literal(self, name: str) -> str:
        """A text without characters that would make it a pattern, and without white space around it."""
        return self._literal(name, self.text(name).strip())

    def literals(self, name: str) -> list[str]:
        """A list of such texts, at least one."""
        value = self.values.get(name)
        if not isinstance(value, list | tuple) or not value or not all(isinstance(text, str) for text in value):
            raise self._unusable(name, "a list of texts", value)
        return [self._literal(name, text) for text in value]

    def relation(self, name: str) -> str:
        """One of "at least" and "less than"."""
        value = self.values.get(name)
        if value not in (AT_LEAST, LESS_THAN):
            raise self._unusable(name, f"{AT_LEAST!r} or {LESS_THAN!r}", value)
        return str(value)

    def holds(self, count: int, relation: str, threshold: str) -> bool:
        """Whether `count` stands in the relation of argument `relation` to the number of argument `threshold`."""
        number = self.whole(threshold)
        return count < number if self.relation(relation) == LESS_THAN else count >= number

    def _literal(self, name: str, value: str) -> str:
        if not value.strip() or not _PATTERN_CHARACTERS.isdisjoint(value):
            raise self._unusable(name, "a text without characters of a regular expression", value)
        return value

    def _unusable(self, name: str, expected: str, found: object) -> Ungraded:
        return ungraded(
            f"{self.instruction}: expected {expected} in argument {name}, found {found!r:.80}", "unusable_argument"
        )


def count_literal(literal: str, text: str) -> int:
    """Occurrences of a literal, also inside of words; case does not matter."""
    return len(re.findall(re.escape(literal), text, flags=re.IGNORECASE))


def count_as_word(literal: str, text: str) -> int:
    """Occurrences of a literal that are no part of a longer word; case does not matter."""
    return len(re.findall(rf"(?<!\w){re.escape(literal)}(?!\w)", text, flags=re.IGNORECASE))


def has_between_boundaries(literal: str, text: str) -> bool:
    """Whether the literal occurs between two word boundaries; case does not matter."""
    return re.search(rf"\b{re.escape(literal)}\b", text, flags=re.IGNORECASE) is not None
