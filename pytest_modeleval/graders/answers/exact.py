"""Works out rational formulas exactly, with bounds on every step: numbers of more than 100,000 digits are not made."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import TypeAlias

from pytest_modeleval.graders.answers.expression import Node, Number, Variable

MAX_BITS = 332_000
MAX_FACTORIAL = 25_000
# All intermediate results of one formula together.
TOTAL_BITS = 1_000_000
POLYNOMIAL_BITS = 20_000

Values: TypeAlias = Mapping[str, Fraction]
"""The values of the variables by name."""


class NotRational(Exception):
    """The value is irrational, complex or infinite, or not known to be rational."""


class TooLarge(Exception):
    """The value has more digits than are worked out."""


class Undefined(Exception):
    """The formula has no value, as 1/0 has none."""


def exact_value(node: Node, values: Values) -> Fraction:
    """Work out a rational value. Raises NotRational, TooLarge or Undefined.

    Formulas with variables stay small: beyond POLYNOMIAL_BITS their value counts as not rational, since 120 digits are
    enough to compare them.
    """
    return _exact(node, values, [TOTAL_BITS])


def _exact(node: Node, values: Values, budget: list[int]) -> Fraction:
    """Work out a value. budget: one number, the bits that all intermediate results may still take."""
    if isinstance(node, Number):
        return node.value
    if isinstance(node, Variable):
        return values[node.name]
    step = _EXACT.get(node.name)
    if step is None:
        raise NotRational
    arguments = [_exact(argument, values, budget) for argument in node.arguments]
    if values and node.name in ("^", "!", "binomial") and _bits(arguments[0]) * abs(arguments[-1]) > POLYNOMIAL_BITS:
        raise NotRational
    result = step(*arguments)
    _spend(budget, _bits(result), is_polynomial=bool(values))
    return result


def _spend(budget: list[int], bits: int, *, is_polynomial: bool) -> None:
    """Take the bits of a result off the budget. Raises NotRational or TooLarge where they are too many."""
    budget[0] -= bits
    if is_polynomial and (bits > POLYNOMIAL_BITS or budget[0] < 0):
        raise NotRational
    if bits > MAX_BITS or budget[0] < 0:
        raise TooLarge


def _bits(number: Fraction) -> int:
    return max(number.numerator.bit_length(), number.denominator.bit_length())


def _exact_power(base: Fraction, exponent: Fraction) -> Fraction:
    if base == 0 and exponent < 0:
        raise Undefined
    if exponent.denominator != 1:
        return _exact_root(base, exponent)
    if base not in (0, 1, -1):
        if _bits(base) * abs(exponent) > 2 * MAX_BITS:
            raise TooLarge
    elif abs(exponent) > MAX_BITS:
        exponent = Fraction(exponent.numerator % 2)
        if base == 0:
            return base
    return base**exponent.numerator if exponent >= 0 else 1 / base**-exponent.numerator


def _exact_root(base: Fraction, exponent: Fraction) -> Fraction:
    """Work out square roots of squares; other roots are left to decimals."""
    if exponent.denominator != 2 or base < 0:
        raise NotRational
    above, below = math.isqrt(base.numerator), math.isqrt(base.denominator)
    if above * above != base.numerator or below * below != base.denominator:
        raise NotRational
    return _exact_power(Fraction(above, below), Fraction(exponent.numerator))


def _exact_quotient(above: Fraction, below: Fraction) -> Fraction:
    if below == 0:
        raise Undefined
    return above / below


def _exact_factorial(number: Fraction) -> Fraction:
    if number.denominator != 1:
        raise NotRational
    if number < 0:
        raise Undefined
    if number > MAX_FACTORIAL:
        raise TooLarge
    return Fraction(math.factorial(number.numerator))


def _exact_binomial(above: Fraction, below: Fraction) -> Fraction:
    if above.denominator != 1 or below.denominator != 1 or above < 0 or below < 0:
        raise NotRational
    smaller = max(0, min(below.numerator, above.numerator - below.numerator))
    if smaller > MAX_FACTORIAL or above.numerator.bit_length() * smaller > 2 * MAX_BITS:
        raise TooLarge
    return Fraction(math.comb(above.numerator, below.numerator))


_EXACT: Mapping[str, Callable[..., Fraction]] = {
    "+": lambda a, b: a + b,
    "*": lambda a, b: a * b,
    "/": _exact_quotient,
    "negative": lambda a: -a,
    "abs": abs,
    "^": _exact_power,
    "sqrt": lambda a: _exact_root(a, Fraction(1, 2)),
    "!": _exact_factorial,
    "binomial": _exact_binomial,
    "floor": lambda a: Fraction(math.floor(a)),
    "ceiling": lambda a: Fraction(math.ceil(a)),
}
