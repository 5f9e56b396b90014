"""Token boundaries, and what no server's answer may become."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval.client.route import Ask, Query
from pytest_modeleval.errors import AttemptFailed, Ungraded
from pytest_modeleval.likelihood.backends import find_backend
from pytest_modeleval.likelihood.scoring import score_continuations, split_blanks
from pytest_modeleval.likelihood.self_check import WrongLikelihoods, check_likelihoods
from pytest_modeleval.likelihood.token_scores import Candidate, TokenScore, checked_score, scores_of, token_reply
from pytest_modeleval.records import JsonObject
from tests.support.likelihood_server import BOS, MODEL, ToyModel, expected

KINDS = ("vllm", "sglang", "llama.cpp")


def asked(model: ToyModel) -> Ask:
    """Queries to a toy model, without HTTP."""

    async def ask(query: Query) -> JsonObject:
        path = query.route.path if query.route.is_at_root else f"/v1{query.route.path}"
        status, found = model.answer(path, query.body)
        assert status == 200
        return query.route.read(found)

    return ask


def score(kind: str, context: str, *continuations: str, limit: int | None = None) -> list[float]:
    """The sums over a toy model of this kind."""
    backend = find_backend(kind, MODEL)
    assert backend is not None
    found = asyncio.run(
        score_continuations(backend, asked(ToyModel(kind)), context, continuations, context_tokens=limit)
    )
    return [one.logprob for one in found]


@given(
    st.sampled_from(KINDS),
    st.text(alphabet="ab \n", max_size=12).map(lambda text: f"x{text}"),
    st.lists(st.text(alphabet="ab ", max_size=8).map(lambda text: f" y{text}"), min_size=1, max_size=3),
)
def test_only_the_continuation_counts(kind: str, context: str, continuations: list[str]) -> None:
    """The same sum over every server: of the tokens after the context's, encoded together."""
    assert score(kind, context, *continuations) == pytest.approx([expected(context, one) for one in continuations])


@given(st.text())
def test_blanks_at_the_end_of_a_context_move(context: str) -> None:
    """Nothing is lost, and what is kept ends in no blank."""
    kept, blanks = split_blanks(context)
    assert kept + blanks == context
    assert not kept[-1:].isspace()
    assert not blanks.strip()


class Merging:
    """A tokenizer that makes one token of everything, and one that knows no word."""

    def __init__(self, tokens: list[int]) -> None:
        self._tokens = tokens

    async def tokenize(self, ask: Ask, text: str) -> list[int]:
        return self._tokens

    async def score(self, ask: Ask, tokens: Sequence[int], start: int) -> list[TokenScore]:
        raise AssertionError(ask, tokens, start)

    async def next_candidates(self, ask: Ask, tokens: Sequence[int]) -> list[Candidate]:
        raise AssertionError(ask, tokens)


@pytest.mark.parametrize("tokens", [[BOS], []], ids=["merged", "no tokens"])
def test_a_continuation_without_tokens_is_ungraded(tokens: list[int]) -> None:
    """A sum over nothing would be 0, the best of all."""
    with pytest.raises(Ungraded) as caught:
        asyncio.run(score_continuations(Merging(tokens), None, "a", ["b"], context_tokens=None))  # type: ignore[arg-type]
    assert caught.value.cause == "no_tokens"


def test_a_text_beyond_the_context_is_ungraded() -> None:
    """One token of room is left for the one that servers generate."""
    assert score("vllm", "a b", " c", limit=5)
    with pytest.raises(Ungraded) as caught:
        score("vllm", "a b", " c", limit=4)
    assert caught.value.cause == "context_exceeded"


@pytest.mark.parametrize("continuations", [[""], "text"])
def test_a_wrong_argument_is_named(continuations: Any) -> None:
    """An empty continuation, or a text in place of a list."""
    with pytest.raises(ValueError, match="continuations: expected a list of texts"):
        asyncio.run(score_continuations(Merging([1]), None, "a", continuations, context_tokens=None))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("logprob", "top", "cause"),
    [
        (None, [(1, -0.5)], "no_logprobs"),
        (True, [(1, -0.5)], "no_logprobs"),
        ("-1", [(1, -0.5)], "no_logprobs"),
        (float("nan"), [(1, -0.5)], "bad_logprobs"),
        (-9999.0, [(1, -0.5)], "bad_logprobs"),
        (-3.4e38, [(1, -0.5)], "bad_logprobs"),
        (0.7, [(1, -0.5)], "bad_logprobs"),
        (-0.1, [(1, -0.5)], "bad_logprobs"),
        (-1.0, [(1, -0.1), (2, -0.2)], "bad_logprobs"),
        (-1.0, [], "no_logprobs"),
    ],
)
def test_what_is_no_log_probability_becomes_no_score(logprob: Any, top: list[Candidate], cause: str) -> None:
    """Missing, a stand-in for minus infinity, above the best, a list that adds up to more than one."""
    with pytest.raises(AttemptFailed) as caught:
        checked_score(7, logprob, top)
    assert caught.value.cause == cause


@pytest.mark.parametrize(
    "reply", [{}, {"scores": [[1]]}, {"scores": [[2, -1.0, [[2, -1.0]]]]}, {"scores": [[1, -1.0, []]]}]
)
def test_a_damaged_reply_of_the_journal_is_ungraded(reply: JsonObject) -> None:
    """No scores, half a score, another token's, no best one."""
    with pytest.raises(Ungraded):
        scores_of(reply, [1])


@pytest.mark.parametrize("found", [{}, {"tokens": "1"}, {"tokens": [1, "2"]}, {"tokens": [True]}, {"tokens": [-1]}])
def test_what_is_no_list_of_tokens_is_refused(found: JsonObject) -> None:
    """A server without /tokenize that answers 200 all the same."""
    with pytest.raises(AttemptFailed):
        token_reply(found)


class Shifting(ToyModel):
    """Gives every given token a value that is lower than the one when it is generated."""

    by = 0.0

    def _value(self, tokens: Sequence[int], place: int) -> float:
        return super()._value(tokens, place) - self.by


@pytest.mark.parametrize("kind", KINDS)
def test_given_and_generated_tokens_may_differ_by_what_16_bits_do(kind: str) -> None:
    """0.45 passes, twice what one engine was seen to differ from itself by; 0.55 is another value."""
    backend, model = find_backend(kind, MODEL), Shifting(kind)
    assert backend is not None
    model.by = 0.45
    asyncio.run(check_likelihoods(backend, asked(model)))
    model.by = 0.55
    with pytest.raises(WrongLikelihoods, match="when it is given as when it is generated"):
        asyncio.run(check_likelihoods(backend, asked(model)))
