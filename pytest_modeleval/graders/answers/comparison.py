"""Decides whether two final answers are equal."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

from pytest_modeleval.graders.answers.ambiguity import in_order_of_names, leave_out, with_decimal_comma
from pytest_modeleval.graders.answers.conditions import rename_parameter, split_condition
from pytest_modeleval.graders.answers.exact import TooLarge, Undefined
from pytest_modeleval.graders.answers.expression import Node, Operation, Variable, variables_of
from pytest_modeleval.graders.answers.formula_equality import are_equal, is_proportional, with_same_constant
from pytest_modeleval.graders.answers.notation import canonical_text, normalise_notation
from pytest_modeleval.graders.answers.reading import has_foreign_command, read_answer
from pytest_modeleval.graders.answers.scalars import (
    compare_numeral_formula,
    compare_percent_formula,
    compare_percents,
    compare_ratio_formula,
    compare_ratios,
    compare_times,
    scaled_by,
)
from pytest_modeleval.graders.answers.units import Unit, are_other_currencies
from pytest_modeleval.graders.answers.values import (
    ClockTime,
    Collection,
    Formula,
    Interval,
    Matrix,
    Named,
    Numeral,
    Percent,
    Ratio,
    Relation,
    Text,
    Tuple,
    Value,
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The outcome of a comparison."""

    is_equal: bool
    remark: str = ""
    """Why the answer counts as not equal although nothing showed a difference; "" otherwise."""
    needs_algebra: bool = False
    """True if the grammar does not cover one of the answers, so that computer algebra may know more."""


def compare_answers(target: str, answer: str, *, question: str = "") -> Comparison:
    """Compare two answers as written.

    question: the question's text; "7 dozen" equals 7 if the question asks for dozens.
    """
    target, answer = normalise_notation(target), normalise_notation(answer)
    if canonical_text(target) == canonical_text(answer):
        return Comparison(True)
    target, answer = _without_conditions(target, answer)
    expected = read_answer(target)
    found = with_decimal_comma(expected, read_answer(answer), answer)
    targets, answers = leave_out(expected, found, question)
    is_equal, remark = _compare_readings(targets, answers, question)
    if is_equal:
        return Comparison(True)
    needs_algebra = (isinstance(targets[0], Text) and has_foreign_command(target)) or (
        isinstance(answers[0], Text) and has_foreign_command(answer)
    )
    return Comparison(False, remark, needs_algebra)


def _compare_readings(targets: Sequence[Value], answers: Sequence[Value], question: str) -> tuple[bool, str]:
    """Return True if a reading of the target equals one of the answer; and why the last comparison failed, or ""."""
    remark = ""
    for expected, found in product(targets, answers):
        try:
            if _is_equal(expected, found) or _is_equal_in_unit(expected, found, question):
                return True, ""
        except TooLarge:
            remark = "both are too large to be worked out"
        except (Undefined, ArithmeticError, ValueError, RecursionError, MemoryError) as error:
            # No answer ends a run. The mark says that the comparison failed.
            remark = f"they could not be compared ({type(error).__name__})"
    return False, remark


def _without_conditions(target: str, answer: str) -> tuple[str, str]:
    r"""Return k\pi of k\pi, k \in \mathbb{Z}, unless the other one has another condition.

    The answer's parameter has the target's name then.
    """
    expected, condition = split_condition(target)
    found, said = split_condition(answer)
    if condition is not None and said is not None:
        if condition.numbers != said.numbers:
            return target, answer
        found = rename_parameter(found, said.name, condition.name)
    return expected, found


def _is_equal(target: Value, answer: Value) -> bool:
    """Compare two readings. Raises TooLarge."""
    if target == answer:
        return not isinstance(target, Formula) or not isinstance(answer, Formula) or target.unit == answer.unit
    if isinstance(target, Named) or isinstance(answer, Named):
        return _is_equal_named(target, answer)
    compare = _COMPARISONS.get((type(target), type(answer)))
    if compare is not None:
        return compare(target, answer)
    compare = _COMPARISONS.get((type(answer), type(target)))
    return compare(answer, target) if compare is not None else False


def _is_equal_named(target: Value, answer: Value) -> bool:
    if isinstance(target, Named) and isinstance(answer, Named):
        if target.name.casefold() == answer.name.casefold() or _are_function_names(target.name, answer.name):
            return _is_equal(target.value, answer.value)
        return _is_equation(target) and _is_equation(answer) and _is_same_equation(target, answer)
    if isinstance(target, Named):
        if isinstance(answer, Relation):
            return _is_same_equation(target, answer)
        return _is_equal(target.value, answer)
    assert isinstance(answer, Named)
    if isinstance(target, Relation):
        return _is_same_equation(target, answer)
    return _is_equal(target, answer.value)


