"""llama.cpp's HTTP server (llama-server, xllamacpp).

It gives no log-probabilities of a prompt. A large `logit_bias` makes it generate a chosen token, and the
log-probability that it reports is the one before the bias: one request for each token of a continuation.
Requests: /tokenize {content, add_special}; /completion {prompt: ids, n_predict, n_probs, logit_bias}.
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

_BIAS = 100_000.0
_CANDIDATES = 5
_TOKENIZE = Route("/tokenize", token_reply, is_at_root=True)


class LlamaCpp:
    """A likelihood.backend.Backend."""

    async def tokenize(self, ask: Ask, text: str) -> list[int]:
        return tokens_of(await ask(Query(_TOKENIZE, {"content": text, "add_special": True})))

    async def score(self, ask: Ask, tokens: Sequence[int], start: int) -> list[TokenScore]:
        found: list[TokenScore] = []
        for place in range(start, len(tokens)):
            found += await self._ask(ask, tokens[:place], tokens[place])
        return found

    async def next_candidates(self, ask: Ask, tokens: Sequence[int]) -> list[Candidate]:
        found = await self._ask(ask, tokens, None)
        return list(found[0].top)

    async def _ask(self, ask: Ask, before: Sequence[int], token: int | None) -> list[TokenScore]:
        """The score of one token after others; None: of the most likely one."""
        body: JsonObject = {
            "prompt": list(before),
            "n_predict": 1,
            "n_probs": _CANDIDATES if token is None else 1,
            "temperature": 0,
            "cache_prompt": True,
            "post_sampling_probs": False,
            "stream": False,
            # Leaves out two kilobytes of settings that every answer repeats.
            "response_fields": ["completion_probabilities", "model", "tokens_evaluated", "truncated"],
        }
        if token is not None:
            body["logit_bias"] = [[token, _BIAS]]
        reader = partial(_read, token=token, prompt_tokens=len(before))
        reply = await ask(Query(Route("/completion", reader, is_at_root=True), body))
        return scores_of(reply, [reply["scores"][0][0] if token is None else token])


def _read(found: Mapping[str, Any], *, token: int | None, prompt_tokens: int) -> JsonObject:
    """The Reply with the one score. token: the forced one, None if none was."""
    raise_for_error(found)
    evaluated = found.get("tokens_evaluated", prompt_tokens)
    if found.get("truncated") or evaluated != prompt_tokens:
        raise bad_response_error(
            f"expected the whole prompt of {prompt_tokens} tokens to be read, found {str(evaluated)[:20]} tokens",
            "prompt_cut",
            is_retryable=False,
        )
    try:
        place = found["completion_probabilities"][0]
        generated, logprob = place["id"], place["logprob"]
        candidates = [(entry["id"], entry["logprob"]) for entry in place["top_logprobs"]]
    except (KeyError, IndexError, TypeError) as error:
        raise bad_response_error(
            f"expected completion_probabilities with id, logprob and top_logprobs, found none ({error!r})",
            "no_logprobs",
            is_retryable=False,
        ) from error
    if token is not None and generated != token:
        raise bad_response_error(
            f"expected the forced token {token}, found {str(generated)[:20]}: logit_bias had no effect",
            "other_tokens",
            is_retryable=False,
        )
    return score_reply(found, [checked_score(generated, logprob, candidates)])
