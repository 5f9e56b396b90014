"""Requests for relevance scores: a query and documents become a score for each document.

    jina   POST /v1/rerank {model, query, documents, top_n}       {results: [{index, relevance_score}]}
           (Jina, Cohere, vLLM, llama.cpp; SGLang answers with a bare list of {index, score})
    tei    POST /rerank {query, texts}                            a bare list of {index, score}
    root   POST /rerank {model, query, documents, top_n}          as jina (Infinity; gateways without /v1)

Whatever was asked, an answer in any of these shapes is read. Answers are sorted by score; `index` says whose it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pytest_modeleval.client.failures import bad_response_error, raise_for_error
from pytest_modeleval.client.json_object import parse_results
from pytest_modeleval.client.reply import plain_reply
from pytest_modeleval.client.route import Query, Route
from pytest_modeleval.errors import AttemptFailed, Ungraded
from pytest_modeleval.records import JsonObject, Kind

from .vectors import in_order

FIELD = "relevance_scores"
"""Of a Reply: the scores in the order of the documents."""
TEI_TEXTS = 32
"""Its default for the most texts of a request; one of 33 is refused."""


@dataclass(frozen=True, slots=True)
class RerankForm:
    """How documents are sent."""

    path: str
    documents: str
    """The name of their field."""
    is_at_root: bool
    most_documents: int | None = None
    """In one request; None for any number."""


FORMS: Mapping[str, RerankForm] = {
    "jina": RerankForm("/rerank", "documents", is_at_root=False),
    "tei": RerankForm("/rerank", "texts", is_at_root=True, most_documents=TEI_TEXTS),
    "root": RerankForm("/rerank", "documents", is_at_root=True),
}
"""In the order in which they are tried."""


def rerank_query(
    form: RerankForm, query: str, documents: Sequence[str], *, model: str, params: Mapping[str, Any]
) -> Query:
    """A request for the scores of documents. params: of embedding.vectors.sent_params."""
    body: JsonObject = {"query": query, form.documents: list(documents)}
    if form.documents == "documents":
        body = {**params, **body, "model": model, "top_n": len(documents)}
    read = partial(_read, count=len(documents))
    return Query(Route(form.path, read, is_at_root=form.is_at_root, is_strict=True, parse=parse_results), body)


def scores_of(reply: Mapping[str, Any], count: int) -> list[float]:
    """The scores of a Reply. Raises Ungraded for a stored reply without them."""
    found = reply.get(FIELD)
    if not isinstance(found, list) or len(found) != count or not all(map(_is_score, found)):
        raise Ungraded("the stored reply has no relevance scores", kind=Kind.BAD_RESPONSE, cause="no_scores")
    return list(map(float, found))


def _read(found: Mapping[str, Any], *, count: int) -> JsonObject:
    """The Reply with the scores in the order of the documents. Raises AttemptFailed for an answer with a fault."""
    raise_for_error(found)
    results = found.get("results", found.get("data"))
    if not isinstance(results, list):
        raise _wrong("a list of {index, relevance_score}", "none", "no_scores")
    scores = in_order([_entry(result) for result in results], count, "score")
    for place, score in enumerate(scores):
        if not _is_score(score):
            cause = "not_finite" if score is None or isinstance(score, float) else "no_scores"
            raise _wrong("a finite number as each score", f"{str(score)[:20]} for document {place}", cause)
    return {**plain_reply(found), FIELD: [float(score) for score in scores]}


def _entry(result: Any) -> tuple[object, Any]:
    if not isinstance(result, dict):
        raise _wrong("objects with index and relevance_score", f"{str(result)[:40]}", "no_scores")
    return result.get("index"), result.get("relevance_score", result.get("score"))


def _is_score(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _wrong(expected: str, found: str, cause: str) -> AttemptFailed:
    return bad_response_error(f"rerank: expected {expected}, found {found}", cause)
