"""Properties of the grader of mathematical answers; math-verify itself is in test_symbolic.py."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_modeleval.errors import Ungraded
from pytest_modeleval.graders import grade_math, math
from pytest_modeleval.graders.math import last_boxed
from pytest_modeleval.graders.numbers import parse_number
from pytest_modeleval.records import Kind, Response, Sample


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """math-verify replaced by a record of what it would have been asked."""
    questions: list[tuple[str, str]] = []

    def ask(target: str, answer: str) -> bool:
        questions.append((target, answer))
        return False

    monkeypatch.setattr(math, "is_equal", ask)
    return questions


FORMS = [
    *("\\boxed{{{}}}", "ANSWER: {}", "**ANSWER: {}**", "答案：{}", "\\boxed{{\\text{{{}}}}}", "\\[\\boxed{{{}}}\\]"),
    *(
        "ANSWER: ${}$",
        "ANSWER: {} apples",
        "ANSWER: {}.",
        "\\boxed{{x = {}}}",
        "ANSWER: \\({}\\)",
        "\\boxed{{{} \\text{{ cm}}}}",
    ),
]


@given(st.integers(-(10**9), 10**9), st.integers(-(10**9), 10**9), st.sampled_from(FORMS), st.text(max_size=80))
def test_integers_grade_by_value_alone(target: Any, said: Any, form: str, prose: str) -> None:
    """In every asked form, with commas or with .0, an integer is right exactly if it is the target."""
    before = prose.replace("\\", "/")
    for shown in (f"{said}", f"{said:,}", f"{said}.0"):
        for value in (target, said):
            grade = grade_math(Sample(target=str(value)), Response(text=f"{before}\n{form.format(shown)}"))
            assert grade.kind is (Kind.RIGHT if value == said else Kind.WRONG), grade


@given(st.fractions(max_denominator=500, min_value=-1000, max_value=1000))
def test_fractions_are_read_exactly(value: Fraction) -> None:
    """a/b, LaTeX fractions and mixed numbers have their exact value."""
    above, below = abs(value.numerator), value.denominator
    sign = "-" if value < 0 else ""
    whole, rest = divmod(above, below)
    shown = [f"{sign}{above}/{below}", f"{sign}\\frac{{{above}}}{{{below}}}", f"{sign}\\dfrac{{{above}}}{{{below}}}"]
    shown += [
        f"{sign}{whole} {rest}/{below}",
        f"{sign}{whole}\\frac{{{rest}}}{{{below}}}",
        f"$ {sign}{above} / {below} $",
    ]
    assert {parse_number(text) for text in shown} == {value}


@given(st.decimals(min_value=-(10**6), max_value=10**6, places=3))
def test_decimals_are_read_exactly(value: Decimal) -> None:
    """Decimals, with thousands commas or without, have their exact value."""
    assert parse_number(f"{value:f}") == parse_number(f"{value:,f}") == Fraction(value)


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", "-", "5x", "x", "2 pi", "2\\pi", "1,23", "12,34,567", "10 or 12", "5²", "2^5", "1e9", "1/0", "3+4"),
        *("\\frac{1}{0}", "3 squared", "1/2/3", "٣", "5 - 3", "--5", "1.2.3", "\\sqrt{4}", "3!", "9" * 200, "10_2"),
        *("about 5", "5 is less than 6"),
    ],
)
def test_what_is_no_number(text: str) -> None:
    """Anything with an operator, a second number or a variable is left to algebra."""
    assert parse_number(text) is None


@given(st.one_of(st.text(), st.text(alphabet="\\boxed{} ANSWER:：答案\n$(),./0123frac^-", max_size=60)))
@example("\\boxed{" * 200)
@example("\\boxed{1}" * 100 + "\\boxed{")
def test_never_raises(text: str) -> None:
    """Whatever the text: right, wrong or no answer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(math, "is_equal", lambda target, answer: False)
        grade = grade_math(Sample(target="7"), Response(text=text))
    assert (grade.answer is None) == (grade.kind is Kind.NO_ANSWER)


NESTED = st.recursive(
    st.text(alphabet="abc+ ", min_size=1, max_size=5),
    lambda inner: st.lists(inner, max_size=3).map(lambda parts: "{" + "x".join(parts) + "}"),
    max_leaves=12,
)


@given(NESTED)
def test_boxes_are_read_to_their_own_brace(content: str) -> None:
    """The content of a box is what stands between its brace and the one that matches."""
    found, is_unclosed = last_boxed(f"\\boxed{{one}} then \\boxed{{z{content}}} and }} more")
    assert (found, is_unclosed) == (f"z{content}".strip(), False)


@pytest.mark.parametrize("unit", ["\\boxed{", "\\boxed{1}", "{", "ANSWER:", "\\boxed{}", "\\"])
def test_hostile_megabytes_end(unit: str, asked: Any) -> None:
    """A megabyte of boxes is read without running away."""
    text = unit * (1_000_000 // len(unit))
    grade = grade_math(Sample(target="7"), Response(text=text))
    assert grade.kind in (Kind.NO_ANSWER, Kind.WRONG)
    assert grade_math(Sample(target="7"), Response(text=text + "} \\boxed{7}")).kind is Kind.RIGHT


def test_numbers_never_reach_math_verify(asked: Any) -> None:
    """Two numbers are settled without it, and so are equal texts; the rest is asked, stripped to bare LaTeX."""
    for target, text in (
        ("70", "\\boxed{71}"),
        ("3/4", "ANSWER: 0.75"),
        ("\\frac{\\pi}{2}", "\\boxed{\\dfrac{\\pi}{2}}"),
    ):
        grade_math(Sample(target=target), Response(text=text))
    assert asked == []
    assert grade_math(Sample(target="$x + 1$"), Response(text="ANSWER: $1 + x$.")).kind is Kind.WRONG
    assert asked == [("x + 1", "1 + x")]


def test_any_of_several_targets(asked: Any) -> None:
    """A list of targets: one match is enough."""
    sample = Sample(target=["1/2", "2"])
    assert grade_math(sample, Response(text="ANSWER: 2")).kind is Kind.RIGHT
    assert grade_math(sample, Response(text="ANSWER: 3")).kind is Kind.WRONG


def test_a_failing_comparison_is_no_wrong_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """What math-verify cannot decide goes up as an exception, never as 0."""

    def fail(target: Any, answer: str) -> bool:
        raise Ungraded("late", kind=Kind.GRADER_ERROR, cause="math_timeout")

    monkeypatch.setattr(math, "is_equal", fail)
    with pytest.raises(Ungraded, match="late"):
        grade_math(Sample(target="x"), Response(text="\\boxed{y}"))


@pytest.mark.parametrize("target", [None, "", " ", [], ["1", None], {"a": 1}])
def test_a_sample_at_fault_raises(target: Any) -> None:
    """Without a usable target nothing is graded."""
    with pytest.raises(ValueError, match="expected a number or text as target"):
        grade_math(Sample(target=target, id="s-1"), Response(text="ANSWER: 1"))
