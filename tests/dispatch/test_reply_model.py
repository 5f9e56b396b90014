"""Which replies belong to the model of the run."""

from __future__ import annotations

import pytest

from pytest_modeleval.dispatch.reply_model import ReplyModel, is_name_of
from pytest_modeleval.errors import AttemptFailed


@pytest.mark.parametrize(
    ("names", "refused"),
    [
        (["MiniMaxAI/MiniMax-M2", "minimax-m2", "models/MiniMax-M2/", ""], []),
        (["MiniMax-M2", "small"], ["small"]),
        (["MiniMax-M2", "m2-alias"], []),
        (["gpt-x-2026-01", "gpt-x-2026-01", "", "gpt-x-2026-02"], ["gpt-x-2026-02"]),
        (["other", "MiniMax-M2"], ["MiniMax-M2"]),
        (["MiniMax-M2-2025-10-27", "MiniMax-M2", "MiniMax-M2-2025-12-01"], ["MiniMax-M2-2025-12-01"]),
        (["MiniMax-M1", "MiniMax-M2"], ["MiniMax-M1"]),
        (["lab/minimax-m1", "lab/minimax-m1"], ["lab/minimax-m1", "lab/minimax-m1"]),
        (["MiniMax-M2-0613"], []),
    ],
    ids=[
        "owner and case",
        "fallback",
        "named in the profile",
        "always another name",
        "the first decides",
        "another version in mid-run",
        "listed as another model",
        "listed as another model, always",
        "a version that is listed too",
    ],
)
def test_the_first_reply_decides_which_name_counts(names: list[str], refused: list[str]) -> None:
    """Servers that always answer with another name are fine; a change of it, and the name of another model, are not."""
    model = ReplyModel(
        "MiniMaxAI/MiniMax-M2", ["m2-alias"], other_models=["MiniMaxAI/MiniMax-M1", "MiniMax-M2-0613", "minimax-m2"]
    )
    assert [name for name in names if is_refused(model, name)] == refused


@pytest.mark.parametrize(
    ("name", "requested", "is_same"),
    [
        ("gpt-x-2025-01-01", "gpt-x", True),
        ("gpt-x-20250101", "openai/gpt-x", True),
        ("GPT-X-0613", "gpt-x", True),
        ("gpt-x", "gpt-x-latest", True),
        ("llama3:latest", "llama3", True),
        ("gemini-2.0-flash-001", "gemini-2.0-flash", True),
        ("publishers/x/models/m@v2", "m", True),
        ("/data/models/MiniMax-M2/", "MiniMax-M2", True),
        ("gpt-x-mini", "gpt-x", False),
        ("gpt-x-mini-2025-01-01", "gpt-x", False),
        ("qwen:72b", "qwen:7b", False),
        ("Qwen3-80B", "Qwen3-8", False),
        ("MiniMax-M2.5", "MiniMax-M2", False),
        ("MiniMax-M25", "MiniMax-M2", False),
        ("small", "gpt-x", False),
    ],
)
def test_a_dated_version_is_a_name_of_its_alias(name: str, requested: str, is_same: bool) -> None:
    """Gateways answer an alias with the canonical or dated name; a size or another generation is another model."""
    assert is_name_of(name, [requested]) is is_same
    assert is_name_of(requested, [name]) is is_same


def is_refused(model: ReplyModel, name: str) -> bool:
    """True if a reply with this name is a failure."""
    try:
        model.check(name)
    except AttemptFailed as failure:
        return failure.cause == "other_model" and failure.is_retryable
    return False
