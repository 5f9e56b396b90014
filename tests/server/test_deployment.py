"""What would spoil scores is told before the first benchmark request, and nothing else is."""

from __future__ import annotations

from dataclasses import replace

from pytest_modeleval.server.deployment import BenchmarkNeeds, DeploymentIssue, find_issues
from pytest_modeleval.server_facts import ServerFacts

M2 = ServerFacts(
    model="MiniMaxAI/MiniMax-M2",
    kind="sglang",
    root="MiniMax-M2",
    context_tokens=196608,
    reasoning_parser="minimax-append-think",
    tool_call_parser="minimax-m2",
    is_auto_truncating=False,
    sampling_defaults="model",
)
SAMPLING = {"temperature": 1.0, "top_p": 0.95, "top_k": 40}
GOOD = BenchmarkNeeds(benchmark="bfcl", params={**SAMPLING, "max_tokens": 65536}, has_tools=True)


def only(found: tuple[DeploymentIssue, ...]) -> DeploymentIssue:
    """The one finding."""
    assert len(found) == 1, found
    return found[0]


def test_a_good_deployment_has_no_findings() -> None:
    """The shipped profile on the server it launches: silence."""
    assert find_issues(M2, [GOOD]) == ()


def test_missing_tool_parser_is_told_only_to_whom_it_matters() -> None:
    """BFCL without a tool-call parser: told, with the flag. Without tools, or where the server does not say: not."""
    without = replace(M2, tool_call_parser="")
    said = only(find_issues(without, [GOOD])).text
    assert "bfcl" in said
    assert "--tool-call-parser" in said
    assert find_issues(without, [replace(GOOD, has_tools=False)]) == ()
    assert find_issues(replace(M2, tool_call_parser=None), [GOOD]) == ()


def test_calls_in_text_are_told_with_their_reason() -> None:
    """Whoever is asked in text is named once: told by the profile, or for want of a parser; no second warning."""
    asked = replace(GOOD, has_tools=False, is_in_text=True)
    assert "as the profile says" in only(find_issues(M2, [asked, asked])).text
    assert "--tool-call-parser" in only(find_issues(replace(M2, tool_call_parser=""), [asked])).text


def test_context_too_short_is_fatal_where_the_server_refuses() -> None:
    """max_tokens above the context: fatal on SGLang and vLLM, a warning elsewhere; both numbers are named."""
    short = replace(M2, context_tokens=32768)
    finding = only(find_issues(short, [GOOD]))
    assert finding.is_fatal
    assert "max_tokens=65536" in finding.text
    assert "32768" in finding.text
    assert not only(find_issues(replace(short, kind="llama.cpp"), [GOOD])).is_fatal


def test_context_of_the_profile_counts_where_the_server_does_not_say() -> None:
    """An unknown context is taken from the profile; known nowhere, nothing is claimed."""
    silent = replace(M2, context_tokens=None)
    assert only(find_issues(silent, [GOOD], context_tokens=4096)).is_fatal
    assert find_issues(silent, [GOOD]) == ()


def test_unset_sampling_is_told() -> None:
    """What the server would fill in from the model's file is named; at temperature 0 the rest does not matter."""
    said = only(find_issues(M2, [BenchmarkNeeds(benchmark="x", params={"temperature": 1.0})])).text
    assert "top_p, top_k are not set" in said
    assert find_issues(M2, [BenchmarkNeeds(benchmark="x", params={"temperature": 0})]) == ()
    assert find_issues(replace(M2, sampling_defaults="openai"), [BenchmarkNeeds(benchmark="x")]) == ()


def test_auto_truncation_and_missing_reasoning_parser_are_told() -> None:
    """Prompts cut in silence, and thinking that nobody separates."""
    assert "allow-auto-truncate" in only(find_issues(replace(M2, is_auto_truncating=True), [GOOD])).text
    assert "--reasoning-parser" in only(find_issues(replace(M2, reasoning_parser=""), [GOOD])).text
    assert find_issues(replace(M2, reasoning_parser="", root="Qwen3", model="Qwen3"), [GOOD]) == ()


def test_each_is_told_once_and_the_fatal_first() -> None:
    """Two benchmarks with the same trouble do not tell it twice; what stops the run stands on top."""
    bad = replace(M2, context_tokens=1024, tool_call_parser="", is_auto_truncating=True)
    wishes = [
        GOOD,
        replace(GOOD, params={"temperature": 1.0, "max_tokens": 10}),
        BenchmarkNeeds(benchmark="y"),
        BenchmarkNeeds(benchmark="z"),
    ]
    found = find_issues(bad, wishes)
    assert [finding.is_fatal for finding in found] == [True, *[False] * (len(found) - 1)]
    assert len({finding.text for finding in found}) == len(found)


def test_silent_cutting_on_vllm_is_stated_before_the_run() -> None:
    """VLLM cuts prompt + max_tokens to the context without a word; SGLang refuses, and small limits always fit."""
    small = replace(M2, kind="vllm", context_tokens=4096)
    asks = replace(GOOD, params={**SAMPLING, "max_tokens": 3072})
    issue = only(find_issues(small, [asks]))
    assert not issue.is_fatal
    assert "more than 1024 tokens" in issue.text
    assert find_issues(replace(small, kind="sglang"), [asks]) == ()
    assert find_issues(small, [replace(asks, params={**SAMPLING, "max_tokens": 1024})]) == ()
