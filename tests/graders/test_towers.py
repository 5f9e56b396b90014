"""Astronomical numbers in answers are seen, not worked out; everything that algebra can do is left to algebra."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval.graders import grade_math, math
from pytest_modeleval.graders.towers import is_astronomical
from pytest_modeleval.records import Kind, Response, Sample


@pytest.mark.parametrize(
    "text",
    [
        "9^{9^{9^9}}",
        "9^{9^{9^{9^{9}}}}",
        "9^9^9^9",
        "9^{9^{9}} - 9^{9^{9}}",
        "10^{10^{10}}",
        "2^{2^{2^{100}}}",
        "(9^9)^{(9^{9})}",
        "\\left(10^{9}\\right)^{\\left(9^{9}\\right)}",
        "\\frac{1}{9^{9^9}}",
        "7 + 9^{-9^{9}}",
        "2^{10,000,000}",
        "99999999!",
        "(10^9)!",
        "9!!!!",
        "{9^{9}}^{9^{9}}",
        "2^{" * 200 + "2" + "}" * 200,
    ],
)
def test_astronomical(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tower, alone or within something, is a wrong answer; math-verify is not asked."""
    assert is_astronomical(text)

    def never(target: str, answer: str) -> bool:
        raise AssertionError("math-verify was asked")

    monkeypatch.setattr(math, "is_equal", never)
    grade = grade_math(Sample(target="7"), Response(text=f"So it is \\boxed{{{text}}}."))
    assert grade.kind is Kind.WRONG


@pytest.mark.parametrize(
    "text",
    [
        *("7", "2^{1994}", "2^{100000}", "4^{50000}", "1^{9^{9}}", "(-1)^{10^{10}}", "0^{9^9}", "20!", "1000!"),
        *("x^{10^{10}}", "e^{9^{9}}", "2^{n}", "2^{10^{10} n}", "\\sum_{i=1}^{10^{20}} i", "\\pi^{2^{40}}", "5!"),
        *("9^{9", "}{^^^", "!!!", "^", "9^", "", "10^{10}", "3^{2^{3}}", "1.0001^{10^{8}}"),
    ],
)
def test_within_reach(text: str) -> None:
    """Numbers of 100,000 digits, and whatever holds a letter, are left to algebra."""
    assert not is_astronomical(text)


def test_a_tower_that_is_the_target() -> None:
    """Written alike it is right; the check does not look at answers that are the target."""
    tower = "7^{7^{7^{7}}}"
    assert grade_math(Sample(target=tower), Response(text=f"\\boxed{{{tower}}}")).kind is Kind.RIGHT
    assert is_astronomical(tower)


@given(st.text(alphabet="0123456789^!{}()[]\\,.- xfrac", max_size=1000))
def test_any_text_has_an_estimate(text: str) -> None:
    """Nothing is raised, and the stack of Python is not used up."""
    limit = sys.getrecursionlimit()
    assert is_astronomical(text) in (True, False)
    assert sys.getrecursionlimit() == limit


@given(st.integers(2, 99), st.integers(1, 40_000))
def test_powers_that_can_be_made_are_within_reach(base: int, exponent: int) -> None:
    """Compared with exact arithmetic: what has at most 100,000 digits is never called astronomical."""
    assert not is_astronomical(f"{base}^{{{exponent}}}") or base**exponent > 10**100_000
