"""Exact search gives what sorting all similarities gives, whatever the blocks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modeleval.retrieval import exact_search
from pytest_modeleval.retrieval.metrics import ranked
from pytest_modeleval.retrieval.search import Similarity, top_k

SIMILARITIES: list[Similarity] = ["cosine", "dot"]


def vectors(seed: int, documents: int, dimensions: int) -> Any:
    """Random vectors with repetitions and a vector of length 0."""
    random = np.random.default_rng(seed)
    found = (random.normal(size=(documents, dimensions)) * random.choice([0.01, 1.0, 100.0])).astype(np.float32)
    found[random.integers(documents, size=documents // 3)] = found[0]
    found[documents // 2] = 0.0
    return found


@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(1, 9), st.integers(1, 50), st.sampled_from(SIMILARITIES))
@settings(max_examples=60, deadline=None)
def test_the_result_does_not_depend_on_blocks(
    seed: int, documents: int, dimensions: int, k: int, similarity: Similarity
) -> None:
    """Documents in blocks of any size, queries together or alone: the same rows and the same scores, to the bit."""
    corpus, queries = vectors(seed, documents, dimensions), vectors(seed + 1, 4, dimensions)
    ids = [str(number * 7 % documents) + "x" * (number % 3) + str(number) for number in range(documents)]
    whole = top_k(queries, corpus, k, similarity, ids=ids)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact_search, "_BLOCK_CELLS", dimensions * (seed % 5 + 1))
        patch.setattr(exact_search, "_EXACT_CELLS", dimensions * (seed % 3 + 1))
        parts = [top_k(query[None, :], corpus, k, similarity, ids=ids) for query in queries]
    assert np.array_equal(whole.rows, np.concatenate([part.rows for part in parts]))
    assert np.array_equal(whole.scores, np.concatenate([part.scores for part in parts]))


@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(1, 50), st.sampled_from(SIMILARITIES))
@settings(max_examples=60, deadline=None)
def test_the_result_is_that_of_sorting_everything(seed: int, documents: int, k: int, similarity: Similarity) -> None:
    """In 64 bits, equal scores by descending id."""
    corpus, queries = vectors(seed, documents, 5), vectors(seed + 1, 3, 5)
    ids = [f"d{number}" for number in range(documents)]
    found = top_k(queries, corpus, k, similarity, ids=ids)
    wide, wide_queries = corpus.astype(np.float64), queries.astype(np.float64)
    if similarity == "cosine":
        wide = wide / np.maximum(np.linalg.norm(wide, axis=1), 1e-30)[:, None]
        wide_queries = wide_queries / np.maximum(np.linalg.norm(wide_queries, axis=1), 1e-30)[:, None]
    everything = wide_queries @ wide.T
    for number, row in enumerate(found.rows):
        assert len(row) == min(k, documents)
        expected = np.sort(everything[number])[::-1][: len(row)]
        scale = max(1e-6, float(np.abs(everything).max()))
        assert found.scores[number] == pytest.approx(expected, abs=1e-6 * scale)
        scores = {ids[at]: float(score) for at, score in zip(row, found.scores[number], strict=True)}
        assert [ids[at] for at in row] == ranked(scores)


def test_a_corpus_on_disk_is_searched_as_it_is(tmp_path: Path) -> None:
    """A read-only memory map, as embed_corpus gives it."""
    corpus = vectors(3, 50, 8)
    corpus.tofile(tmp_path / "vectors")
    mapped = np.memmap(tmp_path / "vectors", np.float32, "r", shape=(50, 8))
    assert np.array_equal(top_k(corpus[:3], mapped, 5).rows, top_k(corpus[:3], corpus, 5).rows)


def test_wrong_arguments_are_named() -> None:
    """Shapes, k, ids, and a number that is none."""
    corpus = vectors(0, 6, 4)
    with pytest.raises(ValueError, match="shapes"):
        top_k(corpus[:, :3], corpus, 2)
    with pytest.raises(ValueError, match="at least 1"):
        top_k(corpus, corpus, 0)
    with pytest.raises(ValueError, match="found 2 ids"):
        top_k(corpus, corpus, 2, ids=["a", "b"])
    corpus[4, 1] = np.nan
    with pytest.raises(ValueError, match="row 4"):
        top_k(corpus[:2], corpus, 2)
    with pytest.raises(ValueError, match="queries"):
        top_k(corpus[4:], corpus[:3], 2)
    assert top_k(corpus[:0], corpus[:3], 2).rows.shape == (0, 2)
