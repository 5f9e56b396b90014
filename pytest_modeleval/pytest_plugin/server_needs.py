"""Tries before the first request whether the servers give what the benchmarks need, and in which form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pytest_modeleval.evaluation.planned_items import PlannedBenchmark
from pytest_modeleval.roles import EMBEDDING_ROLES, RERANK_ROLES
from pytest_modeleval.runs.connection import Connection
from pytest_modeleval.runs.image_check import sends_images, why_no_images
from pytest_modeleval.server_facts import ModelFacts
from pytest_modeleval.settings import Settings

Find = Callable[[ModelFacts, Mapping[str, Any], str | None], ModelFacts]
Params = Mapping[str, Mapping[str, Any]]
"""Benchmark -> the parameters of its requests."""


def unmet_needs(plans: Iterable[PlannedBenchmark], settings: Settings, connection: Connection) -> dict[str, str]:
    """Benchmark -> why a server cannot give what it needs, for those of which that is true.

    How each model gives vectors and relevance is entered into the connection. Raises ConnectError.
    """
    plans = list(plans)
    reasons = _unseen(plans, settings, connection)
    needy = [plan for plan in plans if plan.benchmark.needs_scores or _endpoint_roles(plan)]
    if not needy:
        return reasons
    params = {
        plan.benchmark.name: {**plan.benchmark.defaults, **connection.params, **settings.params} for plan in needy
    }
    reasons |= {
        **_unscored(needy, params, settings, connection),
        **_without_endpoint(needy, params, settings, connection),
    }
    return {name: reason for name, reason in reasons.items() if reason}


def _unseen(plans: Sequence[PlannedBenchmark], settings: Settings, connection: Connection) -> dict[str, str]:
    """Benchmark that sends pictures -> why the server takes none."""
    seeing = [plan.benchmark.name for plan in plans if sends_images(plan)]
    params = {**connection.params, **settings.params}
    reason = why_no_images(connection.model, params, key=settings.key) if seeing else ""
    return dict.fromkeys(seeing, reason) if reason else {}


def _unscored(
    plans: Sequence[PlannedBenchmark], params: Params, settings: Settings, connection: Connection
) -> dict[str, str]:
    """Benchmark -> why the server gives no probabilities, "" if it does."""
    from pytest_modeleval.runs import likelihood_check as check  # noqa: PLC0415 - few need it

    model, key = connection.model, settings.key
    texts = [plan.benchmark.name for plan in plans if plan.benchmark.needs_likelihood]
    reasons = dict.fromkeys(texts, check.why_no_likelihoods(model, key=key) if texts else "")
    for plan in plans:
        name = plan.benchmark.name
        if plan.benchmark.needs_labels:
            reasons[name] = reasons.get(name) or check.why_no_labels(model, params[name], key=key)
        if plan.benchmark.needs_decisions:
            reasons[name] = reasons.get(name) or check.why_no_decisions(
                model, params[name], key=key, system=settings.system
            )
    return reasons


def _without_endpoint(
    plans: Sequence[PlannedBenchmark], params: Params, settings: Settings, connection: Connection
) -> dict[str, str]:
    """Benchmark -> why a model that it needs gives no vectors or no relevance."""
    embedding = [plan.benchmark.name for plan in plans if plan.benchmark.needs_embeddings]
    ranking = [plan.benchmark.name for plan in plans if plan.benchmark.needs_rerank]
    roles = {
        role: [plan.benchmark.name for plan in plans if role in _endpoint_roles(plan)] for role in connection.roles
    }
    if not (embedding or ranking or any(roles.values())):
        return {}
    from pytest_modeleval.runs import endpoint_check as check  # noqa: PLC0415 - numpy

    reasons: dict[str, str] = {}

    def found(
        names: Sequence[str], find: Find, model: ModelFacts, given: Mapping[str, Any], key: str | None
    ) -> ModelFacts:
        try:
            return find(model, given, key) if names else model
        except check.Lacking as lacking:
            reasons.update(dict.fromkeys(names, str(lacking)))
            return model

    for names, find in ((embedding, check.with_encoding), (ranking, check.with_rerank_form)):
        given = params[names[0]] if names else {}
        connection.model = found(names, find, connection.model, given, settings.key)
    for role, names in roles.items():
        facts = connection.roles[role]
        find = check.with_encoding if role in EMBEDDING_ROLES else check.with_rerank_form
        model = found(names, find, facts.model, facts.params, settings.roles[role].key)
        connection.roles = {**connection.roles, role: replace(facts, model=model)}
    return reasons


def _endpoint_roles(plan: PlannedBenchmark) -> list[str]:
    """The roles of a benchmark whose models are asked for vectors or relevance."""
    return [role for role in plan.benchmark.roles_under(plan.options) if role in EMBEDDING_ROLES | RERANK_ROLES]