def _are_function_names(first: str, second: str) -> bool:
    """True for f(x) and y."""
    names = sorted((first, second), key=len)
    return names[0] == "y" and re.fullmatch(r"[A-Za-z]\(x\)", names[1]) is not None


def _is_equation(value: Value) -> bool:
    """True for y = 2x + 3; false for x = 5, whose name is only the name of the unknown."""
    return isinstance(value, Named) and isinstance(value.value, Formula) and bool(variables_of(value.value.node))


def _is_same_equation(first: Value, second: Value) -> bool:
    differences = [_difference(value) for value in (first, second)]
    if differences[0] is None or differences[1] is None:
        return False
    return is_proportional(differences[0], differences[1])


def _difference(value: Value) -> Node | None:
    """Return left minus right side of an equation; None for anything else."""
    if isinstance(value, Relation) and value.signs == ("=",):
        return Operation("+", (value.sides[0], Operation("negative", (value.sides[1],))))
    if isinstance(value, Named) and isinstance(value.value, Formula) and len(value.name) == 1:
        return Operation("+", (Variable(value.name), Operation("negative", (value.value.node,))))
    return None


def _is_equal_in_unit(target: Value, answer: Value, question: str) -> bool:
    """Compare "7 dozen" with 7, where the question asks for dozens or no question is known."""
    if not (isinstance(target, Formula) and isinstance(answer, Formula)):
        return False
    for scaled, other in ((answer, target), (target, answer)):
        unit = scaled.unit
        if unit is None or unit.scale == 1 or (other.unit is not None and other.unit.scale != 1):
            continue
        word = unit.text.split()[0].lower().removesuffix("s")
        if (not question or word in question.lower()) and are_equal(scaled.node, other.node):
            return True
    return False


def _compare_formulas(target: Formula, answer: Formula) -> bool:
    first, second = _scaled(target), _scaled(answer)
    if target.unit and answer.unit and target.unit.dimension and answer.unit.dimension:
        if target.unit.dimension != answer.unit.dimension:
            return False
        first, second = scaled_by(first, target.unit.size), scaled_by(second, answer.unit.size)
    if target.unit and answer.unit and are_other_currencies(target.unit.text, answer.unit.text):
        return False
    second = with_same_constant(first, second)
    return not _differ_in_power(target.unit, answer.unit) and are_equal(first, second)


def _differ_in_power(first: Unit | None, second: Unit | None) -> bool:
    """True for one measure word with two exponents: units^2 and units^3."""
    if first is None or second is None or first.text.casefold() != second.text.casefold():
        return False
    return first.power != second.power


def _scaled(value: Formula) -> Node:
    return scaled_by(value.node, Fraction(value.unit.scale)) if value.unit is not None else value.node


def _in_order(target: Sequence[Value], answer: Sequence[Value]) -> bool:
    return len(target) == len(answer) and all(map(_is_equal, target, answer))


def _compare_tuples(target: Tuple, answer: Tuple) -> bool:
    return _in_order(target.items, answer.items)


def _compare_collections(target: Collection, answer: Collection) -> bool:
    """Compare without order; every value must have its equal. In sets repeated values count once."""
    mine, left = _merged(target.items), _merged(answer.items)
    if target.is_set or answer.is_set:
        mine, left = _distinct(mine), _distinct(left)
    for value in mine:
        match = next((index for index, found in enumerate(left) if _is_equal(value, found)), None)
        if match is None:
            return False
        del left[match]
    return not left


def _distinct(items: Sequence[Value]) -> list[Value]:
    found: list[Value] = []
    for item in items:
        if not any(_is_equal(item, earlier) for earlier in found):
            found.append(item)
    return found


def _merged(items: Sequence[Value]) -> list[Value]:
    r"""Return the items, with the items of collections in place of these: 3 \pm 2, 5 holds three values."""
    merged: list[Value] = []
    for item in items:
        merged += _merged(item.items) if isinstance(item, Collection) else [item]
    return merged


def _compare_collection_tuple(collection: Collection, other: Tuple) -> bool:
    """A list without brackets may be meant in the order of the tuple; x = 3, y = 4 is (3, 4) in either order."""
    return _in_order(in_order_of_names(collection.items), other.items)


