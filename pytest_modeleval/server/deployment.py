"""Finds what about a deployment would spoil scores, before the first benchmark request. Pure: facts in, text out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pytest_modeleval.server_facts import SGLANG, VLLM, ServerFacts

# Each of them changes answers. Unset ones are filled in from the model's own file or the server's defaults.
_SAMPLING = ("temperature", "top_p", "top_k")
# These refuse a request whose max_tokens cannot fit, with 400; others cut it silently.
_REFUSING = frozenset({SGLANG, VLLM})


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkNeeds:
    """What one benchmark needs of the server."""

    benchmark: str

    params: Mapping[str, Any] = field(default_factory=dict)
    """As they will be sent."""

    has_tools: bool = False
    """Whether its requests offer tools."""

    is_in_text: bool = False
    """Whether the prompt describes the tools instead, and calls are parsed from the text."""


@dataclass(frozen=True, slots=True)
class DeploymentIssue:
    """One thing that people should know."""

    text: str

    is_fatal: bool = False
    """Whether no request of that benchmark can succeed, so that the run must not begin."""


def find_issues(
    facts: ServerFacts, needs: Sequence[BenchmarkNeeds], *, context_tokens: int | None = None
) -> tuple[DeploymentIssue, ...]:
    """All issues of the deployment, each once, the fatal ones first.

    context_tokens: the profile's, used where the server does not state its own.
    """
    found = [
        *_context(facts, needs, facts.context_tokens or context_tokens),
        *_tools(facts, needs),
        *_calls_in_text(facts, needs),
        *_thinking(facts),
        *_sampling(facts, needs),
    ]
    if facts.is_auto_truncating:
        found.append(
            DeploymentIssue(
                "the server cuts prompts that are too long instead of refusing them (allow-auto-truncate): answers "
                "to incomplete questions would be graded; start it without that flag"
            )
        )
    return tuple(sorted(dict.fromkeys(found), key=lambda finding: not finding.is_fatal))


def _context(facts: ServerFacts, needs: Sequence[BenchmarkNeeds], context: int | None) -> list[DeploymentIssue]:
    if context is None:
        return []
    found = []
    for need in needs:
        asked = need.params.get("max_tokens")
        if not isinstance(asked, int):
            continue
        if asked >= context:
            found.append(_too_long(facts, need, asked, context))
        elif facts.kind == VLLM and asked > context // 2:
            found.append(
                DeploymentIssue(
                    f"{need.benchmark} asks for max_tokens={asked} of a context of {context}: after a prompt of more "
                    f"than {context - asked} tokens vLLM silently cuts the answer to what fits"
                )
            )
    return found


def _too_long(facts: ServerFacts, need: BenchmarkNeeds, asked: int, context: int) -> DeploymentIssue:
    """The issue with an answer for which the context has no room even without a prompt."""
    is_refused = facts.kind in _REFUSING
    consequence = (
        "the server will refuse every request"
        if is_refused
        else "answers will end earlier than asked, and a prompt may not fit at all"
    )
    return DeploymentIssue(
        f"{need.benchmark} asks for max_tokens={asked}, but the context of {facts.model} holds {context} "
        f"tokens for prompt and answer together: {consequence}. Serve it with a longer context, or give "
        f"--eval-param max_tokens={max(1, context // 2)}",
        is_fatal=is_refused,
    )


def _tools(facts: ServerFacts, needs: Sequence[BenchmarkNeeds]) -> list[DeploymentIssue]:
    asking = [need.benchmark for need in needs if need.has_tools]
    if not asking or facts.has_native_tool_calls:
        return []
    return [
        DeploymentIssue(
            f"{', '.join(dict.fromkeys(asking))} sends tools, but the server has no tool-call parser, so calls come "
            f"back as text and are graded as wrong; start it with --tool-call-parser (minimax-m2 for MiniMax-M2)"
        )
    ]


def _calls_in_text(facts: ServerFacts, needs: Sequence[BenchmarkNeeds]) -> list[DeploymentIssue]:
    asking = [need.benchmark for need in needs if need.is_in_text]
    if not asking:
        return []
    why = "as the profile says"
    if not facts.has_native_tool_calls:
        why = "because the server has no tool-call parser: start it with --tool-call-parser to have tools offered"
    return [
        DeploymentIssue(
            f"{', '.join(dict.fromkeys(asking))} asks for calls as text, {why}. Compare such scores only with others "
            "that were asked for as text"
        )
    ]


def _thinking(facts: ServerFacts) -> list[DeploymentIssue]:
    if facts.kind == SGLANG and facts.reasoning_parser == "" and "minimax" in (facts.root or facts.model).lower():
        return [
            DeploymentIssue(
                f"{facts.model} thinks before it answers, but the server has no reasoning parser; the thinking is cut "
                f"away here by its tags, which fails where a tag is missing. Start it with "
                f"--reasoning-parser minimax-append-think"
            )
        ]
    return []


def _sampling(facts: ServerFacts, needs: Sequence[BenchmarkNeeds]) -> list[DeploymentIssue]:
    # Only these two read the model's generation_config.json; SGLang does not with "openai".
    if facts.kind not in _REFUSING or facts.sampling_defaults == "openai":
        return []
    found = []
    for need in needs:
        unset = [name for name in _SAMPLING if name not in need.params]
        # At temperature 0 the others change nothing.
        if unset and need.params.get("temperature") != 0:
            found.append(_unset_sampling(unset))
    return found


def _unset_sampling(names: Sequence[str]) -> DeploymentIssue:
    verb, pronoun = ("is", "it") if len(names) == 1 else ("are", "them")
    return DeploymentIssue(
        f"{', '.join(names)} {verb} not set, so the server takes the model's own default (generation_config.json), "
        f"which another version may change; set {pronoun} in the profile or with --eval-param"
    )
