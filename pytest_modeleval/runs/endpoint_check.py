"""Finds out before the first sample how a server gives vectors and relevance scores, for benchmarks that need them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_modeleval.embedding.self_check import NoEndpoint, find_cut, find_encoding, find_rerank_form
from pytest_modeleval.embedding.vectors import FLOAT, sent_params
from pytest_modeleval.errors import AttemptFailed, ConnectError
from pytest_modeleval.runs.likelihood_check import post_with_retries

if TYPE_CHECKING:
    from pytest_modeleval.client.route import Ask, Query
    from pytest_modeleval.records import JsonObject
    from pytest_modeleval.server_facts import ModelFacts

T = TypeVar("T")
VECTORS = "vectors from /v1/embeddings"
RELEVANCE = "relevance scores from /v1/rerank or /rerank"


class Lacking(Exception):
    """The server does not give this. The message says what could."""


def with_encoding(model: ModelFacts, params: Mapping[str, Any], key: str | None) -> ModelFacts:
    """The model with the encoding in which all replicas give vectors. Raises Lacking, ConnectError."""
    sent = sent_params(params)
    found = _each(model, key, VECTORS, lambda ask: find_encoding(ask, model.served, sent))
    encoding = found[0] if len(set(found)) == 1 else FLOAT
    cuts = _each(model, key, VECTORS, lambda ask: find_cut(ask, model.served, sent, model.context_tokens))
    return replace(model, embedding_encoding=encoding, cut_at_tokens=min(filter(None, cuts), default=None))


def with_rerank_form(model: ModelFacts, params: Mapping[str, Any], key: str | None) -> ModelFacts:
    """The model with the form of its rerank endpoint. Raises Lacking, ConnectError."""
    sent = sent_params(params)
    found = _each(model, key, RELEVANCE, lambda ask: find_rerank_form(ask, model.served, sent))
    if len(set(found)) > 1:
        raise ConnectError(f"expected the same form of rerank at all replicas, found {', '.join(sorted(set(found)))}")
    return replace(model, rerank_form=found[0])


def _each(model: ModelFacts, key: str | None, what: str, check: Callable[[Ask], Awaitable[T]]) -> list[T]:
    """What each replica answers."""
    return [asyncio.run(_checked(model, url, key, what, check)) for url in model.urls]


async def _checked(model: ModelFacts, url: str, key: str | None, what: str, check: Callable[[Ask], Awaitable[T]]) -> T:
    async def ask(query: Query) -> JsonObject:
        return post_with_retries(url, query, key)

    try:
        return await check(ask)
    except NoEndpoint as absent:
        raise Lacking(f"they need {what}, which {model.name} ({model.kind} at {url}) does not give: {absent}") from None
    except AttemptFailed as failure:
        raise ConnectError(f"{url} gives no valid {what} at this moment: {failure}") from failure
