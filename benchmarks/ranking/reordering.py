"""Candidates of a first stage, put into another order by scores."""

from __future__ import annotations

from pytest_modeleval import Model, Sample
from pytest_modeleval.retrieval.metrics import ranked

from .collections import COLLECTION_OPTIONS, CUT_OPTION, PREFIX_OPTIONS, SIMILARITY_OPTION, CutTexts, Ranking
from .first_stage import FIRST_STAGE_OPTIONS, FirstStages, candidates

OPTIONS = [*COLLECTION_OPTIONS, *FIRST_STAGE_OPTIONS, *PREFIX_OPTIONS, CUT_OPTION, SIMILARITY_OPTION]


async def candidate_texts(sample: Sample, model: Model) -> tuple[list[str], list[str]]:
    """Ids and texts of the candidates, in the order of the first stage."""
    texts = CutTexts.of(sample)
    found = await candidates(sample, model)
    known = await model.shared(FirstStages).texts(texts.collection)
    return found, [texts.cut(known[document]) for document in found]


def reordered(first: list[str], scores: list[float]) -> Ranking:
    """By descending score, equal ones by descending id."""
    by_id = dict(zip(first, scores, strict=True))
    order = ranked(by_id)
    return Ranking(tuple(order), tuple(by_id[document] for document in order), tuple(first))
