"""Do two results come from the same experiment? The rule for plans and identities, for resuming, merging and comparing.

Which folder a run may resume, with the further conditions of system prompt and roles: `runs/resume.py`.

Each function returns the differences as phrases, "<fact> <one value> there, <other value> here"; an empty list (or
text) means that the two belong to the same experiment. The old side is "there", the new side "here".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pytest_modeleval._support.shorten import shorten_repr
from pytest_modeleval.plan import Plan
from pytest_modeleval.records import sample_name
from pytest_modeleval.results import ExperimentIdentity

# A digest is shown by its first digits: enough to recognise it.
_SHOWN_DIGITS = 12
_SHOWN_PROMPT = 60


def plan_differences(old: Plan, new: Plan) -> list[str]:
    """Why two plans of one benchmark cannot share a run folder.

    Subsets that only one of them has do not matter: a run may be extended.
    """
    found = [*_versions(old.version, new.version), *_changes(old.params, new.params)]
    found += _changes(named_options(old), named_options(new), absent="not known")
    found += _changes(named_roles(old), named_roles(new), absent="none")
    calls = old.tool_calls or "native", new.tool_calls or "native"
    if calls[0] != calls[1]:
        found.append(f"tool calls asked for as {calls[0]} there, as {calls[1]} here")
    if old.system != new.system:
        found.append(f"system prompt {_prompt(old.system)} there, {_prompt(new.system)} here (--eval-system)")
    for subset in sorted(old.data.keys() & new.data.keys()):
        before, after = old.data[subset].get("sha256"), new.data[subset].get("sha256")
        if before != after:
            found.append(f"other rows in subset {subset} (sha256 {_digest(before)} there, {_digest(after)} here)")
        before, after = old.data[subset].get("variant"), new.data[subset].get("variant")
        if before != after:
            found.append(
                f"subset {subset} asked with {before or 'nothing named'} there, {after or 'nothing named'} here"
            )
        before, after = examples_digest(old.data[subset]), examples_digest(new.data[subset])
        if before != after:
            found.append(f"other examples in subset {subset} ({_digests('examples', before, after)})")
    return found


def plan_mismatch(old: Plan, new: Plan) -> str:
    """`plan_differences` as one phrase with the benchmark's name; "" where the two may share a run folder."""
    found = plan_differences(old, new)
    return f"with {new.benchmark}: {'; '.join(found)}" if found else ""


def model_text(served: object, identity: object) -> str:
    """A model as people tell it from others: its served name, and the first digits of its identity."""
    return f"{served} ({_digest(identity)})"


def named_options(plan: Plan) -> dict[str, Any]:
    """The values of a page's options, by names that no generation parameter has."""
    return {f"option {name}": value for name, value in plan.options.items()}


def named_roles(plan: Plan) -> dict[str, Any]:
    """The models in the plan's roles and their generation parameters, by names that no parameter of the run has."""
    found: dict[str, Any] = {}
    for role, model in plan.roles.items():
        found[f"role {role}"] = model_text(model["served"], model["identity"])
        found.update({f"role {role} {name}": value for name, value in model["params"].items()})
    return found


def examples_digest(entry: Mapping[str, Any]) -> str:
    """The SHA-256 of the file with the worked examples of a subset; "" without examples."""
    examples = entry.get("examples")
    return str(examples.get("sha256") or "") if isinstance(examples, Mapping) else ""


def identity_differences(old: ExperimentIdentity, new: ExperimentIdentity) -> list[str]:
    """Why two results of one benchmark must not be compared.

    Prompts are compared on the questions that both have; where one side does not know its prompts, by their digest.
    """
    found = [*_versions(old.version, new.version)]
    if old.data_sha256 != new.data_sha256:
        found.append(_digests("data", old.data_sha256, new.data_sha256))
    if old.prompts and new.prompts:
        shared = old.prompts.keys() & new.prompts.keys()
        changed = sorted(question for question in shared if old.prompts[question] != new.prompts[question])
        if changed:
            first = sample_name(*changed[0])
            found.append(f"the prompts of {len(changed)} of {len(shared)} questions in both, such as {first}")
    elif old.prompt_sha256 != new.prompt_sha256:
        found.append(_digests("prompt", old.prompt_sha256, new.prompt_sha256))
    return [*found, *_changes(old.params, new.params)]


def why_incomparable(old: ExperimentIdentity | None, new: ExperimentIdentity | None, benchmark: str) -> str:
    """Why a result of a benchmark must not be compared with an earlier one, as one phrase; "" if it may be.

    old, new: None where that side has no such benchmark or does not know how it asked.
    """
    if old is None:
        return f"it holds no {benchmark}"
    if new is None:
        return "this run does not say how it asked"
    return "; ".join(identity_differences(old, new))


def server_differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Why two runs were not answered by the same model on the same server, from the contents of their run.json.

    Both carry a digest of it ("identity"); where that differs and no recorded fact does, the digests are named.
    """
    if old.get("identity") == new.get("identity"):
        return []
    found = [*_changes(_server_facts(old), _server_facts(new), absent="unknown")]
    return found or [f"identity {_digest(old.get('identity'))} there, {_digest(new.get('identity'))} here"]


def _server_facts(run: Mapping[str, Any]) -> dict[str, Any]:
    server = run.get("server") or {}
    known = {f"server {name}": value for name, value in server.items() if isinstance(value, str | int | float | bool)}
    return {"model": run.get("model"), "served": run.get("served"), **known}


def _versions(old: object, new: object) -> Iterator[str]:
    if old != new:
        yield f"benchmark version {old} there, {new} here"


def _changes(old: Mapping[str, Any], new: Mapping[str, Any], *, absent: str = "not sent") -> Iterator[str]:
    for name in sorted({*old, *new}):
        before, after = old.get(name), new.get(name)
        if before != after:
            yield f"{name} {absent if before is None else before} there, {absent if after is None else after} here"


def _digests(what: str, old: str, new: str) -> str:
    return f"{what} sha256 {_digest(old)} there, {_digest(new)} here"


def _prompt(text: str) -> str:
    return shorten_repr(text, _SHOWN_PROMPT) if text else "none"


def _digest(value: object) -> str:
    return str(value or "")[:_SHOWN_DIGITS] or "unknown"
