"""Shortening (_support.shorten)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval._support.shorten import shorten, shorten_middle, shorten_repr


@given(st.text(), st.integers(4, 50))
def test_short_text_stays_and_long_text_is_cut_at_the_limit(text: str, limit: int) -> None:
    """The result is the text itself, or exactly `limit` characters that end in three dots."""
    found = shorten(text, limit)
    assert found == text if len(text) <= limit else (len(found) == limit and found.endswith("..."))


@given(st.one_of(st.text(), st.binary(), st.lists(st.integers())), st.integers(4, 50))
def test_a_representation_never_exceeds_its_limit(value: object, limit: int) -> None:
    """`repr` of anything fits; a value whose repr fits is shown in full."""
    found = shorten_repr(value, limit)
    assert len(found) <= limit
    if len(repr(value)) <= limit:
        assert found == repr(value)


def test_a_value_without_a_representation_is_named_by_its_type() -> None:
    """Integers of more than 4,300 digits have no decimal text."""
    assert shorten_repr(10**5000, 40) == "a int too large to show"


@given(st.text(), st.integers(0, 9), st.integers(0, 9))
def test_the_middle_is_replaced_by_a_count(text: str, head: int, tail: int) -> None:
    """Head and tail stay, and the note says how many characters are missing."""
    found = shorten_middle(text, head, tail, "[{left} more]")
    if len(text) <= head + tail:
        assert found == text
    else:
        assert found == f"{text[:head]}\n[{len(text) - head - tail} more]\n{text[len(text) - tail :]}"
