"""How a stored run asked, as comparisons want to know it: from its journals alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from pytest_modeleval.results import Identity


def identities_of(plans: Iterable[Mapping[str, Any]]) -> dict[str, Identity]:
    """Benchmark -> identity. plans: merged, one for each benchmark (`summary.merge_plans`)."""
    return {
        plan["benchmark"]: Identity(
            plan["benchmark"], plan["version"], data_sha256=_data_hash(plan["data"]), params=_asked_with(plan)
        )
        for plan in plans
    }


def _asked_with(plan: Mapping[str, Any]) -> Mapping[str, Any]:
    # Calls in the prompt are no parameter of a request, but answers to them compare with no others all the same.
    return {**plan["params"], "tool_calls": "text"} if plan.get("tool_calls") == "text" else plan["params"]


def _data_hash(data: Mapping[str, Mapping[str, Any]]) -> str:
    # The variant only where there is one, so that baselines of all other benchmarks stay what they are.
    rows = sorted(
        (subset, entry.get("sha256"), *filter(None, [entry.get("variant")])) for subset, entry in data.items()
    )
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()
