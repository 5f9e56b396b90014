"""A ranking becomes a grade: its measures by the judgements of the query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pytest_modeleval import Grade, Sample
from pytest_modeleval.metrics import Measure, mean
from pytest_modeleval.retrieval.metrics import average_precision, hit_rate, ndcg, recall, reciprocal_rank

from .collections import CutTexts, Ranking

PRIMARY = "ndcg@10"
MEASURES: list[Measure] = [
    mean(name) for name in (PRIMARY, "recall@10", "recall@100", "mrr@10", "map", "map@100", "hit@10")
]
# Of candidates that are put into another order: their nDCG@10 before it, and the recall that no order can exceed.
FIRST_MEASURES: list[Measure] = [mean(f"first_{PRIMARY}"), mean("candidates_recall")]
# Documents and ranks that an explanation lists.
_MOST_SHOWN = 5


def measures_of(ranking: Sequence[str], gains: Mapping[str, float]) -> dict[str, float]:
    """The value of each of MEASURES for one query."""
    return {
        PRIMARY: min(1.0, ndcg(ranking, gains, 10)),
        "recall@10": recall(ranking, gains, 10),
        "recall@100": recall(ranking, gains, 100),
        "mrr@10": reciprocal_rank(ranking, gains, 10),
        "map": min(1.0, average_precision(ranking, gains)),
        "map@100": min(1.0, average_precision(ranking, gains, 100)),
        "hit@10": hit_rate(ranking, gains, 10),
    }


def grade_ranking(sample: Sample, ranking: Ranking) -> Grade:
    """The credit is nDCG@10."""
    gains = sample.data["gains"]
    measures = measures_of(ranking.ids, gains)
    if ranking.first_ids is not None:
        measures[FIRST_MEASURES[0].name] = min(1.0, ndcg(ranking.first_ids, gains, 10))
        measures[FIRST_MEASURES[1].name] = recall(ranking.first_ids, gains)
    value = measures[PRIMARY]
    return Grade.partial(
        value,
        ", ".join(ranking.ids[:_MOST_SHOWN]),
        cause="partial" if value else "none_in_first_10",
        explanation=_explanation(ranking.ids, gains),
        marks=[*ranking.marks, *_marks(sample)],
        measures=measures,
    )


def _explanation(ranking: Sequence[str], gains: Mapping[str, float]) -> str:
    relevant = {document for document, gain in gains.items() if gain > 0}
    ranks = [rank for rank, document in enumerate(ranking, start=1) if document in relevant]
    shown = ", ".join(map(str, ranks[:_MOST_SHOWN])) + (", ..." if len(ranks) > _MOST_SHOWN else "")
    missing = len(relevant) - len(ranks)
    found = f"{len(ranks)} of {len(relevant)} relevant documents found" + (f", at the ranks {shown}" if ranks else "")
    return f"{found}; {missing} not among the first {len(ranking):,}" if missing else found


def _marks(sample: Sample) -> list[str]:
    """What is true of the relevant documents whatever the ranking."""
    texts = CutTexts.of(sample)
    relevant = {document for document, gain in sample.data["gains"].items() if gain > 0}
    marks = []
    if not relevant.isdisjoint(texts.cut_ids):
        marks.append(f"a relevant document is longer than {texts.characters:,} characters and was cut")
    if not relevant.isdisjoint(texts.collection.empty):
        marks.append("a relevant document has no text and cannot be found")
    return marks
