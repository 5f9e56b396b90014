"""Checks before the first sample that the server can score texts, for benchmarks that need it, and scores them well."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

import orjson

from pytest_modeleval._support.retry import RetryLater, retry
from pytest_modeleval._support.side_requests import SideRequestError, http_post
from pytest_modeleval.client.failures import error_text, status_error, too_large_error
from pytest_modeleval.errors import AttemptFailed, ConnectError
from pytest_modeleval.likelihood.backends import SERVERS, find_backend
from pytest_modeleval.likelihood.decisions import check_decisions
from pytest_modeleval.likelihood.labels import check_labels
from pytest_modeleval.likelihood.self_check import NoLikelihoods, WrongLikelihoods, check_likelihoods
from pytest_modeleval.records import JsonObject, Kind

if TYPE_CHECKING:
    from pytest_modeleval.client.route import Ask, Query
    from pytest_modeleval.server_facts import ModelFacts

TIMEOUT_S = 180.0
"""For one request: vLLM on a CPU compiles for half a minute at the first one that wants log-probabilities."""
_WAITS_S = (1.0, 3.0)


def why_no_likelihoods(model: ModelFacts, *, key: str | None) -> str:
    """Why the server cannot score texts and what could, in one sentence; "" if it can, which is tried at each replica.

    Raises ConnectError where its scores cannot be right, or it does not answer.
    """
    backend = find_backend(model.kind, model.served)
    if backend is None:
        return (
            "they need log-probabilities of given texts, which this server is not known to offer: use them with "
            f"{SERVERS}"
        )
    return _check_each(model, key, "log-probabilities of given texts", lambda ask: check_likelihoods(backend, ask))


def why_no_labels(model: ModelFacts, params: Mapping[str, Any], *, key: str | None) -> str:
    """The same for labels in place of texts. params: of the benchmark's requests."""
    return _check_each(
        model, key, "the likely first tokens of a reply", lambda ask: check_labels(ask, model.served, params)
    )


def why_no_decisions(model: ModelFacts, params: Mapping[str, Any], *, key: str | None, system: str) -> str:
    """The same for options scored by the server's own prompt. system: of --eval-system, which it cannot take."""
    if system:
        return "/v1/decisions takes no system prompt; leave out --eval-system"
    what = "probabilities of options from /v1/decisions (SGLang 0.5.23; vLLM 0.33 for some models)"
    return _check_each(model, key, what, lambda ask: check_decisions(ask, model, params))


def _check_each(
    model: ModelFacts, key: str | None, what: str, check: Callable[[Ask], Coroutine[Any, Any, None]]
) -> str:
    for url in model.urls:

        async def ask(query: Query, url: str = url) -> JsonObject:
            return post_with_retries(url, query, key)

        try:
            asyncio.run(check(ask))
        except NoLikelihoods as absent:
            return f"they need {what}, which {model.kind} at {url} does not give: {absent}"
        except WrongLikelihoods as wrong:
            raise ConnectError(
                f"the log-probabilities of {model.kind} at {url} cannot be right: {wrong}. Correct the server or what "
                "stands in front of it; or leave out the benchmarks that need them, with -k"
            ) from wrong
        except AttemptFailed as failure:
            raise ConnectError(f"{url} does not give log-probabilities at this moment: {failure}") from failure
    return ""


def post_with_retries(url: str, query: Query, key: str | None) -> JsonObject:
    """The reply to a query, asked again after a moment where that may help. Raises AttemptFailed."""
    return retry(lambda: _post(url, query, key), _WAITS_S)


def _post(url: str, query: Query, key: str | None) -> JsonObject:
    """The reply to a query. Raises AttemptFailed, or RetryLater where a moment may help."""
    try:
        return post_query(url, query, key=key)
    except AttemptFailed as failure:
        if failure.is_retryable and failure.kind is not Kind.BAD_RESPONSE:
            raise RetryLater(str(failure), failure=failure) from failure
        raise


def post_query(url: str, query: Query, *, key: str | None) -> JsonObject:
    """One query outside of a run. url: with /v1. Raises AttemptFailed."""
    try:
        answer = http_post(query.route.url(url), orjson.dumps(query.body), key=key, timeout_s=TIMEOUT_S)
    except SideRequestError as error:
        raise AttemptFailed(str(error), kind=Kind.SERVER_ERROR, cause="connection_lost") from error
    if answer.status != 200:
        found = answer.json()
        raise status_error(answer.status, error_text(found) if isinstance(found, dict) else answer.excerpt)
    if answer.is_truncated:
        raise too_large_error("the reply is longer than a score of a short text can be")
    return query.route.reply(answer.body)
