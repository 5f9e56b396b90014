"""The kinds of final answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from pytest_modeleval.graders.answers.expression import Node
from pytest_modeleval.graders.answers.units import Unit


@dataclass(frozen=True, slots=True)
class Formula:
    """A number or an algebraic expression."""

    node: Node
    unit: Unit | None = None


@dataclass(frozen=True, slots=True)
class Percent:
    """A number with a per cent sign or word."""

    node: Node


@dataclass(frozen=True, slots=True)
class ClockTime:
    """A time of day, 8:30 or 8:30 PM; also a duration or score written so."""

    seconds: int
    """Since midnight, from the digits alone."""
    meridiem: str = ""
    """"am", "pm" or "" if absent."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """Two or more numbers with colons: 3:4."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Numeral:
    """Digits in a stated base: 2516_8."""

    digits: str
    base: int


@dataclass(frozen=True, slots=True)
class Tuple:
    """Values in order: (1, 2), a vector."""

    items: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Collection:
    """Values without order: a set, or a list such as "3 and 5"."""

    items: tuple[Value, ...]
    is_set: bool = False
    """True if repeated values count once."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval; a round bracket excludes its end."""

    low: Node
    high: Node
    has_low: bool
    has_high: bool


@dataclass(frozen=True, slots=True)
class Matrix:
    """Rows of cells."""

    rows: tuple[tuple[Value, ...], ...]


@dataclass(frozen=True, slots=True)
class Relation:
    """Formulas connected by =, <, <= or !=. Relations with > are turned round."""

    sides: tuple[Node, ...]
    signs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Named:
    r"""A value with a name: x = 5, \theta = 30^\circ, x \in [1, 2]."""

    name: str
    value: Value


@dataclass(frozen=True, slots=True)
class Text:
    """Words, or what no other kind describes. Compared as notation.canonical_text."""

    content: str


Value: TypeAlias = (
    Formula | Percent | ClockTime | Ratio | Numeral | Tuple | Collection | Interval | Matrix | Relation | Named | Text
)
