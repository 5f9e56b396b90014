"""Could an item of this benchmark match -k? Asked before its rows are known, so with three answers.

A word of the expression is true if it is part of a name that every item has (module, function, marker), unknown if it
could be part of an id that we do not know yet, and false otherwise. Only a benchmark for which the whole expression is
false is left alone: `-k aime25` never touches the data of another benchmark. Text that is no expression matches
nothing, so that no data is read before pytest refuses it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence, Set

from pytest_modeleval.records import ItemKey

Tribool = bool | None
_ID_ALPHABET = re.compile(r"[\d\-\[\]r]+")
# What follows the subset in an id: numbers, and the repeat; ids of the data may have an underscore there.
_AFTER_SUBSET = re.compile(r"(?:-[-\d]*(?:r\d*)?)?\]?")
_AFTER_SUBSET_OF_DATA = re.compile(r"[-_\d]*(?:r\d*)?\]?")
_TOKEN = re.compile(r"\s*(?:(?P<bracket>[()])|(?P<word>(?:[^\s()]+)))")


def may_match(expression: str, *, names: Sequence[str], could_be_in_id: Callable[[str], bool]) -> bool:
    """True unless no item can match.

    names: what every item carries. could_be_in_id: whether a word might occur in an item's own id.
    """
    if not expression.strip():
        return True
    known = [name.lower() for name in names]

    def value(word: str) -> Tribool:
        lowered = word.lower()
        if any(lowered in name for name in known):
            return True
        return None if could_be_in_id(word) else False

    try:
        result, rest = _any_of(_tokens(expression), value)
    except ValueError:
        return False
    return result is not False and not rest


def may_be_in_id(word: str, *, function: str, subset: str, groups: Set[str], has_own_ids: bool) -> bool:
    """Whether a word of -k may be part of an item's id in this subset, before its rows are known.

    has_own_ids: the data gives the ids; else they are the subset's name, "-" and numbers.
    """
    lowered, own = word.lower(), subset.lower()
    return (
        bool(_ID_ALPHABET.fullmatch(lowered))
        or lowered in f"{function}[{own}-".lower()
        or _is_around(lowered, own, f"{function}[".lower(), _AFTER_SUBSET_OF_DATA if has_own_ids else _AFTER_SUBSET)
        or lowered in groups
    )


def _is_around(word: str, subset: str, start: str, follows: re.Pattern[str]) -> bool:
    """Whether a word holds the subset, and around it only what an id has: the end of `start`, and what `follows`.

    A name such as "test" stands in many words that are no ids.
    """
    before, found, after = word.partition(subset)
    return bool(found) and start.endswith(before) and bool(follows.fullmatch(after))


def words(expression: str) -> set[str]:
    """The words of an expression, without operators."""
    try:
        return {token for token in _tokens(expression) if token not in ("(", ")", "and", "or", "not")}
    except ValueError:
        return set()


def keyword_notes(expression: str, selected: Iterable[ItemKey]) -> list[str]:
    """A note for each word of -k that is the name of a selected subset, and a part of the name of another."""
    subsets: dict[str, set[str]] = {}
    for key in selected:
        subsets.setdefault(key.benchmark, set()).add(key.subset)
    notes = (_note(word, *entry) for entry in sorted(subsets.items()) for word in sorted(words(expression)))
    return [note for note in notes if note]


def _note(word: str, benchmark: str, names: Set[str]) -> str:
    exact = [name for name in names if name.lower() == word.lower()]
    others = sorted(name for name in names if word.lower() in name.lower() and name not in exact)
    if not exact or not others:
        return ""
    return (
        f"note: -k {word} also selects {', '.join(others)} of {benchmark}, whose names hold it; for exactly one "
        f"subset: --eval-subset={benchmark}={exact[0]}"
    )


def _tokens(expression: str) -> list[str]:
    tokens, position, text = [], 0, expression.strip()
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise ValueError(text)
        tokens.append(found.group("bracket") or found.group("word"))
        position = found.end()
        while position < len(text) and text[position].isspace():
            position += 1
    return tokens


def _any_of(tokens: list[str], value: Callable[[str], Tribool]) -> tuple[Tribool, list[str]]:
    result, rest = _all_of(tokens, value)
    while rest and rest[0] == "or":
        right, rest = _all_of(rest[1:], value)
        result = _first_of((True, None, False), result, right)
    return result, rest


def _all_of(tokens: list[str], value: Callable[[str], Tribool]) -> tuple[Tribool, list[str]]:
    result, rest = _not(tokens, value)
    while rest and rest[0] == "and":
        right, rest = _not(rest[1:], value)
        result = _first_of((False, None, True), result, right)
    return result, rest


def _first_of(order: Sequence[Tribool], *values: Tribool) -> Tribool:
    """The value that comes first in the order: three-valued `or` is True, unknown, False; `and` the reverse."""
    return min(values, key=order.index)


def _not(tokens: list[str], value: Callable[[str], Tribool]) -> tuple[Tribool, list[str]]:
    if not tokens:
        raise ValueError("the expression ends too early")
    head, rest = tokens[0], tokens[1:]
    if head == "not":
        inner, rest = _not(rest, value)
        return (None if inner is None else not inner), rest
    if head == "(":
        inner, rest = _any_of(rest, value)
        if not rest or rest[0] != ")":
            raise ValueError("a bracket is not closed")
        return inner, rest[1:]
    if head in (")", "and", "or"):
        raise ValueError(head)
    return value(head), rest
