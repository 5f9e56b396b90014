"""Compares answers that are one value: percentages, times, ratios and numerals."""

from __future__ import annotations

from fractions import Fraction

from pytest_modeleval.graders.answers.expression import Node, Number, Operation
from pytest_modeleval.graders.answers.formula_equality import are_equal
from pytest_modeleval.graders.answers.values import ClockTime, Formula, Numeral, Percent, Ratio

_HALF_DAY = 12 * 3600


def scaled_by(node: Node, factor: Fraction) -> Node:
    """Multiply a formula by a number."""
    return node if factor == 1 else Operation("*", (node, Number(factor)))


def compare_percents(target: Percent, answer: Percent) -> bool:
    """Compare two percentages."""
    return are_equal(target.node, answer.node)


def compare_percent_formula(percent: Percent, number: Formula) -> bool:
    """50% is 50 of a hundred: equal to 0.5, and to 50 where the question asks for per cent."""
    if number.unit is not None and number.unit.scale != 1:
        return False
    return are_equal(percent.node, number.node) or are_equal(scaled_by(percent.node, Fraction(1, 100)), number.node)


def compare_times(target: ClockTime, answer: ClockTime) -> bool:
    """Compare times of day; without AM or PM a time may be either."""
    if target.meridiem and answer.meridiem:
        return _since_midnight(target) == _since_midnight(answer)
    if target.meridiem or answer.meridiem:
        marked, plain = (target, answer) if target.meridiem else (answer, target)
        if plain.seconds >= 13 * 3600 or plain.seconds < 3600:
            return _since_midnight(marked) == plain.seconds
        return marked.seconds == plain.seconds
    return target.seconds == answer.seconds


def _since_midnight(time: ClockTime) -> int:
    return time.seconds % _HALF_DAY + (_HALF_DAY if time.meridiem == "pm" else 0)


def compare_ratios(target: Ratio, answer: Ratio) -> bool:
    """Compare ratios: 3:4 equals 6:8."""
    if len(target.parts) != len(answer.parts):
        return False
    first, second = target.parts[0], answer.parts[0]
    return all(
        are_equal(Operation("*", (mine, second)), Operation("*", (first, other)))
        for mine, other in zip(target.parts[1:], answer.parts[1:], strict=True)
    )


def compare_ratio_formula(ratio: Ratio, number: Formula) -> bool:
    """Compare 3:4 with 3/4."""
    is_whole = isinstance(number.node, Number) and number.node.value.denominator == 1
    return len(ratio.parts) == 2 and not is_whole and are_equal(Operation("/", ratio.parts), number.node)


def compare_numeral_formula(numeral: Numeral, number: Formula) -> bool:
    """The question names the base, so the digits alone are the answer."""
    return (
        isinstance(number.node, Number)
        and number.unit is None
        and number.node.places == 0
        and str(number.node.value) == numeral.digits
    )
