"""Stubs for imports of the official memory classes: vectors, search, BM25+, a decorator, three names.

Part of the process of the simulated APIs (simulation_child): standard library only.
"""

from __future__ import annotations

import json
import sys
import types
from typing import Any


class Encoder:
    """Stands in for sentence_transformers.SentenceTransformer: asks the other side of the socket."""

    lines: Any = None
    connection: Any = None

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def get_sentence_embedding_dimension(self) -> int:
        """Nothing here depends on it."""
        return 0

    def encode(self, texts: list[str], **_: object) -> list[list[float]]:
        """One vector for each text."""
        self.connection.sendall(json.dumps({"embed": texts}).encode() + b"\n")
        vectors: list[list[float]] = json.loads(self.lines.readline())["vectors"]
        return vectors


class Index:
    """Stands in for faiss.IndexIDMap over IndexFlatIP: exact search by inner product, the best first."""

    def __init__(self, *_: object) -> None:
        self._vectors: dict[int, list[float]] = {}

    def reset(self) -> None:
        """Forget all."""
        self._vectors.clear()

    def add_with_ids(self, vectors: list[list[float]], ids: list[int]) -> None:
        """Keep vectors under these numbers."""
        self._vectors.update(zip(ids, vectors, strict=True))

    def remove_ids(self, ids: list[int]) -> None:
        """Forget these."""
        for number in ids:
            self._vectors.pop(number, None)

    def search(self, queries: list[list[float]], count: int) -> tuple[list[list[float]], list[list[int]]]:
        """Scores and numbers of the best, a row for each query; numbers are -1 where there are too few."""
        rows = []
        for query in queries:
            found = [(sum(map(float.__mul__, query, vector)), number) for number, vector in self._vectors.items()]
            best = sorted(found, key=lambda pair: -pair[0])[: max(0, count)]
            rows.append(best + [(0.0, -1)] * (count - len(best)))
        return [[score for score, _ in row] for row in rows], [[number for _, number in row] for row in rows]


def import_stubs() -> None:
    """Modules that the official memory classes import: a decorator, three names that are not called, BM25+, vectors."""

    class BM25Plus:
        """BM25+ (Lv & Zhai 2011) with the constants of the package rank_bm25."""

        def __init__(self, corpus: list[list[str]]) -> None:
            from collections import Counter  # noqa: PLC0415 - only memory needs it

            self.texts = [Counter(text) for text in corpus]
            self.mean = sum(map(len, corpus)) / len(corpus)
            self.known = Counter(word for text in self.texts for word in text)

        def get_scores(self, query: list[str]) -> list[float]:
            from math import log  # noqa: PLC0415

            k1, b, delta, number = 1.5, 0.75, 1, len(self.texts)
            scores = [0.0] * number
            for word in query:
                weight = log((number + 1) / self.known[word]) if word in self.known else 0.0
                for place, text in enumerate(self.texts):
                    count = text[word]
                    longer = k1 * (1 - b + b * text.total() / self.mean)
                    scores[place] += weight * (delta + count * (k1 + 1) / (longer + count))
            return scores

    unused = dict.fromkeys(("get_directory_structure_by_id", "is_first_memory_prereq_entry", "is_memory_prereq"))
    for name, content in (
        ("overrides", {"final": lambda method: method}),
        ("rank_bm25", {"BM25Plus": BM25Plus}),
        ("bfcl_eval.utils", unused),
        ("sentence_transformers", {"SentenceTransformer": Encoder}),
        ("faiss", {"IndexFlatIP": Index, "IndexIDMap": Index}),
        # The vector memory uses it to hand lists on.
        ("numpy", {"asarray": _listed, "array": _listed, **dict.fromkeys(("ndarray", "float32", "int64"))}),
    ):
        module = types.ModuleType(name)
        vars(module).update(content)
        sys.modules[name] = module


def _listed(values: Any, dtype: object = None) -> list[Any]:
    return list(values)
