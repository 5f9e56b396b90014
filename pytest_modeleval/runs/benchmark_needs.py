"""The needs of the selected benchmarks, compared with the deployment before the first request."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_modeleval.errors import ConnectError
from pytest_modeleval.evaluation.planned_items import PlannedBenchmark
from pytest_modeleval.runs.connection import Connection
from pytest_modeleval.server_facts import PIPELINE


def deployment_notes(plans: Sequence[PlannedBenchmark], connection: Connection) -> list[str]:
    """Warnings, a sentence each. Raises ConnectError where no request of a benchmark can succeed."""
    model = connection.model
    if model.kind in ("", PIPELINE):
        return []
    from pytest_modeleval.server.deployment import BenchmarkNeeds, find_issues  # noqa: PLC0415 - not when rescoring

    needs = [
        BenchmarkNeeds(
            benchmark=plan.benchmark.name,
            params=plan.params,
            has_tools=_sends_tools(plan),
            is_in_text=plan.tool_calls == "text",
        )
        for plan in plans
        # Their requests generate nothing.
        if not plan.benchmark.needs_scores
    ]
    issues = find_issues(model.server, needs, context_tokens=model.context_tokens)
    fatal = [issue.text for issue in issues if issue.is_fatal]
    if fatal:
        raise ConnectError("; ".join(fatal))
    return [*(issue.text for issue in issues), *_cutting(connection)]


def _cutting(connection: Connection) -> list[str]:
    """A sentence for each model that was seen to cut texts."""
    models = [connection.model, *(facts.model for facts in connection.roles.values())]
    return [
        f"{model.name} cuts texts after {model.cut_at_tokens:,} tokens without a word, so that the rest of a longer "
        "one is not found; cut texts are counted"
        for model in models
        if model.cut_at_tokens
    ]


def _sends_tools(plan: PlannedBenchmark) -> bool:
    """True if it offers tools with its requests: as declared, or as the first sample's request shows."""
    if plan.tool_calls:
        return plan.tool_calls == "native"
    if plan.benchmark.request is None or not plan.samples:
        return False
    return bool(plan.benchmark.request(next(iter(plan.samples.values()))).tools)
