"""Reads two answers by what the other one and the question say: intervals, decimal commas, named values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import TypeAlias

from pytest_modeleval.graders.answers.expression import Number, Operation
from pytest_modeleval.graders.answers.formula_equality import is_below
from pytest_modeleval.graders.answers.values import ClockTime, Collection, Formula, Interval, Named, Tuple, Value

_Readings: TypeAlias = Sequence[Value]
# Questions whose answer (1, 2) is no interval.
_ASKS_FOR_PAIR = re.compile(
    r"\b(?:points?|coordinates?|ordered pairs?|pairs?|vectors?|vert(?:ex|ices)|matri(?:x|ces)|intersect\w*|midpoint)\b"
    r"|坐标|点|向量|矩阵|数对",
    re.IGNORECASE,
)
_DECIMAL_COMMA = re.compile(r"(-?)(\d{1,3}(?:\.\d{3})+|\d+),(\d{1,2})\Z")


def leave_out(targets: _Readings, answers: _Readings, question: str) -> tuple[_Readings, _Readings]:
    """Return the readings of target and answer that are compared."""
    if isinstance(targets[0], ClockTime) and isinstance(answers[0], ClockTime):
        # 1:20 and 2:40 are the same ratio, but not the same time.
        return targets[:1], answers[:1]
    if isinstance(targets[0], Formula) and isinstance(answers[0], Formula):
        # Both are numbers: that their thousands could be lists as well does not matter.
        return _without(targets, Collection, Tuple, Interval), _without(answers, Collection, Tuple, Interval)
    if _is_interval(targets) and _is_interval(answers) and not _ASKS_FOR_PAIR.search(question):
        # As pairs (1, 2) and [1, 2] are equal, as intervals they are not.
        return _without(targets, Tuple), _without(answers, Tuple)
    return targets, answers


def with_decimal_comma(targets: _Readings, answers: _Readings, answer: str) -> _Readings:
    """Add the reading of 2,5 as 2.5 where the target is one number with decimals: there the comma separates no list."""
    found = _DECIMAL_COMMA.match(answer)
    target = targets[0]
    node = target.node if isinstance(target, Formula) else None
    if isinstance(node, Operation) and node.name == "negative":
        node = node.arguments[0]
    if found is None or not isinstance(node, Number) or not node.places:
        return answers
    number = Number(Fraction(f"{found[2].replace('.', '')}.{found[3]}"), len(found[3]))
    return (*answers, Formula(Operation("negative", (number,)) if found[1] else number))


def in_order_of_names(items: Sequence[Value]) -> Sequence[Value]:
    """Return values named by letters that follow each other in the alphabet in that order; others as they are."""
    named = {item.name: item for item in items if isinstance(item, Named) and len(item.name) == 1}
    letters = sorted(named)
    follow = all(ord(after) - ord(letter) == 1 for letter, after in pairwise(letters))
    return [named[letter] for letter in letters] if follow and len(named) == len(items) else items


def _is_interval(readings: _Readings) -> bool:
    """True if a reading is an interval whose lower end is the smaller one."""
    found = next((value for value in readings if isinstance(value, Interval)), None)
    return found is not None and is_below(found.low, found.high)


def _without(readings: _Readings, *kinds: type) -> _Readings:
    return tuple(value for value in readings if not isinstance(value, kinds))