def _compare_single(collection: Collection, other: Value) -> bool:
    """A set of one value equals that value."""
    items = _distinct(_merged(collection.items))
    return len(items) == 1 and _is_equal(items[0], other)


def _compare_intervals(target: Interval, answer: Interval) -> bool:
    return (
        (target.has_low, target.has_high) == (answer.has_low, answer.has_high)
        and are_equal(target.low, answer.low)
        and are_equal(target.high, answer.high)
    )


def _compare_tuple_interval(pair: Tuple, interval: Interval) -> bool:
    """Compare (1, 4) as a pair with the open interval, which is written alike."""
    if len(pair.items) != 2 or interval.has_low or interval.has_high:
        return False
    low, high = pair.items
    return (
        isinstance(low, Formula)
        and isinstance(high, Formula)
        and are_equal(low.node, interval.low)
        and are_equal(high.node, interval.high)
    )


def _compare_matrices(target: Matrix, answer: Matrix) -> bool:
    return len(target.rows) == len(answer.rows) and all(map(_in_order, target.rows, answer.rows))


def _compare_matrix_tuple(matrix: Matrix, other: Tuple) -> bool:
    """A column or row equals the vector; a matrix equals the tuple of its rows."""
    if all(len(row) == 1 for row in matrix.rows):
        return _in_order([row[0] for row in matrix.rows], other.items)
    if len(matrix.rows) == 1 and _in_order(matrix.rows[0], other.items):
        return True
    return len(matrix.rows) == len(other.items) and all(
        _in_order(row, _as_row(item)) for row, item in zip(matrix.rows, other.items, strict=True)
    )


def _as_row(item: Value) -> Sequence[Value]:
    """Return the cells of [1, 2], which is written like an interval."""
    if isinstance(item, Interval):
        return (Formula(item.low), Formula(item.high))
    return item.items if isinstance(item, Tuple) else ()


def _compare_matrix_formula(matrix: Matrix, formula: Formula) -> bool:
    r"""Compare a column of two with \binom{1}{2}, which is written like a vector."""
    node = formula.node
    if not isinstance(node, Operation) or node.name != "binomial":
        return False
    return _compare_matrices(matrix, Matrix(tuple((Formula(part),) for part in node.arguments)))


def _compare_relations(target: Relation, answer: Relation) -> bool:
    if target.signs == answer.signs:
        if all(map(are_equal, target.sides, answer.sides)):
            return True
        if len(target.signs) == 1:
            return is_proportional(
                _left_minus_right(target), _left_minus_right(answer), only_positive=target.signs[0].startswith("<")
            )
    if set(target.signs) == set(answer.signs) and set(target.signs) <= {"=", "!="}:
        return len(target.sides) == len(answer.sides) and all(map(are_equal, target.sides, reversed(answer.sides)))
    return False


def _left_minus_right(relation: Relation) -> Node:
    return Operation("+", (relation.sides[0], Operation("negative", (relation.sides[1],))))


def _compare_relation_formula(relation: Relation, number: Formula) -> bool:
    """The equation m + n = 37 equals 37: the last side of a calculation is its result."""
    is_result = set(relation.signs) == {"="} and not variables_of(relation.sides[-1])
    return is_result and are_equal(relation.sides[-1], number.node)


def _compare_texts(target: Text, answer: Text) -> bool:
    return target.content == answer.content


_COMPARISONS: dict[tuple[type, type], Callable[..., bool]] = {
    (Formula, Formula): _compare_formulas,
    (Percent, Percent): compare_percents,
    (Percent, Formula): compare_percent_formula,
    (ClockTime, ClockTime): compare_times,
    (Ratio, Ratio): compare_ratios,
    (Ratio, Formula): compare_ratio_formula,
    (Numeral, Formula): compare_numeral_formula,
    (Tuple, Tuple): _compare_tuples,
    (Collection, Collection): _compare_collections,
    (Collection, Tuple): _compare_collection_tuple,
    (Collection, Formula): _compare_single,
    (Collection, Interval): _compare_single,
    (Interval, Interval): _compare_intervals,
    (Tuple, Interval): _compare_tuple_interval,
    (Matrix, Matrix): _compare_matrices,
    (Matrix, Tuple): _compare_matrix_tuple,
    (Matrix, Formula): _compare_matrix_formula,
    (Relation, Relation): _compare_relations,
    (Relation, Formula): _compare_relation_formula,
    (Text, Text): _compare_texts,
}
