"""BM25 equals its formula."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modeleval.retrieval.bm25 import BM25, words
from pytest_modeleval.retrieval.metrics import ranked

TEXTS = st.lists(st.text("ab ä文C.", max_size=12), min_size=1, max_size=12)


def brute_force(texts: list[str], query: str, k1: float, b: float) -> list[float]:
    """The formula, word by word."""
    lists = [words(text) for text in texts]
    mean = sum(map(len, lists)) / len(lists) or 1.0
    scores = []
    for found in lists:
        total = 0.0
        for word in words(query):
            having = sum(word in other for other in lists)
            count = found.count(word)
            idf = math.log(1 + (len(texts) - having + 0.5) / (having + 0.5))
            total += idf * count / (count + k1 * (1 - b + b * len(found) / mean)) if count else 0.0
        scores.append(total)
    return scores


@given(TEXTS, st.text("ab ä文C.", max_size=8), st.sampled_from([(0.9, 0.4), (1.5, 0.75)]))
@settings(max_examples=60, deadline=None)
def test_scores_equal_the_formula(texts: list[str], query: str, constants: tuple[float, float]) -> None:
    """Of empty texts, of words that stand twice in the query, of a vocabulary of nothing."""
    k1, b = constants
    index = BM25(texts, k1=k1, b=b)
    scores = index.scores(query)
    assert scores.tolist() == pytest.approx(brute_force(texts, query, k1, b), abs=1e-4)
    ids = [str(number) for number in range(len(texts))]
    expected = ranked({name: float(score) for name, score in zip(ids, scores, strict=True) if score > 0})
    assert [name for name, _ in index.top_k(query, 3, ids)] == expected[:3]
