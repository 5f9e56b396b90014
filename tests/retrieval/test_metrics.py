"""Measures of a ranking equal those of trec_eval, by pytrec-eval-terrier."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modeleval.retrieval.metrics import (
    average_precision,
    hit_rate,
    ndcg,
    precision,
    ranked,
    recall,
    reciprocal_rank,
)

pytrec_eval = pytest.importorskip("pytrec_eval")
# Ids of several lengths and scripts, few scores, so that ties are the rule.
IDS = st.sampled_from([str(number) for number in range(30)] + ["ä", "é", "文", "\U0001f600", "\uffee", "d-1", "d-10"])
SCORES = st.dictionaries(IDS, st.one_of(st.sampled_from([0.0, -1.5, 0.1, 2.0]), st.floats(-1, 1, width=32)), min_size=1)
GAINS = st.dictionaries(IDS, st.integers(-2, 4), min_size=1)
MEASURES = {"ndcg", "ndcg_cut", "recall", "P", "success", "recip_rank", "map", "map_cut"}


@given(SCORES, GAINS)
@settings(max_examples=150, deadline=None)
def test_measures_equal_those_of_trec_eval(scores: dict[str, float], gains: dict[str, int]) -> None:
    """To 1e-9: ties, graded and negative judgements, documents without one, and judged ones that were not found."""
    ranking = ranked(scores)
    if not any(gain > 0 for gain in gains.values()):
        with pytest.raises(ValueError, match="not defined"):
            ndcg(ranking, gains, 10)
        return
    found = pytrec_eval.RelevanceEvaluator({"q": gains}, MEASURES).evaluate({"q": scores})["q"]
    ours = {
        "ndcg": ndcg(ranking, gains),
        "map": average_precision(ranking, gains),
        "recip_rank": reciprocal_rank(ranking, gains),
    }
    for k in (5, 10, 100):
        ours[f"ndcg_cut_{k}"] = ndcg(ranking, gains, k)
        ours[f"map_cut_{k}"] = average_precision(ranking, gains, k)
        ours[f"recall_{k}"] = recall(ranking, gains, k)
        ours[f"P_{k}"] = precision(ranking, gains, k)
    for k in (1, 5, 10):
        ours[f"success_{k}"] = hit_rate(ranking, gains, k)
    assert ours == pytest.approx({name: found[name] for name in ours}, abs=1e-9)


def test_scores_that_differ_beyond_32_bits_are_ties() -> None:
    """As trec_eval keeps a score in 32 bits, the greater id comes first."""
    assert ranked({"a": 0.5 + 1e-12, "b": 0.5}) == ["b", "a"]
    assert ranked({"a": 0.5 + 1e-6, "b": 0.5}) == ["a", "b"]
    assert ranked({"a": 1e300, "b": -1e300, "c": 0.0}) == ["a", "c", "b"]


def test_what_has_no_rank_is_refused() -> None:
    """A score that is no number, and a document that stands twice in a ranking."""
    with pytest.raises(ValueError, match="NaN for 'b'"):
        ranked({"a": 1.0, "b": float("nan")})
    with pytest.raises(ValueError, match="'a' twice"):
        recall(["a", "b", "a"], {"a": 1})


def test_the_reciprocal_rank_may_be_cut() -> None:
    """MRR@10 sees the first ten only."""
    ranking = [str(number) for number in range(20)]
    assert reciprocal_rank(ranking, {"12": 1}) == pytest.approx(1 / 13)
    assert reciprocal_rank(ranking, {"12": 1}, 10) == 0.0
