"""The nouns of function calling: a call, its language, how many calls a question wants, and a mismatch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pytest_modeleval._support.shorten import shorten_repr


class Language(StrEnum):
    """In which language the offered functions are written, and hence how argument values are read."""

    PYTHON = "python"
    JAVA = "java"
    JAVASCRIPT = "javascript"


class Wanted(StrEnum):
    """Which calls a question asks for.

    ONE: exactly one call of the only function. CHOICE: exactly one call, of one among several functions.
    SEVERAL: several calls in any order. NONE: no call at all. ANY: at least one call, whichever.
    """

    ONE = "one"
    CHOICE = "choice"
    SEVERAL = "several"
    NONE = "none"
    ANY = "any"

    @property
    def has_answers(self) -> bool:
        """True if the data lists accepted calls."""
        return self not in (Wanted.NONE, Wanted.ANY)


@dataclass(frozen=True, slots=True)
class Call:
    """One function call as decoded from a reply. arguments: parameter name to value; nothing was evaluated."""

    name: str
    arguments: Mapping[Any, Any]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Why calls are not what was asked for. cause: machine-readable; explanation: one sentence."""

    cause: str
    explanation: str


class NoCallsFound(Exception):
    """A reply cannot be read as calls. cause is machine-readable; the text is one sentence for people."""

    def __init__(self, cause: str, explanation: str) -> None:
        super().__init__(explanation)
        self.cause = cause
        self.explanation = explanation


def shown(value: object, limit: int = 120) -> str:
    """A value for an explanation, cut at `limit` characters: a model may send megabytes."""
    return shorten_repr(value, limit)
