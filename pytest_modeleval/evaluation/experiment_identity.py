"""How a stored run asked, as comparisons want to know it: from its journals alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from pytest_modeleval.experiment import examples_digest, named_options, named_roles
from pytest_modeleval.plan import Plan
from pytest_modeleval.records import ItemKey, Outcome
from pytest_modeleval.results import PROMPT_DIGITS, ExperimentIdentity


def identities_of(plans: Iterable[Plan], outcomes: Mapping[ItemKey, Outcome]) -> dict[str, ExperimentIdentity]:
    """Benchmark -> identity. plans: merged, one for each benchmark (`summary.merge_plans`)."""
    prompts: dict[str, dict[tuple[str, str], str]] = {}
    for key, outcome in outcomes.items():
        if outcome.prompt:
            prompts.setdefault(key.benchmark, {})[key.subset, key.sample] = outcome.prompt[:PROMPT_DIGITS]
    return {
        plan.benchmark: ExperimentIdentity(
            plan.benchmark,
            plan.version,
            data_sha256=_data_hash(plan.data),
            prompt_sha256=_prompt_hash(prompts.get(plan.benchmark, {})),
            params=_asked_with(plan),
            prompts=prompts.get(plan.benchmark, {}),
        )
        for plan in plans
    }


def _prompt_hash(prompts: Mapping[tuple[str, str], str]) -> str:
    if not prompts:
        return ""
    return hashlib.sha256(
        json.dumps(sorted([*question, digest] for question, digest in prompts.items())).encode()
    ).hexdigest()


def _asked_with(plan: Plan) -> Mapping[str, Any]:
    # Calls in the prompt are no parameter of a request, but answers to them compare with no others all the same.
    calls = {"tool_calls": "text"} if plan.tool_calls == "text" else {}
    return {**plan.params, **calls, **named_options(plan), **named_roles(plan)}


def _data_hash(data: Mapping[str, Mapping[str, Any]]) -> str:
    # Variant and examples only where there are any, so that baselines of all other benchmarks stay what they are.
    rows = sorted(
        (subset, entry.get("sha256"), *filter(None, [entry.get("variant"), examples_digest(entry)]))
        for subset, entry in data.items()
    )
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()
