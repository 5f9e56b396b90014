"""Properties of the grader of mathematical answers; tables of replies are in cases.jsonl and fault_cases.jsonl."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_modeleval.errors import Ungraded
from pytest_modeleval.graders import grade_math, math
from pytest_modeleval.graders.symbolic import ComparisonFailed
from pytest_modeleval.records import Kind, Response, Sample


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """math-verify replaced by a record of the comparisons that it is asked for."""
    questions: list[tuple[str, str]] = []

    def ask(target: str, answer: str) -> bool:
        questions.append((target, answer))
        return False

    monkeypatch.setattr(math, "is_equal", ask)
    return questions


FORMS = [
    *("\\boxed{{{}}}", "ANSWER: {}", "**ANSWER: {}**", "答案：{}", "\\boxed{{\\text{{{}}}}}", "\\[\\boxed{{{}}}\\]"),
    *("ANSWER: ${}$", "ANSWER: {} apples", "ANSWER: {}.", "\\boxed{{x = {}}}", "ANSWER: \\({}\\)", "答案：{}元"),
    *(
        "\\boxed{{{} \\text{{ cm}}}}",
        "ANSWER: about {}",
        "ANSWER: The sum is {}.",
        "ANSWER: USD {}",
        "\\boxed{{{}}} km",
    ),
]


@given(st.integers(-(10**9), 10**9), st.integers(-(10**9), 10**9), st.sampled_from(FORMS), st.text(max_size=80))
def test_integers_grade_by_value_alone(target: int, said: int, form: str, prose: str) -> None:
    """In every form, with commas or with .0, an integer is right exactly if it is the target."""
    before = prose.replace("\\", "/")
    for shown in (f"{said}", f"{said:,}", f"{said}.0"):
        for value in (target, said):
            grade = grade_math(Sample(target=str(value)), Response(text=f"{before}\n{form.format(shown)}"))
            assert grade.kind is (Kind.RIGHT if value == said else Kind.WRONG), grade


PIECES = [
    *"0123456789^!{}()[]\\,.- x=<|:%&",
    "\\binom",
    "\\frac",
    "\\sqrt",
    "\\pm",
    "\\text{",
    "答案：",
    "ANSWER: ",
    "\n",
]
PIECES += [
    "\\boxed{",
    "is ",
    "and ",
    "\\begin{pmatrix}",
    "\\end{pmatrix}",
    "dozen",
    "\\le ",
    "\\cup ",
    "e",
    "π",
    "½",
    "元",
]


@given(st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=60).map("".join)), st.sampled_from(["7", "x^2"]))
@example("\\boxed{" * 200, "7")
@example("\\boxed{1}" * 100 + "\\boxed{", "7")
@example("ANSWER: 9^{9^{9^9}}", "x^2")
def test_never_raises(text: str, target: str) -> None:
    """Any text is right, wrong or no answer; mathematics beyond the grammar goes to math-verify."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(math, "is_equal", lambda target, answer: False)
        grade = grade_math(Sample(target=target), Response(text=text))
    assert (grade.answer is None) == (grade.kind is Kind.NO_ANSWER)


@pytest.mark.parametrize(
    "unit", ["\\boxed{", "\\boxed{1}", "{", "ANSWER:", "\\boxed{}", "\\", "\\boxed{1}, ", "\\boxed 1 "]
)
def test_hostile_megabytes_end(unit: str, asked: Any) -> None:
    """A megabyte of boxes is read without running away."""
    text = unit * (1_000_000 // len(unit))
    grade = grade_math(Sample(target="7"), Response(text=text))
    assert grade.kind in (Kind.NO_ANSWER, Kind.WRONG)
    assert grade_math(Sample(target="7"), Response(text=text + "} so finally \\boxed{7}")).kind is Kind.RIGHT


def test_only_mathematics_beyond_the_grammar_reaches_math_verify(asked: Any) -> None:
    """Numbers, algebra and prose are decided without it; an integral is not."""
    for target, text in (
        ("70", "\\boxed{71}"),
        ("3/4", "ANSWER: 0.75"),
        ("\\frac{\\pi}{2}", "\\boxed{\\dfrac{\\pi}{2}}"),
        ("$x + 1$", "ANSWER: $1 + x$."),
        ("7", "ANSWER: I do not know"),
        ("13", "\\boxed{1 \\quad 3}"),
    ):
        grade_math(Sample(target=target), Response(text=text))
    assert asked == []
    assert grade_math(Sample(target="7"), Response(text="\\boxed{\\int_0^7 1 dx}")).kind is Kind.WRONG
    assert asked == [("7", "\\int_0^7 1 dx")]


def test_math_verify_decides_about_sums() -> None:
    """A sum is worked out by computer algebra."""
    sample = Sample(target="5050")
    assert grade_math(sample, Response(text="\\boxed{\\sum_{k=1}^{100} k}")).kind is Kind.RIGHT
    assert grade_math(sample, Response(text="\\boxed{\\sum_{k=1}^{101} k}")).kind is Kind.WRONG


def test_any_of_several_targets(asked: Any) -> None:
    """One match in a list of targets is enough."""
    sample = Sample(target=["1/2", "2"])
    assert grade_math(sample, Response(text="ANSWER: 2")).kind is Kind.RIGHT
    assert grade_math(sample, Response(text="ANSWER: 3")).kind is Kind.WRONG


def test_a_failing_comparison_is_a_wrong_answer_with_a_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that cannot be compared is wrong with a cause of its own; a failing grader is no verdict."""

    def fail(target: str, answer: str) -> bool:
        raise ComparisonFailed("math-verify failed: KeyError: Unequality")

    monkeypatch.setattr(math, "is_equal", fail)
    grade = grade_math(Sample(target="x"), Response(text="\\boxed{\\lim_{n} y}"))
    assert (grade.kind, grade.cause) == (Kind.WRONG, "not_comparable")
    assert "Unequality" in grade.explanation

    def be_late(target: str, answer: str) -> bool:
        raise Ungraded("late", kind=Kind.GRADER_ERROR, cause="math_timeout")

    monkeypatch.setattr(math, "is_equal", be_late)
    with pytest.raises(Ungraded, match="late"):
        grade_math(Sample(target="x"), Response(text="\\boxed{\\lim_{n} y}"))


def test_two_numbers_that_are_too_large_are_marked() -> None:
    """Towers of powers are not worked out: equal as written or wrong, with a mark if neither is known to be larger."""
    tower = "7^{7^{7^{7}}}"
    assert grade_math(Sample(target=tower), Response(text=f"\\boxed{{{tower}}}")).kind is Kind.RIGHT
    assert grade_math(Sample(target=tower), Response(text="\\boxed{8^{8^{8^8}}}")).cause == "not_comparable"
    assert grade_math(Sample(target="7"), Response(text=f"\\boxed{{{tower}}}")).cause == "wrong_answer"


@pytest.mark.parametrize("target", [None, "", " ", [], ["1", None], {"a": 1}])
def test_a_sample_at_fault_raises(target: Any) -> None:
    """Without a usable target nothing is graded."""
    with pytest.raises(ValueError, match="expected a number or text as target"):
        grade_math(Sample(target=target, id="s-1"), Response(text="ANSWER: 1"))
