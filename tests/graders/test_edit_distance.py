"""ANLS: the similarity of a short answer to the nearest target."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval.graders import grade_anls
from pytest_modeleval.graders.edit_distance import THRESHOLD, anls, edit_distance
from pytest_modeleval.records import Kind, Sample
from tests.support.samples import said

SHORT = st.text("abc xyz", max_size=12)


@pytest.mark.parametrize(
    ("answer", "targets", "value"),
    [
        ("Acme Corp", ["ACME  corp "], 1.0),
        ("12 May 1971", ["12 May 1977"], 10 / 11),
        ("", ["abc"], 0.0),
        ("ab", ["cd", "ab"], 1.0),
        # The scorer of DocVQA counts exactly one half.
        ("ab", ["ax"], 0.5),
        ("abc", ["axy"], 0.0),
        ("The total is 12.50 dollars", ["12.50"], 0.0),
    ],
)
def test_similarities(answer: str, targets: list[str], value: float) -> None:
    """Case and white space do not count; the nearest target does; below one half there is no credit."""
    assert anls(answer, targets) == pytest.approx(value)


@given(SHORT, SHORT, SHORT)
def test_the_distance_is_a_metric(first: str, second: str, third: str) -> None:
    """Zero for equal texts only, the same in both directions, and no way round is shorter."""
    distance = edit_distance(first, second)
    assert (distance == 0) == (first == second)
    assert distance == edit_distance(second, first)
    assert distance <= edit_distance(first, third) + edit_distance(third, second)
    assert abs(len(first) - len(second)) <= distance <= max(len(first), len(second))


@given(SHORT, st.integers(0, 11), st.sampled_from("qw"))
def test_one_more_character_is_one_step(text: str, place: int, character: str) -> None:
    """A character of no other text, put in anywhere, is at distance one; put in the place of another too."""
    place = min(place, len(text))
    assert edit_distance(text, text[:place] + character + text[place:]) == 1
    assert edit_distance(text, text[:place] + character + text[place + 1 :]) == 1


@given(SHORT, st.lists(SHORT, min_size=1, max_size=3))
def test_the_shortcut_changes_no_value(answer: str, targets: list[str]) -> None:
    """Texts of very different length are not compared, and would have had no credit."""

    def similarity(target: str) -> float:
        first, second = (" ".join(text.lower().split()) for text in (answer, target))
        value = 1.0 - edit_distance(first, second) / max(len(first), len(second), 1)
        return value if value >= THRESHOLD else 0.0

    assert anls(answer, targets) == pytest.approx(max(map(similarity, targets)))


def test_the_kinds_of_grades() -> None:
    """The marked line or the whole reply; a sentence around the value has a cause of its own."""
    sample = Sample(target=["12.50"])
    assert grade_anls(sample, said("The sum at the end.\nANSWER: 12.50")).kind is Kind.RIGHT
    assert grade_anls(sample, said(" 12.50\n")).kind is Kind.RIGHT
    near = grade_anls(sample, said("12.60"))
    assert (near.kind, near.cause) == (Kind.WRONG, "misread")
    assert near.value == pytest.approx(0.8)
    sentence = grade_anls(sample, said("It is 12.50 dollars in total."))
    assert (sentence.kind, sentence.value, sentence.cause) == (Kind.WRONG, 0.0, "too_long")
    assert grade_anls(sample, said("9")).cause == "wrong_answer"
    assert grade_anls(sample, said("")).kind is Kind.NO_ANSWER
    for target in ("", [], None, 5, ["a", " "]):
        with pytest.raises(ValueError, match="expected a text"):
            grade_anls(Sample(target=target), said("x"))


def test_a_reply_of_megabytes_is_cheap() -> None:
    """It is longer than twice any target and not compared."""
    assert grade_anls(Sample(target=["short"]), said("s" * 3_000_000)).value == 0.0
