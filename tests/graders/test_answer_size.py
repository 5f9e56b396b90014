"""The guard against answers that are too large to be worked out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval.graders import grade_math, math
from pytest_modeleval.graders.answer_size import is_too_large
from pytest_modeleval.records import Kind, Response, Sample


def _never(target: str, answer: str) -> bool:
    raise AssertionError("math-verify was asked")


@pytest.mark.parametrize(
    "text",
    [
        *(
            "9^{9^{9^9}}",
            "9^9^9^9",
            "2^{2^{2^{100}}}",
            "\\frac{1}{9^{9^{9^9}}}",
            "2^{10,000,000}",
            "99999999!",
            "9!!!!",
        ),
        *("\\binom{1000000}{500000}", "{100000000 \\choose 50000000}", "(10^9)!", "2^{2^{2^{2^{2^{2}}}}}"),
        *("\\prod\\limits_{k=1}^{1000000} (k + 1)", "\\sum_{k=1}^{10^{9}} \\frac{1}{k^2}"),
    ],
)
def test_large_answers_are_wrong(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tower of powers, a huge factorial or a long sum is wrong without a call of math-verify."""
    assert is_too_large(text)
    monkeypatch.setattr(math, "is_equal", _never)
    assert grade_math(Sample(target="7"), Response(text=f"So it is \\boxed{{{text}}}.")).kind is Kind.WRONG


@pytest.mark.parametrize(
    "text",
    [
        *("7", "2^{1994}", "2^{100000}", "20!", "1000!", "x^{10^{10}}", "2^{n}", "5!", "3^{2^{3}}", "", "^", "!!!"),
        *("\\binom{10}{3}", "\\binom{10000}{5000}", "\\sum_{k=1}^{100} \\frac{1}{k}", "\\sum_{k=1}^{\\infty} 2^{-k}"),
    ],
)
def test_ordinary_answers_are_left_to_algebra(text: str) -> None:
    """Numbers that can be worked out pass the guard."""
    assert not is_too_large(text)


def test_a_large_target_equals_itself() -> None:
    """The guard does not apply if the answer is written like the target."""
    tower = "7^{7^{7^{7}}}"
    assert is_too_large(tower)
    assert grade_math(Sample(target=tower), Response(text=f"\\boxed{{{tower}}}")).kind is Kind.RIGHT


@given(st.lists(st.sampled_from([*"0123456789^!{}()\\,.- x", "\\binom", "\\sum_{k="]), max_size=400).map("".join))
def test_any_text_can_be_checked(text: str) -> None:
    """No text raises, and a text without digits is never too large."""
    found = is_too_large(text)
    assert not found or any(sign.isdigit() for sign in text)
