"""The search of `search.top_k`, in blocks of NumPy.

A block of the corpus at a time is multiplied with all queries in 32 bits; what may belong to the first k is then scored
again in 64 bits, one document at a time. So the result depends on the vectors alone: not on the size of a block, nor on
which queries are searched together, nor on the BLAS library.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_modeleval.retrieval.search import Similarity

# Numbers of the corpus that are looked at at once, 16 MiB of them; and queries.
_BLOCK_CELLS = 2**22
_BLOCK_QUERIES = 512
# Numbers that are scored again at once, 8 MiB in 64 bits.
_EXACT_CELLS = 2**20
# More than the rounding errors of a product in 32 bits, relative to the lengths of both vectors: n * 2^-24 at most.
_SLACK = 2.0**-23


def search_exactly(
    queries: NDArray[np.float32],
    corpus: NDArray[np.float32],
    k: int,
    similarity: Similarity,
    ids: Sequence[str] | None,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Rows and scores of `search.TopK`; see `search.top_k`."""
    _check(queries, corpus, k, ids)
    parts = [
        _of_queries(queries[start : start + _BLOCK_QUERIES], corpus, k, similarity, ids)
        for start in range(0, len(queries), _BLOCK_QUERIES)
    ]
    if not parts:
        width = min(k, len(corpus))
        return np.empty((0, width), np.int64), np.empty((0, width), np.float32)
    return np.concatenate([rows for rows, _ in parts]), np.concatenate([scores for _, scores in parts])


def _check(queries: NDArray[Any], corpus: NDArray[Any], k: int, ids: Sequence[str] | None) -> None:
    if queries.ndim != 2 or corpus.ndim != 2 or queries.shape[1] != corpus.shape[1]:
        raise ValueError(f"expected queries (n, d) and a corpus (m, d), found shapes {queries.shape}, {corpus.shape}")
    if k < 1:
        raise ValueError(f"expected k of at least 1, found {k}")
    if ids is not None and len(ids) != len(corpus):
        raise ValueError(f"expected an id for each of {len(corpus)} documents, found {len(ids)} ids")
    if not np.isfinite(queries).all():
        raise ValueError("expected finite numbers in the vectors of the queries, found NaN or infinity")


def _of_queries(
    queries: NDArray[np.float32],
    corpus: NDArray[np.float32],
    k: int,
    similarity: Similarity,
    ids: Sequence[str] | None,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    wide = queries.astype(np.float64)
    if similarity == "cosine":
        wide /= _lengths(wide)[:, None]
    narrow = wide.astype(np.float32)
    kept = [_Candidates(k) for _ in queries]
    for start, block, longest in _blocks(corpus, similarity):
        approximate = narrow @ block.T
        slack = _SLACK * block.shape[1] * longest * _lengths(wide)
        for number, candidates in enumerate(kept):
            candidates.add(start, block, approximate[number], wide[number], float(slack[number]))
    ordered = [candidates.best(ids) for candidates in kept]
    return np.array([rows for rows, _ in ordered]), np.array([scores for _, scores in ordered])


def _blocks(corpus: NDArray[np.float32], similarity: Similarity) -> Iterator[tuple[int, NDArray[np.float32], float]]:
    """Blocks of the corpus, of unit length for the cosine: first row, vectors, the greatest length."""
    rows = max(1, _BLOCK_CELLS // max(1, corpus.shape[1]))
    for start in range(0, len(corpus), rows):
        block = np.ascontiguousarray(corpus[start : start + rows], dtype=np.float32)
        lengths = np.sqrt(np.einsum("ij,ij->i", block, block, dtype=np.float64))
        if not np.isfinite(lengths).all():
            row = start + int(np.flatnonzero(~np.isfinite(lengths))[0])
            raise ValueError(
                f"expected finite numbers in the vectors of the corpus, found NaN or infinity in row {row}"
            )
        if similarity == "cosine":
            yield start, block / np.where(lengths > 0.0, lengths, 1.0).astype(np.float32)[:, None], 1.0
        else:
            yield start, block, float(lengths.max(initial=0.0))


def _lengths(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """The length of each row; 1.0 for a row of length 0, which stays as it is when divided by it."""
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    return np.where(lengths > 0.0, lengths, 1.0)


class _Candidates:
    """The documents that may belong to the best k of one query, of the blocks so far."""

    def __init__(self, k: int) -> None:
        self._k = k
        self._rows = np.empty(0, np.int64)
        self._scores = np.empty(0, np.float32)

    def add(
        self,
        start: int,
        block: NDArray[np.float32],
        approximate: NDArray[np.float32],
        query: NDArray[np.float64],
        slack: float,
    ) -> None:
        """Look at one block. approximate: its scores in 32 bits, each at most `slack` from the true one."""
        least = self._least(approximate) - 2.0 * slack
        near = np.flatnonzero(approximate >= least)
        if not len(near):
            return
        parts = np.array_split(near, len(near) * block.shape[1] // _EXACT_CELLS + 1)
        scores = np.concatenate([_exact(block, part, query) for part in parts])
        self._rows = np.concatenate([self._rows, near + start])
        self._scores = np.concatenate([self._scores, scores])
        if len(self._scores) > self._k:
            # Ties of the k-th stay: which of them is taken is a matter of their ids.
            limit = np.partition(self._scores, -self._k)[-self._k]
            kept = self._scores >= limit
            self._rows, self._scores = self._rows[kept], self._scores[kept]

    def _least(self, approximate: NDArray[np.float32]) -> float:
        """The score below which nothing of the block can be among the best k."""
        of_block = float(np.partition(approximate, -self._k)[-self._k]) if len(approximate) > self._k else -np.inf
        so_far = float(np.partition(self._scores, -self._k)[-self._k]) if len(self._scores) >= self._k else -np.inf
        return max(of_block, so_far)

    def best(self, ids: Sequence[str] | None) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Rows and scores of the best k, in order."""
        order = np.lexsort((self._rows, -self._scores)).tolist()
        if ids is not None:
            # Python's sort is stable: first by the lesser key.
            order.sort(key=lambda at: ids[int(self._rows[at])], reverse=True)
            order.sort(key=lambda at: -float(self._scores[at]))
        chosen = order[: self._k]
        return self._rows[chosen], self._scores[chosen]


def _exact(block: NDArray[np.float32], rows: NDArray[np.int64], query: NDArray[np.float64]) -> NDArray[np.float32]:
    """Scores in 64 bits, rounded to 32: as trec_eval keeps them, and the same for the same two vectors."""
    return np.asarray(np.einsum("ij,j->i", block[rows].astype(np.float64), query), dtype=np.float32)
