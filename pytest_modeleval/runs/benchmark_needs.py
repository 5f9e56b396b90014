"""What about the deployment would spoil these benchmarks' scores: asked of server.deployment with what will be sent."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from pytest_modeleval.errors import ConnectError
from pytest_modeleval.evaluation.planned_items import BenchmarkPlan
from pytest_modeleval.runs.connection import Connection


def deployment_notes(plans: Sequence[BenchmarkPlan], connection: Connection) -> list[str]:
    """Warnings, a sentence each. Raises ConnectError where no request of a benchmark can succeed."""
    if not connection.server.get("kind"):
        return []
    from pytest_modeleval.server.deployment import BenchmarkNeeds, find_issues  # noqa: PLC0415 - only where a server is asked
    from pytest_modeleval.server.server_info import ServerFacts  # noqa: PLC0415

    names = {field.name for field in dataclasses.fields(ServerFacts)}
    known: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in connection.server.items()
        if name in names
    }
    facts = ServerFacts(**known)
    wishes = [
        BenchmarkNeeds(
            benchmark=plan.benchmark.name,
            params=plan.params,
            has_tools=_sends_tools(plan),
            is_in_text=plan.tool_calls == "text",
        )
        for plan in plans
    ]
    found = find_issues(facts, wishes, context_tokens=connection.model.context_tokens)
    fatal = [finding.text for finding in found if finding.is_fatal]
    if fatal:
        raise ConnectError("; ".join(fatal))
    return [finding.text for finding in found]


def _sends_tools(plan: BenchmarkPlan) -> bool:
    """True if it offers tools with its requests: as declared, or as the first sample's request shows."""
    if plan.tool_calls:
        return plan.tool_calls == "native"
    if plan.benchmark.request is None or not plan.samples:
        return False
    return bool(plan.benchmark.request(next(iter(plan.samples.values()))).tools)
