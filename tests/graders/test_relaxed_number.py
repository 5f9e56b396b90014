"""Relaxed accuracy of chart questions, and how it differs from the published code."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval.graders import grade_relaxed
from pytest_modeleval.graders.relaxed_number import DIFFERS, RELAXED_OFFICIAL, is_official_match, is_relaxed_match
from pytest_modeleval.records import Kind, Sample
from tests.support.samples import said

YEAR = "In which year was the share highest?"
NUMBERS = st.one_of(
    st.integers(-5000, 5000).map(str),
    st.floats(-1e6, 1e6).map("{:.2f}".format),
    st.floats(0, 100).map("{:.1f}%".format),
)


@pytest.mark.parametrize(
    ("answer", "target", "question", "is_right", "is_official"),
    [
        ("104", "100", "", True, True),
        ("105", "100", "", True, True),
        ("106", "100", "", False, False),
        ("-95", "-100", "", True, True),
        ("Yes", "yes", "", True, True),
        ("Yes.", "Yes", "", True, False),
        ("No", "Yes", "", False, False),
        # A year is exact where a year is asked for; elsewhere four digits are a number.
        ("2019", "2020", YEAR, False, True),
        ("2020", "2020", YEAR, True, True),
        ("2019", "2020", "What was the value of China in the year 2015?", True, True),
        ("2019", "2020", "When did it begin?", False, True),
        ("1950", "2020", "What was the first year of growth?", False, True),
        # The sign of a percentage.
        ("50%", "50", "", True, False),
        ("50", "50%", "", True, False),
        ("0.5", "50%", "", True, True),
        ("50%", "0.5", "", True, True),
        ("50%", "50%", "", True, True),
        ("0.5%", "50%", "", False, False),
        # Commas of thousands, and zero.
        ("1,200", "1200", "", True, False),
        ("1,20", "120", "", False, False),
        ("0.0", "0", "", True, False),
        ("0.01", "0", "", False, False),
        ("about 50", "50", "", False, False),
        ("", "50", "", False, False),
    ],
)
def test_matches(answer: str, target: str, question: str, is_right: bool, is_official: bool) -> None:
    """Each departure from the published code, beside what that code says."""
    assert is_relaxed_match(answer, target, question) is is_right
    assert is_official_match(answer, target) is is_official


@given(NUMBERS | st.text("ab %.,0", max_size=6), NUMBERS | st.text("ab %.,0", min_size=1, max_size=6))
def test_what_is_officially_right_is_right(answer: str, target: str) -> None:
    """But for years, every departure is in favour of the reply."""
    if is_official_match(answer, target):
        assert is_relaxed_match(answer, target)


@given(st.text(max_size=60), st.text(min_size=1, max_size=60), st.text(max_size=60))
def test_any_text_can_be_compared(answer: str, target: str, question: str) -> None:
    """No text raises, and each matches itself."""
    assert isinstance(is_relaxed_match(answer, target, question), bool)
    assert is_relaxed_match(target, target, question)


def test_both_figures_are_recorded() -> None:
    """The verdict is ours, the measure that of the published code, and a mark says where they differ."""
    sample = Sample(question=YEAR, target="2020")
    year = grade_relaxed(sample, said("ANSWER: 2019"))
    assert (year.kind, year.cause, year.marks) == (Kind.WRONG, "wrong_number", (DIFFERS,))
    assert year.measures == {RELAXED_OFFICIAL: 1.0}
    right = grade_relaxed(Sample(target=["3", "4"]), said("4.1"))
    assert (right.kind, right.marks, right.measures) == (Kind.RIGHT, (), {RELAXED_OFFICIAL: 1.0})
    empty = grade_relaxed(sample, said(""))
    assert (empty.kind, empty.measures) == (Kind.NO_ANSWER, {RELAXED_OFFICIAL: 0.0})
    assert grade_relaxed(sample, said("9" * 3_000_000)).kind is Kind.WRONG
