"""Properties of the graders of short texts."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval.graders import grade_contains, grade_exact
from pytest_modeleval.graders.text import normalise
from pytest_modeleval.records import Kind, Response, Sample

WORDS = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=30)


@given(
    WORDS,
    WORDS,
    st.text(max_size=100),
    st.sampled_from(["ANSWER: {}", "**ANSWER: {}.**", "答案：{}。", "answer：  {}  "]),
)
def test_gold_answers_are_right(target: Any, said: Any, prose: str, form: str) -> None:
    """After any prose, the target in the asked form is right; another text only if it is the same once normalised."""
    response = Response(text=f"{prose}\n{form.format(said)}")
    assert grade_exact(Sample(target=said), response).kind is Kind.RIGHT
    expected = Kind.RIGHT if normalise(said) == normalise(target) else Kind.WRONG
    assert grade_exact(Sample(target=target), response).kind is expected


@given(st.text())
def test_never_raises(text: str) -> None:
    """Whatever the text: a grade, and no answer without a colon."""
    grade = grade_exact(Sample(target=["x", "y"]), Response(text=text))
    assert (grade.answer is None) == (grade.kind is Kind.NO_ANSWER)
    if not {":", "："} & set(text):
        assert grade.kind is Kind.NO_ANSWER
    assert grade_contains(Sample(target="x"), Response(text=text)).kind in (Kind.RIGHT, Kind.WRONG, Kind.NO_ANSWER)


@given(st.text())
def test_normalising_twice_changes_nothing(text: str) -> None:
    """The normal form is a normal form."""
    assert normalise(normalise(text)) == normalise(text)


def test_contains_takes_whole_words() -> None:
    """A target inside a longer word does not count; an empty reply is no answer."""
    sample = Sample(target="Nile")
    assert grade_contains(sample, Response(text="It is the NILE, of course.")).kind is Kind.RIGHT
    assert grade_contains(sample, Response(text="juvenile")).kind is Kind.WRONG
    assert grade_contains(sample, Response(text="", reasoning="Nile")).cause == "thinking_only"
    assert grade_contains(Sample(target=["x", "中国"]), Response(text="中国")).kind is Kind.RIGHT


def test_an_endless_answer_is_none() -> None:
    """More than 2,000 characters on the line are no short answer."""
    assert grade_exact(Sample(target="x"), Response(text="ANSWER: " + "x" * 2001)).cause == "answer_too_long"


@pytest.mark.parametrize("target", [None, "", "  ", [], {"a": 1}, ["x", ""]])
def test_a_sample_at_fault_raises(target: Any) -> None:
    """Without a usable target nothing is graded."""
    with pytest.raises(ValueError, match="as target"):
        grade_exact(Sample(target=target), Response(text="ANSWER: x"))
