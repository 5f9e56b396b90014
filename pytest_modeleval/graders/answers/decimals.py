"""Works out formulas to 120 digits with mpmath, with bounds on the size of every intermediate value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from mpmath import MPContext

from pytest_modeleval.graders.answers.exact import TooLarge, Undefined, Values
from pytest_modeleval.graders.answers.expression import Node, Number, Variable

DIGITS = 120
MAX_EXPONENT = 10**6
# A context of its own: no other precision changes.
mp: Any = MPContext()
mp.dps = DIGITS


def decimal_value(node: Node, values: Values) -> Any:
    """Work out a value to 120 digits. Raises TooLarge or Undefined."""
    if isinstance(node, Number):
        return to_decimal(node.value)
    if isinstance(node, Variable):
        return to_decimal(values[node.name])
    arguments = [decimal_value(argument, values) for argument in node.arguments]
    try:
        result = _decimal_step(node.name, arguments)
    except (ZeroDivisionError, ValueError, OverflowError, KeyError):
        # mpmath raises ValueError at poles.
        raise Undefined from None
    if mp.isnan(result):
        raise Undefined
    if not mp.isinf(result) and result != 0 and abs(mp.mag(result)) > 4 * MAX_EXPONENT:
        raise TooLarge
    return result


def _decimal_step(name: str, arguments: list[Any]) -> Any:
    if name == "^":
        return _decimal_power(*arguments)
    if (
        name in ("!", "exp", "sinh", "cosh", "sin", "cos", "tan", "cot", "sec", "csc")
        and abs(arguments[0]) > MAX_EXPONENT
    ):
        raise TooLarge
    if name == "binomial" and max(abs(argument) for argument in arguments) > MAX_EXPONENT:
        raise TooLarge
    return _FUNCTIONS[name](*arguments)


def _decimal_power(base: Any, exponent: Any) -> Any:
    if base == 0:
        if mp.re(exponent) > 0:
            return mp.mpf(0)
        if exponent == 0:
            return mp.mpf(1)
        raise Undefined
    if mp.isinf(base) or mp.isinf(exponent):
        raise Undefined
    if abs(exponent) * (abs(mp.mag(base)) + 1) > 4 * MAX_EXPONENT and abs(base) != 1:
        raise TooLarge
    return mp.power(base, exponent)


def to_decimal(value: Fraction) -> Any:
    """Return a fraction to 120 digits."""
    return mp.mpf(value.numerator) / value.denominator


_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "+": lambda a, b: a + b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "negative": lambda a: -a,
    "abs": abs,
    "sqrt": mp.sqrt,
    "!": mp.factorial,
    "binomial": mp.binomial,
    "floor": mp.floor,
    "ceiling": mp.ceil,
    "degree": lambda a: a * mp.pi / 180,
    "pi": lambda: +mp.pi,
    "e": lambda: +mp.e,
    "i": lambda: mp.mpc(0, 1),
    "infinity": lambda: mp.inf,
    "ln": mp.log,
    "log": mp.log10,
    "exp": mp.exp,
    "arcsin": mp.asin,
    "arccos": mp.acos,
    "arctan": mp.atan,
    **{name: getattr(mp, name) for name in ("sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh")},
}
