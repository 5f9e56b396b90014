"""pass^k and vote@k against counting, and their bounds."""

from __future__ import annotations

from itertools import combinations
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval.metrics import pass_hat_k, score_subset, vote_at_k
from pytest_modeleval.records import ItemKey, Kind, Outcome


@given(st.lists(st.booleans(), min_size=1, max_size=8), st.integers(1, 8))
def test_pass_hat_k_is_the_share_of_draws_that_all_succeed(results: list[bool], k: int) -> None:
    """Counted over every way to draw k of the repeats."""
    draws = [all(draw) for draw in combinations(results, k)]
    found = pass_hat_k(sum(results), len(results), k=k)
    assert found == (pytest.approx(fmean(draws)) if draws else None)


@pytest.mark.parametrize(
    ("answers", "right", "expected"),
    [
        (["A", "B", "A"], "A", 1.0),
        (["A", "B", "B"], "A", 0.0),
        (["A", "B"], "A", 0.5),
        ([None, None, "A"], "A", 1.0),
        (["", " ", None], "A", 0.0),
        (["B", " B", "A", "A ", "C"], "A", 0.5),
    ],
)
def test_vote_at_k(answers: list[str | None], right: str, expected: float) -> None:
    """The most frequent answer decides, tied ones share, and no answer is no vote (EvalScope counted empty ones)."""
    flags = [(answer or "").strip() == right for answer in answers]
    assert vote_at_k(answers, flags, k=len(answers)) == expected


def test_votes_after_the_kth_do_not_count() -> None:
    """Nor is there a value with fewer than k."""
    assert vote_at_k(["A", "B", "B"], [True, False, False], k=1) == 1.0
    assert vote_at_k(["A"], [True], k=2) is None


def test_bounds_of_a_vote_enclose_what_is_missing() -> None:
    """One of three votes has no grade: the question may go either way."""
    votes = [Outcome(ItemKey("b", "s", "q", repeat), Kind.RIGHT, 1.0, answer="A") for repeat in range(2)]
    outcomes = [*votes, Outcome(ItemKey("b", "s", "q", 2), Kind.TIMEOUT)]
    found = score_subset("s", outcomes, 1, metric="vote@3")
    assert found.score is None
    assert (found.if_ungraded_wrong, found.if_ungraded_right) == (0.0, 1.0)
