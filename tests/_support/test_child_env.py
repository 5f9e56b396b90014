"""The allowlist of variables for child processes."""

from __future__ import annotations

from pytest_modeleval._support import child_env


def test_only_allowed_variables_are_passed() -> None:
    """Keys stay out; a name ending in * allows all with that prefix."""
    ours = {"PATH": "p", "OPENAI_API_KEY": "sk", "LC_TIME": "C", "NCCL_A": "1", "HTTP_PROXY": "x"}
    assert child_env.child_environment(ours) == {"PATH": "p"}
    allowed = (*child_env.SERVER, "NCCL_*")
    assert child_env.child_environment(ours, allowed) == {name: ours[name] for name in ours if "KEY" not in name}
