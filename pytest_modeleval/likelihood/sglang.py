"""SGLang's own endpoints.

Requests: /tokenize {model, prompt, add_special_tokens}; /generate {input_ids, return_logprob, logprob_start_len}, whose
meta_info has input_token_logprobs [[logprob, id, text], ...] from logprob_start_len on, the first one null. Only the
places from there on are computed, and the prefix before them may come from the cache. A prompt has at most the context
less 7 tokens (0.5.23); a longer one is refused with status 400.
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
_GENERATE = "/generate"


class Sglang:
    """A likelihood.backend.Backend. model: the name that /tokenize wants."""

    def __init__(self, model: str) -> None:
        self._model = model

    async def tokenize(self, ask: Ask, text: str) -> list[int]:
        body = {"model": self._model, "prompt": text, "add_special_tokens": True}
        return tokens_of(await ask(Query(_TOKENIZE, body)))

    async def score(self, ask: Ask, tokens: Sequence[int], start: int) -> list[TokenScore]:
        wanted = tuple(tokens[start:])
        reader = partial(_read_prompt, tokens=wanted, prompt_tokens=len(tokens))
        # The place before the first wanted one predicts it.
        body = {**_body(tokens), "logprob_start_len": start - 1, "top_logprobs_num": 1}
        return scores_of(await ask(Query(Route(_GENERATE, reader, is_at_root=True), body)), wanted)

    async def next_candidates(self, ask: Ask, tokens: Sequence[int]) -> list[Candidate]:
        body = {**_body(tokens), "top_logprobs_num": _CANDIDATES}
        reply = await ask(Query(Route(_GENERATE, _read_next, is_at_root=True), body))
        return list(scores_of(reply, [reply["scores"][0][0]])[0].top)


def _body(tokens: Sequence[int]) -> JsonObject:
    return {
        "input_ids": list(tokens),
        "sampling_params": {"max_new_tokens": 1, "temperature": 0.0},
        "return_logprob": True,
        "return_text_in_logprobs": False,
        "stream": False,
    }


def _read_prompt(found: Mapping[str, Any], *, tokens: Sequence[int], prompt_tokens: int) -> JsonObject:
    """The Reply with the scores of the prompt's last tokens. prompt_tokens: of the whole prompt."""
    meta = _meta(found)
    evaluated = meta.get("prompt_tokens", prompt_tokens)
    if evaluated != prompt_tokens:
        raise _not_prompt(f"a prompt of {str(evaluated)[:20]} tokens where {prompt_tokens} were sent")
    own, top = meta.get("input_token_logprobs"), meta.get("input_top_logprobs")
    if not isinstance(own, list) or not isinstance(top, list) or min(len(own), len(top)) < len(tokens):
        raise _not_prompt("no or too few input_token_logprobs and input_top_logprobs")
    places = zip(tokens, own[len(own) - len(tokens) :], top[len(top) - len(tokens) :], strict=True)
    return _score_reply(meta, [_score(token, entry, candidates) for token, entry, candidates in places])


def _read_next(found: Mapping[str, Any]) -> JsonObject:
    """The Reply with the generated token and the most likely ones of its place."""
    meta = _meta(found)
    try:
        own, top = meta["output_token_logprobs"][0], meta["output_top_logprobs"][0]
        token = int(own[1])
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise _not_prompt(f"no output_token_logprobs and output_top_logprobs ({error!r})") from error
    return _score_reply(meta, [_score(token, own, top)])


def _score(token: int, own: Any, top: Any) -> list[Any]:
    try:
        logprob, found = own[0], own[1]
        candidates = [(int(entry[1]), entry[0]) for entry in top]
    except (IndexError, TypeError, ValueError) as error:
        raise _not_prompt(f"an entry that is no [logprob, id, text] ({error!r})") from error
    if found != token:
        raise _not_prompt(f"token {str(found)[:20]} where {token} was sent")
    return checked_score(token, logprob, candidates)


def _score_reply(meta: Mapping[str, Any], scores: list[list[Any]]) -> JsonObject:
    usage = {name: meta[name] for name in ("prompt_tokens", "completion_tokens") if name in meta}
    return score_reply({"usage": usage}, scores, response_id=meta.get("id"))


def _meta(found: Mapping[str, Any]) -> Mapping[str, Any]:
    raise_for_error(found)
    meta = found.get("meta_info")
    if not isinstance(meta, dict):
        raise _not_prompt("no meta_info")
    return meta


def _not_prompt(what: str) -> Exception:
    return bad_response_error(
        f"expected log-probabilities of the prompt's tokens, found {what}", "no_logprobs", is_retryable=False
    )
