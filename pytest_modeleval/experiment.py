"""Do two results come from the same experiment? The one home of that rule: for resuming, merging and comparing.

Each function returns the differences as phrases, "<fact> <one value> there, <other value> here"; an empty list (or
text) means that the two belong to the same experiment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pytest_modeleval.plan import Plan
from pytest_modeleval.results import ExperimentIdentity

# A digest is shown by its first digits: enough to recognise it.
_SHOWN_DIGITS = 12


def plan_differences(old: Plan, new: Plan) -> list[str]:
    """Why two plans of one benchmark cannot share a run folder.

    Subsets that only one of them has do not matter: a run may be extended.
    """
    found = [*_versions(old.version, new.version), *_changes(old.params, new.params)]
    calls = old.tool_calls or "native", new.tool_calls or "native"
    if calls[0] != calls[1]:
        found.append(f"tool calls asked for as {calls[0]} there, as {calls[1]} here")
    for subset in sorted(old.data.keys() & new.data.keys()):
        before, now = old.data[subset].get("sha256"), new.data[subset].get("sha256")
        if before != now:
            found.append(f"other rows in subset {subset} (sha256 {_digest(before)} there, {_digest(now)} here)")
        before, now = old.data[subset].get("variant"), new.data[subset].get("variant")
        if before != now:
            found.append(f"subset {subset} asked with {before or 'nothing named'} there, {now or 'nothing named'} here")
    return found


def identity_differences(then: ExperimentIdentity, now: ExperimentIdentity) -> list[str]:
    """Why two results of one benchmark must not be compared.

    Prompts are compared on the questions that both have; where one side does not know its prompts, by their digest.
    """
    found = [*_versions(then.version, now.version)]
    if then.data_sha256 != now.data_sha256:
        found.append(_digests("data", then.data_sha256, now.data_sha256))
    if then.prompts and now.prompts:
        shared = then.prompts.keys() & now.prompts.keys()
        changed = sorted(question for question in shared if then.prompts[question] != now.prompts[question])
        if changed:
            first = " ".join(changed[0])
            found.append(f"the prompts of {len(changed)} of {len(shared)} questions in both, such as {first}")
    elif then.prompt_sha256 != now.prompt_sha256:
        found.append(_digests("prompt", then.prompt_sha256, now.prompt_sha256))
    return [*found, *_changes(then.params, now.params)]


def why_incomparable(then: ExperimentIdentity | None, now: ExperimentIdentity | None, benchmark: str) -> str:
    """Why a result of a benchmark must not be compared with an earlier one, as one phrase; "" if it may be.

    then, now: None where that side has no such benchmark or does not know how it asked.
    """
    if then is None:
        return f"it holds no {benchmark}"
    if now is None:
        return "this run does not say how it asked"
    return "; ".join(identity_differences(then, now))


def server_differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Why two runs were not answered by the same model on the same server, from the contents of their run.json.

    Both carry a digest of it ("identity"); where that differs and no recorded fact does, the digests are named.
    """
    if one.get("identity") == other.get("identity"):
        return []
    found = [*_changes(_server_facts(one), _server_facts(other), absent="unknown")]
    return found or [f"identity {_digest(one.get('identity'))} there, {_digest(other.get('identity'))} here"]


def _server_facts(run: Mapping[str, Any]) -> dict[str, Any]:
    server = run.get("server") or {}
    known = {f"server {name}": value for name, value in server.items() if isinstance(value, str | int | float | bool)}
    return {"model": run.get("model"), "served": run.get("served"), **known}


def _versions(then: object, now: object) -> Iterator[str]:
    if then != now:
        yield f"benchmark version {then} there, {now} here"


def _changes(then: Mapping[str, Any], now: Mapping[str, Any], *, absent: str = "not sent") -> Iterator[str]:
    for name in sorted({*then, *now}):
        old, new = then.get(name), now.get(name)
        if old != new:
            yield f"{name} {absent if old is None else old} there, {absent if new is None else new} here"


def _digests(what: str, then: str, now: str) -> str:
    return f"{what} sha256 {_digest(then)} there, {_digest(now)} here"


def _digest(value: object) -> str:
    return str(value or "")[:_SHOWN_DIGITS] or "unknown"
