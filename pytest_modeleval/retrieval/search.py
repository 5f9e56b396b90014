"""Exact nearest neighbours of query vectors in a corpus of vectors. NumPy is loaded by the first search.

Pages import `top_k`, and pages whose subsets come from the data are imported in every run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

Similarity = Literal["cosine", "dot"]


@dataclass(frozen=True, slots=True)
class TopK:
    """The best documents of each query, best first; every row has min(k, documents) entries."""

    rows: NDArray[np.int64]
    """Rows of the corpus, (queries, k)."""

    scores: NDArray[np.float32]
    """Their similarity, (queries, k)."""


def top_k(
    queries: NDArray[np.float32],
    corpus: NDArray[np.float32],
    k: int,
    similarity: Similarity = "cosine",
    *,
    ids: Sequence[str] | None = None,
) -> TopK:
    """The k most similar documents of each query, exactly.

    queries, corpus: (n, d); the corpus may be a memory map, of which one block is looked at at a time.
    similarity: "cosine", where a vector of length 0 has similarity 0 to all, or "dot".
    ids: of the documents. Equal scores come by descending id, as trec_eval sorts them; without ids by ascending row.
    Memory: about 100 MiB beyond arguments and result. Raises ValueError for shapes that do not fit and for NaN.
    """
    from pytest_modeleval.retrieval.exact_search import search_exactly  # noqa: PLC0415 - loads NumPy

    return TopK(*search_exactly(queries, corpus, k, similarity, ids))
