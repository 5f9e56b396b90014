"""Which replies belong to the model of the run."""

from __future__ import annotations

import pytest

from pytest_modeleval.dispatch.reply_model import ReplyModel
from pytest_modeleval.errors import AttemptFailed


@pytest.mark.parametrize(
    ("names", "refused"),
    [
        (["MiniMaxAI/MiniMax-M2", "minimax-m2", "models/MiniMax-M2/", ""], []),
        (["MiniMax-M2", "small"], ["small"]),
        (["MiniMax-M2", "m2-alias"], []),
        (["gpt-x-2026-01", "gpt-x-2026-01", "", "gpt-x-2026-02"], ["gpt-x-2026-02"]),
        (["other", "MiniMax-M2"], ["MiniMax-M2"]),
    ],
    ids=["owner and case", "fallback", "named in the profile", "always another name", "the first decides"],
)
def test_the_first_reply_decides_which_name_counts(names: list[str], refused: list[str]) -> None:
    """Servers that always answer with another name are fine; a change of it is not."""
    model = ReplyModel("MiniMaxAI/MiniMax-M2", ["m2-alias"])
    assert [name for name in names if is_refused(model, name)] == refused


def is_refused(model: ReplyModel, name: str) -> bool:
    """True if a reply with this name is a failure."""
    try:
        model.check(name)
    except AttemptFailed as failure:
        return failure.cause == "other_model" and failure.is_retryable
    return False
