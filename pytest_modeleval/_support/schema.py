"""One validator for tables read from TOML and JSON: rules in, problems out, all of them at once. Pure.

    RULES = {"port": whole_number(1, 65_535), "test": choice("confident", "point"), "gate": list_of(table(GATE))}
    for problem in validate(document, table(RULES)):
        print(problem.path, problem.message)

A message states the expected and the found value, and suggests the key that was probably meant. The caller adds where
the table stands (file, line, table name), which only the caller knows.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pytest_modeleval._support import suggest
from pytest_modeleval._support.shorten import shorten_repr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Path = tuple[str | int, ...]
_MAX_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Rule:
    """What a value must be."""

    expected: str
    """The end of "expected ...", such as "a whole number from 1 to 64"."""

    accepts: Callable[[Any], bool]
    """False for a value that is refused."""

    explain: Callable[[Any], str] | None = None
    """A hint about a refused value ("" for none), appended to the message after a semicolon."""

    fields: Mapping[str, Rule] | None = None
    """Rules of a table's keys; None if the rule is not about a table with known keys."""

    is_closed: bool = True
    """Whether a table may have only the keys in `fields`."""

    entries: Rule | None = None
    """The rule of each entry of a list, or of each value of a table without known keys."""

    is_required: bool = False
    """Whether the table that this is a field of must have it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong."""

    path: Path
    """Keys and list positions from the validated value to the one that is wrong; empty for the value itself."""

    message: str
    """The expected and the found value, without the path."""

    is_unknown_key: bool = False
    """True if the table may not have this key."""

    @property
    def key(self) -> str:
        """The last key of the path, or "" for the validated value itself."""
        return next((str(part) for part in reversed(self.path) if isinstance(part, str)), "")

    @property
    def sentence(self) -> str:
        """The path in dots and brackets, a colon and the message."""
        return f"{path_text(self.path)}: {self.message}" if self.path else self.message


def validate(value: Any, rule: Rule, path: Path = ()) -> Iterator[Problem]:
    """Everything that is wrong with a value; nothing if it follows the rule."""
    if not rule.accepts(value):
        hint = rule.explain(value) if rule.explain is not None else ""
        yield Problem(path, f"expected {rule.expected}, found {shown(value)}{'; ' if hint else ''}{hint}")
    elif isinstance(value, dict):
        yield from _validate_table(value, rule, path)
    elif isinstance(value, list) and rule.entries is not None and not _has_valid_leaves(value, rule.entries):
        for place, entry in enumerate(value):
            yield from validate(entry, rule.entries, (*path, place))


def _has_valid_leaves(value: list[Any], rule: Rule) -> bool:
    """All entries follow a rule that looks no deeper: the quick answer for lists of many thousand ids."""
    return rule.fields is None and rule.entries is None and all(map(rule.accepts, value))


def _validate_table(value: Mapping[str, Any], rule: Rule, path: Path) -> Iterator[Problem]:
    fields = rule.fields if rule.fields is not None else {}
    for key, entry in value.items():
        inner = fields.get(key, rule.entries)
        if inner is not None:
            yield from validate(entry, inner, (*path, key))
        elif rule.fields is not None and rule.is_closed:
            yield Problem((*path, key), f"unknown key; {suggest.hint(str(key), fields)}", is_unknown_key=True)
    for key, inner in fields.items():
        if inner.is_required and key not in value:
            yield Problem((*path, key), f"expected {inner.expected}, found none")


def required(rule: Rule) -> Rule:
    """The rule of a key that its table must have."""
    return replace(rule, is_required=True)


def optional(rule: Rule) -> Rule:
    """The rule of a value that may also be null."""
    return replace(
        rule, expected=f"{rule.expected} or null", accepts=lambda value: value is None or rule.accepts(value)
    )


def table(fields: Mapping[str, Rule] | None = None, *, is_closed: bool = True, entries: Rule | None = None) -> Rule:
    """A table with known keys, or one whose keys are free and whose values follow `entries`."""
    return Rule("a table", lambda value: isinstance(value, dict), fields=fields, is_closed=is_closed, entries=entries)


def list_of(rule: Rule, expected: str = "", *, least: int = 0) -> Rule:
    """A list of at least `least` entries, each of which follows the rule."""
    return Rule(
        expected or f"a list of {rule.expected.removeprefix('a ')} entries",
        lambda value: isinstance(value, list) and len(value) >= least,
        entries=rule,
    )


def whole_number(least: int, most: int) -> Rule:
    """An integer between least and most, both included."""
    return Rule(
        f"a whole number from {least:,} to {most:,}",
        lambda value: isinstance(value, int) and not isinstance(value, bool) and least <= value <= most,
    )


def number(least: float, most: float, unit: str = "", *, is_open: bool = False, is_share: bool = False) -> Rule:
    """A finite number between least and most; is_open excludes both ends.

    unit: stands after "a number" in messages, such as " of seconds". is_share: a fraction, so that a value such as 5
    is explained as a percentage.
    """

    def accepts(value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        # A whole number of hundreds of digits fits no float: math.isfinite raises OverflowError for it.
        if isinstance(value, float) and not math.isfinite(value):
            return False
        return least < value < most if is_open else least <= value <= most

    def explain(value: Any) -> str:
        is_percentage = isinstance(value, int | float) and not isinstance(value, bool) and 1 < value <= 100
        return f"{value} per cent is {value / 100:g}" if is_share and is_percentage else ""

    if math.isinf(most):
        expected = f"a number{unit} {'above' if is_open else 'of at least'} {least:g}"
    elif is_open:
        expected = f"a number{unit} strictly between {least:g} and {most:g}"
    else:
        expected = f"a number{unit} from {least:g} to {most:g}"
    return Rule(expected, accepts, explain)


def choice(*values: str) -> Rule:
    """One of some texts."""
    *first, last = (f'"{value}"' for value in values)
    expected = f"{', '.join(first)} or {last}" if first else last

    def explain(value: Any) -> str:
        found = suggest.closest(value, values) if isinstance(value, str) else None
        return f"did you mean {found!r}?" if found else ""

    return Rule(expected, lambda value: isinstance(value, str) and value in values, explain)


def matching(pattern: str | re.Pattern[str], expected: str) -> Rule:
    """A text that the whole pattern matches."""
    compiled = re.compile(pattern)
    return Rule(expected, lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None)


def is_text(value: Any) -> bool:
    """True for a text with at least one visible character."""
    return isinstance(value, str) and bool(value.strip())


def is_texts(value: Any) -> bool:
    """True for a list of such texts; it may be empty."""
    return isinstance(value, list) and all(is_text(entry) for entry in value)


TEXT = Rule("a text", is_text)
TEXTS = Rule("a list of texts", is_texts)
BOOLEAN = Rule("true or false", lambda value: isinstance(value, bool))
TABLE = table()


def path_text(path: Path) -> str:
    """A path as people write it: gate[2].alpha."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def shown(value: Any) -> str:
    """A value in a message, on one line and of bounded length."""
    return shorten_repr(value[:_MAX_SHOWN] if isinstance(value, list) else value, _MAX_SHOWN)
