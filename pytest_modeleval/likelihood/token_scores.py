"""Scores of single tokens: checked when they are read from a server, and again when they are read from a journal."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_modeleval.client.failures import bad_response_error, raise_for_error
from pytest_modeleval.client.reply import plain_reply
from pytest_modeleval.errors import Ungraded
from pytest_modeleval.records import JsonObject, Kind

Candidate = tuple[int, float]
"""A token and its log-probability."""
LOWEST = -1000.0
"""Lower values stand for "not computed": vLLM puts -9999 for minus infinity, llama.cpp the lowest float."""
_ROUNDING = 1e-3
# A server that computes prompt and top list in different batches may disagree by this much about the best token.
_TOP_TOLERANCE = 0.02


@dataclass(frozen=True, slots=True)
class TokenScore:
    """One token at its place."""

    token: int
    logprob: float
    """Natural logarithm, at most 0 but for rounding."""
    top: tuple[Candidate, ...]
    """The most likely tokens of this place, best first; at least one."""

    @property
    def is_top(self) -> bool:
        """No other token is more likely."""
        return self.logprob >= self.top[0][1]


def checked_score(token: int, logprob: object, candidates: Iterable[Candidate]) -> list[Any]:
    """One entry of a Reply's `scores`: [token, logprob, [[token, logprob], ...]].

    Raises AttemptFailed where the values can be no log-probabilities of one place.
    """
    top = sorted_candidates((int(other), value) for other, value in candidates)
    own = _logprob(logprob)
    if own > top[0][1] + _TOP_TOLERANCE:
        raise bad_response_error(
            f"token {token} has log-probability {own:.4f}, more than the best one of its place, {top[0][1]:.4f}",
            "bad_logprobs",
        )
    return [token, own, top]


def sorted_candidates(candidates: Iterable[tuple[Any, object]]) -> list[list[Any]]:
    """[[token, logprob], ...] of one place, best first.

    Raises AttemptFailed where there are none, or the values can be no log-probabilities of one place.
    """
    top = sorted(([other, _logprob(value)] for other, value in candidates), key=lambda entry: -entry[1])
    if not top:
        raise bad_response_error("the server gave no list of the most likely tokens", "no_logprobs")
    if (mass := sum(math.exp(value) for _, value in top)) > 1 + _ROUNDING:
        raise bad_response_error(
            f"the probabilities of {len(top)} different tokens at one place add up to {mass:.3f}, more than 1: they "
            "are no log-probabilities",
            "bad_logprobs",
        )
    return top


def _logprob(value: object) -> float:
    """A log-probability. Raises AttemptFailed for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise bad_response_error(f"expected a log-probability, found {str(value)[:40]!r}", "no_logprobs")
    if not LOWEST <= value <= _ROUNDING:
        raise bad_response_error(f"expected a log-probability from {LOWEST:g} to 0, found {value:g}", "bad_logprobs")
    return float(value)


def score_reply(found: Mapping[str, Any], scores: Sequence[list[Any]], *, response_id: object = "") -> JsonObject:
    """The Reply that carries scores. found: the server's answer, for model and usage."""
    return {**plain_reply(found, response_id), "scores": list(scores)}


def token_reply(found: Mapping[str, Any]) -> JsonObject:
    """The Reply of /tokenize, as vLLM, SGLang and llama.cpp answer it. Raises AttemptFailed for anything else."""
    raise_for_error(found)
    tokens = found.get("tokens")
    if not isinstance(tokens, list) or not all(type(token) is int and token >= 0 for token in tokens):
        raise bad_response_error("expected a list of token ids in `tokens`, found none", "no_tokens")
    return {**plain_reply(found), "tokens": tokens}


def tokens_of(reply: Mapping[str, Any]) -> list[int]:
    """The tokens of a Reply. Raises Ungraded for a stored reply without them."""
    tokens = reply.get("tokens")
    if not isinstance(tokens, list) or not all(type(token) is int for token in tokens):
        raise _not_scores("tokens")
    return tokens


def scores_of(reply: Mapping[str, Any], tokens: Sequence[int]) -> list[TokenScore]:
    """The scores of a Reply, which must be those of `tokens`. Raises Ungraded for a stored reply with others."""
    try:
        found = [
            TokenScore(token, float(logprob), tuple((int(other), float(value)) for other, value in top))
            for token, logprob, top in reply["scores"]
        ]
    except (KeyError, TypeError, ValueError):
        raise _not_scores("scores") from None
    if [score.token for score in found] != list(tokens) or not all(score.top for score in found):
        raise _not_scores("scores of these tokens")
    return found


def _not_scores(what: str) -> Ungraded:
    return Ungraded(f"the stored reply has no {what}", kind=Kind.BAD_RESPONSE, cause="no_logprobs")
