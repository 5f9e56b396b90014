"""Equal forms of an answer are equal, a changed value never is: each kind of docs/answers.md."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from pytest_modeleval.graders.answers import compare_answers
from pytest_modeleval.graders.answers.exact import TooLarge, Undefined, exact_value
from pytest_modeleval.graders.answers.expression import Node, Number, Operation, Variable, variables_of
from pytest_modeleval.graders.answers.formula_equality import are_equal

Form = Callable[[Fraction], str]


def _sign(value: Fraction) -> str:
    return "-" if value < 0 else ""


def _mixed(value: Fraction) -> str:
    whole, rest = divmod(abs(value.numerator), value.denominator)
    return f"{_sign(value)}{whole}\\frac{{{rest}}}{{{value.denominator}}}"


FRACTIONS: list[Form] = [
    lambda value: f"{value.numerator}/{value.denominator}",
    lambda value: f"\\frac{{{value.numerator}}}{{{value.denominator}}}",
    lambda value: f"${_sign(value)}\\dfrac{{{abs(value.numerator)}}}{{{value.denominator}}}$",
    lambda value: f"{2 * value.numerator} / {2 * value.denominator}",
    lambda value: f"\\( {value.numerator} \\div {value.denominator} \\)",
    lambda value: f"{value.numerator}⁄{value.denominator}".replace("-", "−"),
    lambda value: f"x = \\frac{{{3 * value.numerator}}}{{{3 * value.denominator}}}",
    lambda value: f"{value.numerator} \\cdot {value.denominator}^{{-1}}",
    lambda value: f"\\boxed{{{value.numerator}/{value.denominator}}}",
    lambda value: f"approximately {value.numerator}/{value.denominator} cm",
    _mixed,
]
INTEGERS: list[Form] = [
    lambda value: f"{value}",
    lambda value: f"{value.numerator:,}",
    lambda value: f"{value.numerator:,}".replace(",", "{,}"),
    lambda value: f"{value.numerator:,}".replace(",", "\\,"),
    lambda value: f"{value.numerator:,}".replace(",", "\u202f"),
    lambda value: f"{value.numerator:,}".replace(",", ",\\! "),
    lambda value: f"{value}.00",
    lambda value: f"{value}^\\circ",
    lambda value: f"The result is {value}.",
    lambda value: f"\\textbf{{{value}}}",
    lambda value: f"{{\\color{{blue}} {value}}}",
    lambda value: f"{value} \\pmod{{9999999999989}}",
    lambda value: f"{value} apples (each red)",
    lambda value: f"\\frac{{{2 * value}}}{{2}}",
    lambda value: f"\\sqrt{{{value * value}}}" if value >= 0 else f"-\\sqrt{{{value * value}}}",
]


WITH_UNITS: list[Form] = [
    *INTEGERS,
    lambda value: f"{value} km/h",
    lambda value: f"{value}元",
    lambda value: f"{value}个苹果",
    lambda value: f"{_sign(value)}${abs(value)}",
    lambda value: f"{value} rolls per day",
]


def equal(target: str, answer: str) -> bool:
    """The verdict of the comparison."""
    return compare_answers(target, answer).is_equal


@given(
    st.fractions(min_value=-500, max_value=500, max_denominator=300),
    st.fractions(min_value=-500, max_value=500, max_denominator=300),
    st.sampled_from(FRACTIONS),
    st.sampled_from(FRACTIONS),
)
def test_fractions_are_compared_exactly(first: Fraction, second: Fraction, one: Form, other: Form) -> None:
    """A fraction equals itself in any form, and no other fraction in any form."""
    assert equal(one(first), other(first))
    assert equal(one(first), other(second)) == (first == second)


@given(
    st.integers(-(10**12), 10**12),
    st.integers(-(10**12), 10**12),
    st.sampled_from(INTEGERS),
    st.sampled_from(WITH_UNITS),
)
@example(1000, 1001, INTEGERS[1], WITH_UNITS[-1])
def test_integers_are_compared_exactly(first: int, second: int, one: Form, other: Form) -> None:
    """An integer equals itself with any unit, grouping and dress, and no other integer."""
    assert equal(one(Fraction(first)), other(Fraction(first)))
    assert equal(one(Fraction(first)), other(Fraction(second))) == (first == second)


@given(st.integers(1, 400), st.integers(2, 30), st.integers(-5, 5))
def test_tiny_differences_count(power: int, base: int, shift: int) -> None:
    """Numbers that differ by a tiny fraction are different, whatever their size."""
    target = f"1+\\frac{{1}}{{{base}^{{{power}}}}}"
    other = f"1+\\frac{{1}}{{{base}^{{{power + shift}}}}}"
    assert equal(target, other) == (shift == 0)
    assert equal(f"\\frac{{\\pi}}{{{base}^{{{power}}}}}", f"\\frac{{\\pi}}{{{base}^{{{power + shift}}}}}") == (
        shift == 0
    )
    assert not equal(target, "1")


LEAVES = st.one_of(
    st.integers(0, 30).map(lambda number: Number(Fraction(number))),
    st.sampled_from("xyn").map(Variable),
)
NODES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(st.sampled_from("+*/"), inner, inner).map(lambda parts: Operation(parts[0], parts[1:])),
        st.tuples(inner, st.integers(0, 4)).map(lambda parts: Operation("^", (parts[0], Number(Fraction(parts[1]))))),
        inner.map(lambda part: Operation("negative", (part,))),
    ),
    max_leaves=8,
)
LATEX = {"*": "{} \\cdot {}", "/": "\\frac{{{}}}{{{}}}", "+": "{} + {}", "^": "{}^{{{}}}", "negative": "-{}"}
PLAIN = {"*": "{}*{}", "/": "{}/{}", "+": "{}+{}", "^": "{}**{}", "negative": "-{}"}
UNICODE = {"*": "{} × {}", "/": "{} ÷ {}", "+": "{} + {}", "^": "{}^{}", "negative": "−{}"}


def written(node: Node, style: dict[str, str]) -> str:
    """A formula as text, every part in brackets."""
    if isinstance(node, Number):
        return str(node.value)
    if isinstance(node, Variable):
        return node.name
    return style[node.name].format(*(f"({written(part, style)})" for part in node.arguments))


@settings(deadline=None)
@given(NODES, NODES, st.sampled_from([LATEX, PLAIN, UNICODE]), st.sampled_from([LATEX, PLAIN, UNICODE]))
def test_formulas_are_compared_by_value(first: Node, second: Node, one: dict[str, str], other: dict[str, str]) -> None:
    """A formula equals itself in LaTeX, plain and Unicode notation, and another formula only if their values agree."""
    values = {"x": Fraction(3, 7), "y": Fraction(-5, 11), "n": Fraction(13, 9)}
    try:
        found = [exact_value(node, values) for node in (first, second)]
    except (Undefined, TooLarge):
        assume(False)
    assert equal(written(first, one), written(first, other))
    if found[0] != found[1]:
        assert not equal(written(first, one), written(second, other))
    assert are_equal(first, second) == are_equal(second, first)
    assert variables_of(first) <= {"x", "y", "n"}


NUMBERS = st.lists(st.integers(-99, 99), min_size=2, max_size=5)


@given(NUMBERS, st.data())
def test_tuples_have_an_order_and_sets_have_none(items: list[int], data: st.DataObject) -> None:
    """Permuted values: sets and lists stay equal, tuples only if nothing moved; a changed value is never equal."""
    shuffled = data.draw(st.permutations(items))
    texts = [", ".join(map(str, values)) for values in (items, shuffled)]
    assert equal(f"({texts[0]})", f"\\left( {texts[1]} \\right)") == (items == list(shuffled))
    assert equal(f"\\{{{texts[0]}\\}}", texts[1])
    assert equal(texts[0], " and ".join(map(str, shuffled)))
    changed = ", ".join(map(str, [*items[:-1], items[-1] + 1000]))  # none of the others
    assert not equal(f"\\{{{texts[0]}\\}}", changed)
    assert not equal(f"({texts[0]})", f"({changed})")
    for value in items:
        assert not equal(str(value), texts[0]) or len(set(items)) == 1


@given(st.lists(st.lists(st.integers(-20, 20), min_size=2, max_size=3), min_size=2, max_size=3), st.data())
def test_matrices_are_compared_by_cell(rows: list[list[int]], data: st.DataObject) -> None:
    """Spaces, line breaks and the kind of bracket do not matter; a changed cell does."""
    assume(len({len(row) for row in rows}) == 1)
    kinds = st.sampled_from(["pmatrix", "bmatrix"])
    space = st.sampled_from(["", " ", "\n", "  "])

    def matrix(cells: list[list[int]]) -> str:
        kind, between, after = data.draw(kinds), data.draw(space), data.draw(space)
        lines = [f"{between}&{after}".join(map(str, row)) for row in cells]
        return f"\\begin{{{kind}}}{after}" + f"{between}\\\\{after}".join(lines) + f"\\end{{{kind}}}"

    assert equal(matrix(rows), matrix(rows))
    row, column = data.draw(st.integers(0, len(rows) - 1)), data.draw(st.integers(0, len(rows[0]) - 1))
    changed = [list(line) for line in rows]
    changed[row][column] += 1
    assert not equal(matrix(rows), matrix(changed))


@given(st.integers(-50, 50), st.integers(1, 50), st.booleans(), st.booleans())
def test_intervals_and_inequalities(low: int, width: int, has_low: bool, has_high: bool) -> None:
    """An interval equals its inequality; another end or another bracket is different."""
    high = low + width

    def interval(left: bool, right: bool, end: int = high) -> str:
        return f"{'[' if left else '('}{low}, {end}{']' if right else ')'}"

    shown = interval(has_low, has_high)
    left, right = ("\\le" if has_low else "<"), ("\\leq" if has_high else "<")
    assert equal(shown, f"{low} {left} x {right} {high}")
    assert equal(f"x \\in {shown}", shown)
    assert not equal(shown, interval(not has_low, has_high))
    assert not equal(shown, interval(has_low, has_high, high + 1))


@given(st.integers(1, 12), st.integers(0, 59), st.sampled_from(["AM", "PM"]))
def test_times_of_day(hour: int, minute: int, meridiem: str) -> None:
    """A time equals itself without AM or PM and in 24 hours, and differs from the other half of the day."""
    shown = f"{hour}:{minute:02} {meridiem}"
    full = hour % 12 + (12 if meridiem == "PM" else 0)
    assert equal(shown, f"{hour}:{minute:02} {meridiem[0].lower()}.m.")
    assert equal(f"{hour}:{minute:02}", shown)
    assert equal(shown, f"{full:02}:{minute:02}")
    assert not equal(shown, f"{hour}:{minute:02} {'PM' if meridiem == 'AM' else 'AM'}")
    assert not equal(shown, f"{hour}:{(minute + 1) % 60:02} {meridiem}")


@pytest.mark.parametrize(
    ("target", "answer"),
    [
        *(
            ("10 cm", "10 m"),
            ("5 dollars", "5 cents"),
            ("2 hours", "2 minutes"),
            ("3 m^2", "3 m"),
            ("60 km/h", "60 m/s"),
        ),
        *(("\\sqrt{2}", "1.41421355"), ("\\pi", "3.14"), ("\\pi", "22/7"), ("x", "y"), ("e", "2.718283"), ("i", "-i")),
        *(("2^{100}", "2^{100}+1"), ("\\sin x", "\\cos x"), ("\\ln 2", "\\log 2"), ("x^2", "x^{2.0000001}")),
    ],
)
def test_similar_values_are_different(target: str, answer: str) -> None:
    """Close numbers, other units and other functions are not equal."""
    assert not equal(target, answer)
    assert not equal(answer, target)


@pytest.mark.parametrize(
    ("target", "answer"),
    [
        *(("10 cm", "100 mm"), ("2 hours", "120 minutes"), ("\\$5", "500 cents"), ("3 m^2", "3 square meters")),
        *(("36 km/h", "10 m/s"), ("1 liter", "1000 ml"), ("\\pi", "3.14159265"), ("\\pi", "3.1415926")),
        *(
            ("\\sin^2 x + \\cos^2 x", "1"),
            ("\\ln 8", "3 \\ln 2"),
            ("\\log_2 8", "3"),
            ("\\tan^{-1} 1", "\\frac{\\pi}{4}"),
        ),
        *(
            ("\\sqrt[3]{8}", "2"),
            ("\\binom{5}{2}", "10"),
            ("|{-3}|", "3"),
            ("\\lfloor 2.5 \\rfloor", "2"),
            ("i^2", "-1"),
        ),
        *(("\\frac{1}{1+\\sqrt2}", "\\sqrt2-1"), ("(1+i)^2", "2i"), ("\\sin 30^\\circ", "0.5"), ("\\cos\\pi", "-1")),
        *(("(\\sqrt2)^2 - 2", "0"), ("e^{i\\pi}", "-1"), ("2^{1/2}", "√2"), ("a_1 + a_{2}", "a_2+a_1")),
    ],
)
def test_equal_values_in_other_words(target: str, answer: str) -> None:
    """Units of one size, identities and irrational numbers."""
    assert equal(target, answer)
    assert equal(answer, target)
