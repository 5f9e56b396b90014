"""Suggestions for misspelled names."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval._support import suggest


def test_a_similar_name_is_suggested() -> None:
    """Case does not count; without a similar name the known ones are listed, a dozen at most."""
    assert suggest.hint("GSM8", ["gsm8k", "mmlu"]) == "did you mean 'gsm8k'?"
    assert suggest.hint("zzz", ["gsm8k", "mmlu"]) == "known: gsm8k, mmlu"
    assert suggest.hint("q", []) == ""
    assert suggest.hint("q", [f"name{number}" for number in range(20)]).endswith("name11 and 8 more")


@given(st.text(min_size=1), st.lists(st.text(min_size=1)))
def test_only_known_names_are_suggested(word: str, known: list[str]) -> None:
    """A suggestion is one of the known names, and a name that is known suggests itself up to its case."""
    found = suggest.closest(word, known)
    assert found is None or found in known
    assert word not in known or found is not None
