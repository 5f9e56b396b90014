"""BM25 over a corpus of texts, as a first stage for rerankers.

The formula is Lucene's (Kamphuis et al. 2020, "Which BM25 do you mean?"): idf = ln(1 + (N - n + 0.5) / (n + 0.5)), and
of a term that stands f times in a document of length l: f / (f + k1 (1 - b + b l / mean l)). Words are runs of letters
and digits, in lower case; nothing is stemmed and no word is left out.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_WORD = re.compile(r"\w+")


def words(text: str) -> list[str]:
    """The words of a text in the order of the text."""
    return _WORD.findall(text.lower())


class BM25:
    """An index over texts, which are read once and not kept: 8 bytes for each different word of each document."""

    def __init__(self, texts: Iterable[str], *, k1: float = 0.9, b: float = 0.4) -> None:
        """k1, b: 0.9 and 0.4 as in BEIR's baseline (Anserini)."""
        from scipy import sparse  # noqa: PLC0415 - loading it takes long, and few runs need it

        self._terms: dict[str, int] = {}
        columns, counts, ends, lengths = array("i"), array("f"), array("q", [0]), array("q")
        for text in texts:
            found = Counter(words(text))
            columns.extend(self._terms.setdefault(word, len(self._terms)) for word in found)
            counts.extend(found.values())
            ends.append(len(columns))
            lengths.append(found.total())
        self.documents = len(lengths)
        shape = (self.documents, len(self._terms))
        matrix = sparse.csr_array((np.array(counts), np.array(columns), np.array(ends)), shape=shape)
        matrix.data = _weights(matrix, np.array(lengths, np.float64), k1, b)
        self._by_term: Any = matrix.tocsc()

    def scores(self, query: str) -> NDArray[np.float32]:
        """The score of each document, in their order; 0.0 where it has no word of the query."""
        total = np.zeros(self.documents, np.float32)
        index = self._by_term
        for word, count in sorted(Counter(words(query)).items()):
            term = self._terms.get(word)
            if term is not None:
                entries = slice(index.indptr[term], index.indptr[term + 1])
                total[index.indices[entries]] += count * index.data[entries]
        return total

    def top_k(self, query: str, k: int, ids: Sequence[str]) -> list[tuple[str, float]]:
        """The first k documents that have a word of the query, with their scores; equal scores by descending id."""
        scores = self.scores(query)
        found = np.flatnonzero(scores > 0.0)
        if len(found) > k:
            limit = np.partition(scores[found], -k)[-k]
            found = found[scores[found] >= limit]
        pairs = [(ids[row], float(scores[row])) for row in found.tolist()]
        return sorted(pairs, key=lambda pair: (pair[1], pair[0]), reverse=True)[:k]


def _weights(counts: Any, lengths: NDArray[np.float64], k1: float, b: float) -> NDArray[np.float32]:
    """What each word of each document adds to the score of a query that has it. counts: (documents, words)."""
    documents, vocabulary = counts.shape
    of_term = np.bincount(counts.indices, minlength=vocabulary)
    idf = np.log1p((documents - of_term + 0.5) / (of_term + 0.5)).astype(np.float32)
    mean = lengths.mean() if lengths.any() else 1.0
    norms = (k1 * (1.0 - b + b * lengths / mean)).astype(np.float32)
    weights = counts.data / (counts.data + np.repeat(norms, np.diff(counts.indptr))) * idf[counts.indices]
    return np.asarray(weights, dtype=np.float32)
