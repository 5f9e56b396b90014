"""Astronomical numbers in answers are seen, not worked out; everything that algebra can do is left to algebra."""

from __future__ import annotations

import sys
from math import comb

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modeleval.graders import grade_math, math
from pytest_modeleval.graders.answer_size import is_astronomical, is_too_large
from pytest_modeleval.records import Kind, Response, Sample


def _never(target: str, answer: str) -> bool:
    raise AssertionError("math-verify was asked")


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
        "\\binom{1000000}{500000}",
        "\\dbinom{10^{8}}{10^{7}} + 1",
        "{100000000 \\choose 50000000}",
        "\\binom{10^{40}}{10^{6}}",
        "\\binom{2^{1000}}{2^{999}}",
        "2^{\\binom{1000}{500}}",
        "\\prod_{k=1}^{10^{7}} k",
        "\\prod\\limits_{k=1}^{1000000} (k + 1)",
        "2^{" * 200 + "2" + "}" * 200,
    ],
)
def test_astronomical(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tower, alone or within something, is a wrong answer; math-verify is not asked."""
    assert is_astronomical(text)
    monkeypatch.setattr(math, "is_equal", _never)
    grade = grade_math(Sample(target="7"), Response(text=f"So it is \\boxed{{{text}}}."))
    assert grade.kind is Kind.WRONG


@pytest.mark.parametrize(
    "text",
    [
        *("7", "2^{1994}", "2^{100000}", "4^{50000}", "1^{9^{9}}", "(-1)^{10^{10}}", "0^{9^9}", "20!", "1000!"),
        *("x^{10^{10}}", "e^{9^{9}}", "2^{n}", "2^{10^{10} n}", "\\sum_{i=1}^{10^{20}} i", "\\pi^{2^{40}}", "5!"),
        *("9^{9", "}{^^^", "!!!", "^", "9^", "", "10^{10}", "3^{2^{3}}", "1.0001^{10^{8}}"),
        *("\\binom{10}{3}", "\\binom{100000}{50000}", "\\binom{n}{10^{9}}", "\\binom{10^{8}}{5}", "\\binom{3}{10^{9}}"),
        *("\\binom{10^{9}}{10^{9}}", "\\binom", "\\binom{5", "\\choose", "{5 \\choose 2}", "\\binom{10^{50}}{2}"),
        "\\binom{10^{400}}{2}",
        *("\\prod_{k=1}^{1000} k", "\\sum_{k=1}^{10^{9}} k^{3}", "\\sum^", "\\sum_", "\\prod_{k=1}^{n} k"),
    ],
)
def test_within_reach(text: str) -> None:
    """Numbers of 100,000 digits, and whatever holds a letter, are left to algebra."""
    assert not is_astronomical(text)


@pytest.mark.parametrize(
    "text",
    [
        "\\sum_{k=1}^{10^{9}} \\frac{1}{k^2}",
        "\\sum_{k=1}^{20000} 1/k^2",
        "\\prod_{k=1}^{5000} \\left(1 + \\frac{1}{k^{2}}\\right)",
        "\\sum\\limits^{100000}_{k=1} 2^k",
        "1 + \\frac{\\sum_{k=0}^{1000} \\binom{1000}{k}}{2}",
        "\\sum_{k=1}^{10^{5}} k!",
    ],
)
def test_long_sums(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of terms that have to be added one by one are no final answer; math-verify is not asked."""
    assert is_too_large(text)
    monkeypatch.setattr(math, "is_equal", _never)
    grade = grade_math(Sample(target="7"), Response(text=f"So it is \\boxed{{{text}}}."))
    assert grade.kind is Kind.WRONG


@pytest.mark.parametrize(
    "text",
    [
        *("\\sum_{k=1}^{100} \\frac{1}{k}", "\\sum_{k=1}^{n} \\frac{1}{k}", "\\sum_{k=1}^{\\infty} \\frac{1}{k^2}"),
        *("\\sum_{k=1}^{10^{9}} k", "\\sum_{k=1}^{2024} (k^3 + 2 k - 1)", "\\sum_{i=1}^{10^{20}} i"),
        *("\\sum_{k=1000000}^{1000100} \\frac{1}{k}", "\\sum_k 2^k", "\\frac{1}{k^2}", "\\sum_{d | 100} d"),
    ],
)
def test_sums_that_algebra_can_do(text: str) -> None:
    """Few terms, a formula, an end that is no number: left to algebra."""
    assert not is_too_large(text)


def test_a_tower_that_is_the_target() -> None:
    """Written alike it is right; the check does not look at answers that are the target."""
    tower = "7^{7^{7^{7}}}"
    assert grade_math(Sample(target=tower), Response(text=f"\\boxed{{{tower}}}")).kind is Kind.RIGHT
    assert is_astronomical(tower)


_PIECES = [*"0123456789^!{}()[]\\,.- xfrac_=", "\\binom", "\\choose ", "\\sum_{k=", "\\prod", "\\frac"]


@given(st.lists(st.sampled_from(_PIECES), max_size=400).map("".join))
def test_any_text_has_an_estimate(text: str) -> None:
    """Nothing is raised, and the stack of Python is not used up."""
    limit = sys.getrecursionlimit()
    assert is_astronomical(text) in (True, False)
    assert is_too_large(text) >= is_astronomical(text)
    assert sys.getrecursionlimit() == limit


def test_sums_within_sums_are_read_once() -> None:
    """A limit that holds a sum that holds a sum: time does not double with every level."""
    text = "\\sum_{k=" * 30 + "1" + "}^{9^9}" * 30
    assert not is_astronomical(text)


@given(st.integers(1, 300_000), st.integers(0, 20_000))
@settings(max_examples=30, deadline=None)
def test_binomials_that_can_be_made_are_within_reach(above: int, below: int) -> None:
    """Compared with exact arithmetic: what has at most 100,000 digits is never called astronomical."""
    assert not is_astronomical(f"\\binom{{{above}}}{{{below}}}") or comb(above, below) > 10**100_000


@given(st.integers(2, 99), st.integers(1, 40_000))
def test_powers_that_can_be_made_are_within_reach(base: int, exponent: int) -> None:
    """Compared with exact arithmetic: what has at most 100,000 digits is never called astronomical."""
    assert not is_astronomical(f"{base}^{{{exponent}}}") or base**exponent > 10**100_000
