"""Labels scored where only chat is offered: the probability that the reply begins with each of them.

Request: /chat/completions with max_tokens 1, logprobs, top_logprobs 20 (the most that the API allows), not streamed.
Answer: choices[0].logprobs.content[0].top_logprobs, [{token, logprob}, ...]. Only labels of one token can be scored,
and only those among the 20 most likely first tokens: one that is not listed has no score, neither 0 nor a low one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_modeleval.client.failures import bad_response_error, raise_for_error
from pytest_modeleval.client.reply import plain_reply
from pytest_modeleval.client.route import Ask, Query, Route
from pytest_modeleval.errors import AttemptFailed, Ungraded
from pytest_modeleval.likelihood.self_check import NoLikelihoods, WrongLikelihoods, refused_as
from pytest_modeleval.likelihood.token_scores import sorted_candidates
from pytest_modeleval.likelihood_result import LabelScores
from pytest_modeleval.records import JsonObject, Kind, Request

LISTED = 20
# What tokenizers put in front of a word: a blank, or their signs for one.
_BLANKS = " \t\n\u2581\u0120"
# Parameters that shape the prompt; those of sampling mean nothing here.
_PROMPT_PARAMS = ("chat_template_kwargs", "continue_final_message", "add_generation_prompt")
_CHECK = Request(
    [{"role": "user", "content": "What is the capital of France? Reply with A or B alone.\nA. Paris\nB. Berlin"}]
)


def label_query(request: Request, model: str, params: Mapping[str, Any]) -> Query:
    """The request for the first token of a reply. model: its served name; params: of the benchmark's requests."""
    given = {**params, **request.params}
    body = {name: given[name] for name in _PROMPT_PARAMS if given.get(name) is not None}
    scoring = {"max_tokens": 1, "temperature": 0.0, "logprobs": True, "top_logprobs": LISTED, "stream": False}
    return Query(_ROUTE, {**body, "model": model, "messages": list(request.messages), **scoring})


def label_scores(reply: Mapping[str, Any], labels: Sequence[str]) -> LabelScores:
    """The scores of labels in a Reply of `label_query`; a label with and without a blank before it is one label.

    Raises Ungraded where the server lists one of them not at all, ValueError for fewer than two distinct labels.
    """
    if isinstance(labels, str) or len(set(labels)) < max(2, len(labels)):
        raise ValueError(f"labels: expected two or more distinct texts, found {labels!r}")
    listed = _listed(reply)
    found = {label: sum(p for text, p in listed if text.strip(_BLANKS) == label) for label in labels}
    if missing := [label for label, p in found.items() if not p]:
        raise Ungraded(
            f"label {', '.join(missing)} is not in the top {len(listed)} of the reply's first token, which are "
            f"{', '.join(repr(text[:12]) for text, _ in listed[:5])} and others",
            kind=Kind.GRADER_ERROR,
            cause="label_not_listed",
        )
    return LabelScores(found)


async def check_labels(ask: Ask, model: str, params: Mapping[str, Any]) -> None:
    """One question before the first sample. Raises NoLikelihoods, WrongLikelihoods or AttemptFailed."""
    async with refused_as():
        try:
            listed = _listed(await ask(label_query(_CHECK, model, params)))
        except AttemptFailed as failure:
            # Many servers and gateways ignore what they do not know.
            if failure.cause == "no_logprobs":
                raise NoLikelihoods(str(failure)) from failure
            raise
    if len({p for _, p in listed}) < 2:
        raise WrongLikelihoods(f"expected tokens of different probabilities, found {len(listed)} alike")
    if listed[0][0].strip(_BLANKS).startswith("<think"):
        raise NoLikelihoods("the reply begins with thinking, so that its first token is no label; switch thinking off")


def _listed(reply: Mapping[str, Any]) -> list[tuple[str, float]]:
    """(token, probability) of a Reply, most likely first. Raises Ungraded for a stored reply without them."""
    try:
        return [(str(text), math.exp(logprob)) for text, logprob in reply["first_tokens"]]
    except (KeyError, TypeError, ValueError):
        raise Ungraded("the stored reply has no first tokens", kind=Kind.BAD_RESPONSE, cause="no_logprobs") from None


def _read(found: Mapping[str, Any]) -> JsonObject:
    raise_for_error(found)
    try:
        top = found["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
        entries = [(str(entry["token"]), entry["logprob"]) for entry in top]
    except (KeyError, IndexError, TypeError) as error:
        raise bad_response_error(
            "expected the likely first tokens of the reply (top_logprobs), found none",
            "no_logprobs",
            is_retryable=False,
        ) from error
    return {**plain_reply(found), "first_tokens": sorted_candidates(entries)}


_ROUTE = Route("/chat/completions", _read)
