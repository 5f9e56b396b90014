"""vLLM's OpenAI server.

Requests: /tokenize {model, prompt, add_special_tokens}; /v1/completions {prompt: ids, prompt_logprobs, max_tokens: 1},
whose answer has for each token of the prompt a table of ids with log-probabilities, null for the first token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from pytest_modeleval.client.failures import bad_response_error, raise_for_error
from pytest_modeleval.client.route import Ask, Query, Route
from pytest_modeleval.likelihood.token_scores import (
    Candidate,
    TokenScore,
    checked_score,
    score_reply,
    scores_of,
    token_reply,
    tokens_of,
)
from pytest_modeleval.records import JsonObject

_CANDIDATES = 5
_TOKENIZE = Route("/tokenize", token_reply, is_at_root=True)
_COMPLETIONS = "/completions"


class Vllm:
    """A likelihood.backend.Backend. model: the name that requests carry."""

    def __init__(self, model: str) -> None:
        self._model = model

    async def tokenize(self, ask: Ask, text: str) -> list[int]:
        body = {"model": self._model, "prompt": text, "add_special_tokens": True}
        return tokens_of(await ask(Query(_TOKENIZE, body)))

    async def score(self, ask: Ask, tokens: Sequence[int], start: int) -> list[TokenScore]:
        wanted = tuple(tokens[start:])
        reader = partial(_read_prompt, tokens=wanted, prompt_tokens=len(tokens))
        body = {**self._body(tokens), "prompt_logprobs": 1}
        return scores_of(await ask(Query(Route(_COMPLETIONS, reader), body)), wanted)

    async def next_candidates(self, ask: Ask, tokens: Sequence[int]) -> list[Candidate]:
        body = {**self._body(tokens), "logprobs": _CANDIDATES, "return_tokens_as_token_ids": True}
        reply = await ask(Query(Route(_COMPLETIONS, _read_next), body))
        return list(scores_of(reply, [reply["scores"][0][0]])[0].top)

    def _body(self, tokens: Sequence[int]) -> JsonObject:
        return {"model": self._model, "prompt": list(tokens), "max_tokens": 1, "temperature": 0.0, "stream": False}


def _read_prompt(found: Mapping[str, Any], *, tokens: Sequence[int], prompt_tokens: int) -> JsonObject:
    """The Reply with the scores of the prompt's last tokens. prompt_tokens: of the whole prompt."""
    raise_for_error(found)
    try:
        places = found["choices"][0]["prompt_logprobs"]
        count = len(places)
    except (KeyError, IndexError, TypeError) as error:
        raise _not_prompt("no prompt_logprobs: is this vLLM, and does nothing in front of it drop them?") from error
    if count != prompt_tokens:
        raise _not_prompt(f"prompt_logprobs of {count} tokens for a prompt of {prompt_tokens}")
    scores = []
    for token, place in zip(tokens, places[count - len(tokens) :], strict=True):
        own = place.get(str(token)) if isinstance(place, dict) else None
        if not isinstance(own, dict):
            raise _not_prompt(f"a place without token {token}, which was asked for there")
        candidates = [(int(other), _value(entry)) for other, entry in place.items() if other.isdigit()]
        scores.append(checked_score(token, _value(own), candidates))
    return score_reply(found, scores, response_id=found.get("id"))


def _read_next(found: Mapping[str, Any]) -> JsonObject:
    """The Reply with the generated token and the most likely ones of its place."""
    raise_for_error(found)
    try:
        logprobs = found["choices"][0]["logprobs"]
        table = {_token_id(name): value for name, value in logprobs["top_logprobs"][0].items()}
        token, logprob = _token_id(logprobs["tokens"][0]), logprobs["token_logprobs"][0]
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise _not_prompt(f"no logprobs of the generated token by ids ({error!r})") from error
    return score_reply(found, [checked_score(token, logprob, table.items())], response_id=found.get("id"))


def _token_id(name: str) -> int:
    """The id in "token_id:123". Raises ValueError for another name."""
    return int(name.removeprefix("token_id:"))


def _value(entry: Any) -> Any:
    return entry.get("logprob") if isinstance(entry, dict) else None


def _not_prompt(what: str) -> Exception:
    return bad_response_error(
        f"expected log-probabilities of the prompt's tokens, found {what}", "no_logprobs", is_retryable=False
    )
