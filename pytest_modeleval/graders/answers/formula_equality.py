"""Decides whether two formulas have the same value: rational numbers exactly, others to 120 digits.

Formulas with variables are compared at a few fixed points.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from pytest_modeleval.graders.answers.exact import NotRational, TooLarge, Undefined, Values, exact_value
from pytest_modeleval.graders.answers.expression import Node, Number, Operation, renamed, variables_of

# Two numbers of 120 digits are equal if they agree this far: rounding does not reach so high.
_AGREEMENT = 80
# Values for the variables. Squares, signs and order all matter to some identity that does not hold in general.
_POINTS: tuple[Callable[[int], Fraction], ...] = (
    lambda index: Fraction(137 + 59 * index, 101),
    lambda index: Fraction(-(211 + 83 * index), 97),
    lambda index: Fraction(41 + 7 * index, 89 + 10 * index),
)
# A decimal stands for an irrational number if it has at least this many places.
MIN_APPROXIMATION_PLACES = 6


def are_equal(first: Node, second: Node) -> bool:
    """True if both formulas have the same value, for all values of their variables.

    A decimal of at least six places equals the irrational number that it is rounded or cut from. Raises TooLarge if
    both values are too large to be worked out.
    """
    if first == second:
        return True
    names = sorted(variables_of(first) | variables_of(second))
    if not names:
        return _is_same_number(first, second, {})
    compared = 0
    for point in _POINTS:
        values = {name: point(index) for index, name in enumerate(names)}
        outcome = _compare_at(first, second, values)
        if outcome is False:
            return False
        compared += outcome is True
    return compared > 0


def with_same_constant(first: Node, second: Node) -> Node:
    """Write the constant of integration as the target has it: x^2 + c is x^2 + C."""
    here, there = variables_of(first), variables_of(second)
    for name, other in (("C", "c"), ("c", "C")):
        if here - there == {name} and there - here == {other}:
            return renamed(second, other, name)
    return second


def is_below(first: Node, second: Node) -> bool:
    """True if both formulas are real numbers, or infinite, and the first is the smaller one."""
    if variables_of(first) or variables_of(second):
        return False
    try:
        low, high = _decimal(first, {}), _decimal(second, {})
    except (TooLarge, Undefined, ArithmeticError, ValueError):
        return False
    return low.imag == 0 and high.imag == 0 and bool(low.real < high.real)


def is_proportional(first: Node, second: Node, *, only_positive: bool = False) -> bool:
    """True if one formula is the other times a constant other than 0: 2x - 4 and x - 2."""
    names = sorted(variables_of(first) | variables_of(second))
    ratios = []
    try:
        for point in _POINTS:
            values = {name: point(index) for index, name in enumerate(names)}
            above, below = _decimal(first, values), _decimal(second, values)
            if _is_zero(above) or _is_zero(below):
                return _is_zero(above) and _is_zero(below)
            ratios.append(above / below)
    except (TooLarge, Undefined):
        return False
    if only_positive and not (abs(ratios[0].imag) < 1e-60 and ratios[0].real > 0):
        return False
    return all(_agree(ratio, ratios[0]) for ratio in ratios)


def _compare_at(first: Node, second: Node, values: Values) -> bool | None:
    """Compare at one point; None if neither formula has a value there."""
    try:
        return _is_same_number(first, second, values)
    except Undefined:
        pass
    for node in (first, second):
        try:
            _decimal(node, values)
        except Undefined:
            continue
        except TooLarge:
            return False
        return False
    return None


def _exact_values(first: Node, second: Node, values: Values) -> list[Fraction | None]:
    """Return the exact values, None for one that is not rational, without one that is too large.

    Raises TooLarge if both are.
    """
    found: list[Fraction | None] = []
    for node in (first, second):
        try:
            found.append(exact_value(node, values))
        except NotRational:
            found.append(None)
        except TooLarge:
            continue
    if not found:
        raise TooLarge
    return found


def _is_same_number(first: Node, second: Node, values: Values) -> bool:
    exact = _exact_values(first, second, values)
    if len(exact) < 2:
        # One is too large and the other is not.
        return False
    if None not in exact:
        return exact[0] == exact[1]
    try:
        decimals = [_decimal(node, values) for node in (first, second)]
    except TooLarge:
        return _is_same_size(first, second, values)
    if _agree(*decimals) or (_is_zero_of(first, values, decimals[0]) and _is_zero_of(second, values, decimals[1])):
        return True
    return any(_is_rounded(node, other) for node, other in ((first, decimals[1]), (second, decimals[0])))


def _is_same_size(first: Node, second: Node, values: Values) -> bool:
    """Decide where one value at least is too large: two of them are not compared."""
    for node in (first, second):
        try:
            _decimal(node, values)
        except TooLarge:
            continue
        return False
    raise TooLarge


def _is_rounded(node: Node, value: Any) -> bool:
    """True if the node is a decimal that the value is rounded or cut to."""
    sign = 1
    if isinstance(node, Operation) and node.name == "negative":
        node, sign = node.arguments[0], -1
    if not isinstance(node, Number) or node.places < MIN_APPROXIMATION_PLACES:
        return False
    literal = sign * _decimal(Number(node.value), {})
    unit = _mp().mpf(10) ** -node.places
    difference = abs(value - literal)
    is_rounded = difference <= unit / 2
    is_cut = difference < unit and abs(literal) <= abs(value)
    return bool(is_rounded or is_cut)


def _is_zero_of(node: Node, values: Values, value: Any) -> bool:
    """True if the value is 0: it shrinks with the precision, which a small number does not do."""
    if value == 0:
        return True
    mp = _mp()
    if abs(value) > mp.mpf(10) ** (-_AGREEMENT * 3 // 4):
        return False
    with mp.workdps(4 * _AGREEMENT):
        finer = _decimal(node, values)
        return bool(abs(finer) < abs(value) * mp.mpf(10) ** -_AGREEMENT)


def _is_zero(value: Any) -> bool:
    return bool(abs(value) < _mp().mpf(10) ** -_AGREEMENT)


def _agree(first: Any, second: Any) -> bool:
    mp = _mp()
    if first == second:
        return True
    if mp.isinf(first) or mp.isinf(second) or mp.isnan(first) or mp.isnan(second):
        return False
    return bool(abs(first - second) <= mp.mpf(10) ** -_AGREEMENT * max(abs(first), abs(second)))


def _decimal(node: Node, values: Values) -> Any:
    """Work out a value to 120 digits. Raises TooLarge or Undefined."""
    # Most answers are rational: only the others pay for the import of mpmath.
    from pytest_modeleval.graders.answers.decimals import decimal_value  # noqa: PLC0415

    return decimal_value(node, values)


def _mp() -> Any:
    from pytest_modeleval.graders.answers.decimals import mp  # noqa: PLC0415

    return mp
