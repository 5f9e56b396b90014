"""Types of function calling: a call, its language, the number of calls expected, and a mismatch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pytest_modeleval._support.shorten import shorten_repr


class Language(StrEnum):
    """The language of the offered functions, which decides how argument values are read."""

    PYTHON = "python"
    JAVA = "java"
    JAVASCRIPT = "javascript"


class Wanted(StrEnum):
    """The calls that a question asks for."""

    ONE = "one"
    """Exactly one call of the only function."""
    CHOICE = "choice"
    """Exactly one call of one of several functions."""
    SEVERAL = "several"
    """Several calls in any order."""
    NONE = "none"
    """No call."""
    ANY = "any"
    """At least one call of any function."""

    @property
    def has_answers(self) -> bool:
        """True if the data lists accepted calls."""
        return self not in (Wanted.NONE, Wanted.ANY)


@dataclass(frozen=True, slots=True)
class Call:
    """One function call decoded from a reply."""

    name: str
    arguments: Mapping[Any, Any]
    """Parameter name -> value as read; nothing was evaluated."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The first difference between the calls and the accepted ones."""

    cause: str
    """Machine-readable."""
    explanation: str
    """One sentence for people."""


class NoCallsFound(Exception):
    """A reply cannot be read as calls. cause is machine-readable; the text is one sentence for people."""

    def __init__(self, cause: str, explanation: str) -> None:
        super().__init__(explanation)
        self.cause = cause
        self.explanation = explanation


def shown(value: object, limit: int = 120) -> str:
    """A value for an explanation, cut at `limit` characters: a model may send megabytes."""
    return shorten_repr(value, limit)
