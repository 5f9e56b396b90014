"""The likelihood of a whole text: windows, and the token in front of it."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval.client.route import Ask
from pytest_modeleval.errors import Ungraded
from pytest_modeleval.likelihood.backends import find_backend
from pytest_modeleval.likelihood.rolling import score_text, windows
from pytest_modeleval.likelihood_result import Likelihood
from tests.likelihood.test_scoring import asked
from tests.support.likelihood_server import MODEL, ToyModel, encode, logprob

TEXT = "one two the three Paris four five"


@given(st.integers(1, 60), st.integers(1, 20))
def test_each_token_is_scored_once(count: int, size: int) -> None:
    """After one token of context or more; context and scored tokens fill a window but for the first."""
    tokens = list(range(100, 100 + count))
    found = list(windows(tokens, 7, size))
    assert [token for _, scored in found for token in scored] == tokens
    assert found[0][0] == [7]
    for before, scored in found[1:]:
        assert len(before) + len(scored) == size + 1
        assert list(before) == tokens[scored[0] - 100 - len(before) : scored[0] - 100]


def score(text: str, *, prefix: str = "", limit: int | None = None) -> Likelihood:
    """By a toy model of vLLM."""
    backend = find_backend("vllm", MODEL)
    assert backend is not None
    ask: Ask = asked(ToyModel("vllm"))
    return asyncio.run(score_text(backend, ask, text, prefix=prefix, context_tokens=limit))


@pytest.mark.parametrize("limit", [None, 2048, 6, 4])
def test_the_sum_does_not_depend_on_windows(limit: int | None) -> None:
    """The toy model looks at one token before; the token in front is the tokenizer's own, or a given text's last."""
    tokens = encode(TEXT)
    wanted = sum(logprob(before, token) for before, token in pairwise(tokens))
    found = score(TEXT, limit=limit)
    assert found.logprob == pytest.approx(wanted)
    assert found.tokens == len(tokens) - 1
    front, first, second = encode("<end>")[-1], encode(f" {TEXT}")[1], tokens[2]
    others = wanted - logprob(tokens[0], tokens[1]) - logprob(tokens[1], second)
    after = score(f" {TEXT}", prefix="<end>", limit=limit).logprob
    assert after == pytest.approx(others + logprob(front, first) + logprob(first, second))


def test_a_text_without_a_token_is_ungraded() -> None:
    """It has no likelihood."""
    with pytest.raises(Ungraded, match="expected a token in front"):
        score("")
