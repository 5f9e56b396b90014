"""Measures of one ranking against judged documents, as trec_eval 9 defines them (github.com/usnistgov/trec_eval).

A ranking is a sequence of document ids, best first, without repetition; `ranked` makes it of scores. Gains are the
judgements of one query: document id -> gain. A document with a gain above 0 is relevant; one with 0 or less, or without
a judgement, is not. A query without any relevant document has no measure: every function raises ValueError for it,
where trec_eval gives 0.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping, Sequence


def ranked(scores: Mapping[str, float]) -> list[str]:
    """The documents by descending score; equal scores by descending id, as trec_eval (form_res_rels.c) sorts them.

    Scores are rounded to 32 bits first, as trec_eval keeps them. Raises ValueError for a score that is no number.
    """
    rounded = {document: _as_float32(score) for document, score in scores.items()}
    wrong = [document for document, score in rounded.items() if math.isnan(score)]
    if wrong:
        raise ValueError(f"expected a number as the score of each document, found NaN for {wrong[0]!r:.80}")
    return sorted(rounded, key=lambda document: (rounded[document], document), reverse=True)


def _as_float32(score: float) -> float:
    try:
        rounded: float = struct.unpack("f", struct.pack("f", score))[0]
    except OverflowError:
        return math.copysign(math.inf, score)
    return rounded


def ndcg(ranking: Sequence[str], gains: Mapping[str, float], k: int | None = None) -> float:
    """Normalized discounted cumulative gain of the first k documents (Järvelin & Kekäläinen 2002), None for all.

    trec_eval's ndcg_cut: the gain itself is summed (not 2^gain - 1), divided by log2(rank + 1); negative gains count
    as 0; the ideal ranking is cut at k too.
    """
    _check(ranking, gains)
    ideal = sorted((gain for gain in gains.values() if gain > 0), reverse=True)
    return _discounted([gains.get(document, 0.0) for document in ranking[:k]]) / _discounted(ideal[:k])


def _discounted(gains: Iterable[float]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, start=1) if gain > 0)


def recall(ranking: Sequence[str], gains: Mapping[str, float], k: int | None = None) -> float:
    """The share of the relevant documents that are among the first k (trec_eval: recall)."""
    return len(_ranks(ranking, gains, k)) / _relevant(gains)


def precision(ranking: Sequence[str], gains: Mapping[str, float], k: int) -> float:
    """Relevant documents among the first k, divided by k, however short the ranking is (trec_eval: P)."""
    return len(_ranks(ranking, gains, k)) / k


def hit_rate(ranking: Sequence[str], gains: Mapping[str, float], k: int) -> float:
    """1.0 if a relevant document is among the first k, else 0.0 (trec_eval: success)."""
    return float(bool(_ranks(ranking, gains, k)))


def reciprocal_rank(ranking: Sequence[str], gains: Mapping[str, float], k: int | None = None) -> float:
    """1 / rank of the first relevant document, 0.0 if none is among the first k (trec_eval: recip_rank, without k)."""
    ranks = _ranks(ranking, gains, k)
    return 1.0 / ranks[0] if ranks else 0.0


def average_precision(ranking: Sequence[str], gains: Mapping[str, float], k: int | None = None) -> float:
    """The mean over all relevant documents of the precision at their ranks, 0 for those not found (trec_eval: map)."""
    ranks = _ranks(ranking, gains, k)
    return sum(found / rank for found, rank in enumerate(ranks, start=1)) / _relevant(gains)


def _ranks(ranking: Sequence[str], gains: Mapping[str, float], k: int | None) -> list[int]:
    """The ranks, from 1, of the relevant documents among the first k."""
    _check(ranking, gains)
    return [rank for rank, document in enumerate(ranking[:k], start=1) if gains.get(document, 0.0) > 0]


def _relevant(gains: Mapping[str, float]) -> int:
    return sum(gain > 0 for gain in gains.values())


def _check(ranking: Sequence[str], gains: Mapping[str, float]) -> None:
    if len(set(ranking)) != len(ranking):
        twice = next(document for document in ranking if ranking.count(document) > 1)
        raise ValueError(f"expected each document once in a ranking, found {twice!r:.80} twice")
    if not _relevant(gains):
        raise ValueError("expected at least one relevant document, found none: the measure is not defined")
