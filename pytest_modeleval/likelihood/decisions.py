"""Options scored by a server's own prompt: POST /v1/decisions.

Two shapes of one idea: the server asks the model to choose by a letter, and gives the probability of each letter as the
next token. No text is generated. Sources: vllm/entrypoints/openai/decisions of vLLM 0.33.0 (OpenAI's Decisions API),
sglang/srt/entrypoints/openai/serving_decisions.py of SGLang 0.5.23. The wording of the prompt is the server's: SGLang
numbers it, and refuses a request for another number than it serves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from pytest_modeleval.client.failures import bad_response_error, raise_for_error
from pytest_modeleval.client.reply import plain_reply
from pytest_modeleval.client.route import Ask, Query, Route
from pytest_modeleval.errors import Ungraded
from pytest_modeleval.likelihood.self_check import WrongLikelihoods, refused_as
from pytest_modeleval.likelihood_result import LabelScores
from pytest_modeleval.records import JsonObject, Kind
from pytest_modeleval.server_facts import SGLANG, VLLM, ModelFacts

PROMPT_FORMAT = 1
"""The wording of SGLang 0.5.23; scores by another one would not compare."""
_PATH = "/decisions"
_NAME = "q"
_ROUNDING = 1e-3
_CHECK = ("What is the capital of France?", "Which city is it?", ("Paris", "banana"))
_MOST_WRONG = 0.75
"""Of the wrong option's share, over both orders. SmolLM2-135M, which goes by letters alone, gives it 0.47 (SGLang
0.5.23, bfloat16), and up to 0.5 in other such questions; a server that mixes options up gives it the right one's."""


def decision_query(
    model: ModelFacts, text: str, question: str, options: Mapping[str, str], params: Mapping[str, Any]
) -> Query:
    """The request for one choice. options: name -> description, "" for none; params: of the benchmark's requests.

    Raises ValueError for fewer than two options.
    """
    if len(options) < 2:
        raise ValueError(f"options: expected two or more, found {options!r:.200}")
    read, body = (_read_sglang, _sglang_body) if model.kind == SGLANG else (_read_openai, _openai_body)
    reader = partial(read, options=tuple(options), kind=model.kind)
    return Query(
        Route(_PATH, reader, is_strict=True), {"model": model.served, "input": text, **body(question, options, params)}
    )


def _sglang_body(question: str, options: Mapping[str, str], params: Mapping[str, Any]) -> JsonObject:
    named = [{"name": name, **({"description": text} if text else {})} for name, text in options.items()]
    asked = {"id": _NAME, "type": "choice", "question": question, "options": named}
    body: JsonObject = {"questions": [asked], "prompt_format_version": PROMPT_FORMAT}
    if params.get("chat_template_kwargs"):
        body["chat_template_kwargs"] = params["chat_template_kwargs"]
    return body


def _openai_body(question: str, options: Mapping[str, str], _: Mapping[str, Any]) -> JsonObject:
    choices = [{"value": name, "description": text} for name, text in options.items()]
    return {"questions": [{"name": _NAME, "type": "choice", "instructions": question, "choices": choices}]}


def decision(reply: Mapping[str, Any], options: Iterable[str]) -> LabelScores:
    """The scores of the options in a Reply of `decision_query`. Raises Ungraded for a stored reply without them."""
    try:
        found = dict(zip(options, map(float, reply["decision"]), strict=True))
    except (KeyError, TypeError, ValueError):
        raise Ungraded("the stored reply has no decision", kind=Kind.BAD_RESPONSE, cause="no_logprobs") from None
    return LabelScores(found)


async def check_decisions(ask: Ask, model: ModelFacts, params: Mapping[str, Any]) -> None:
    """One question in both orders before the first sample, since small models go by the letter.

    Raises NoLikelihoods, WrongLikelihoods or AttemptFailed.
    """
    text, question, (right, wrong) = _CHECK
    async with refused_as():
        found = []
        for names in ((right, wrong), (wrong, right)):
            options = dict.fromkeys(names, "")
            query = decision_query(model, text, question, options, params)
            found.append(decision(await ask(query), options))
    share = sum(one.probabilities[wrong] / (one.mass or 1.0) for one in found) / len(found)
    if len({p for one in found for p in one.probabilities.values()}) < 2:
        raise WrongLikelihoods(f"expected options of different probabilities, found one for all, {share:.4f}")
    if share > _MOST_WRONG:
        raise WrongLikelihoods(
            f"expected {right!r} rather than {wrong!r} as the answer to {text!r}, found {share:.4f} for {wrong!r} over "
            "both orders"
        )


def _read_openai(found: Mapping[str, Any], *, options: Sequence[str], kind: str) -> JsonObject:
    """answers: [{type: choice, name, choice, probabilities: [{value, probability}], confidence}]."""
    raise_for_error(found)
    try:
        (answer,) = found["answers"]
        entries = [(entry["value"], entry["probability"]) for entry in answer["probabilities"]]
        confidence = answer["confidence"]
    except (KeyError, TypeError, ValueError) as error:
        raise _no_decision(f"none ({error!r:.80})") from error
    # vLLM: the best option's share times the mass of all letters. OpenAI's text says no more than "confidence".
    best = max((p for _, p in entries if _is_probability(p)), default=0.0)
    mass = confidence / best if kind == VLLM and best and _is_probability(confidence) else 1.0
    return _reply(found, entries, mass, options, {"usage": _usage(found)})


def _read_sglang(found: Mapping[str, Any], *, options: Sequence[str], kind: str) -> JsonObject:
    """answers: {id: {type: choice, probabilities: {name: p}, label_mass, choice}}, prompt_format_version."""
    raise_for_error(found)
    if (version := found.get("prompt_format_version")) != PROMPT_FORMAT:
        raise _no_decision(f"prompt_format_version {version!r:.20} in place of {PROMPT_FORMAT} from {kind}")
    try:
        answer = found["answers"][_NAME]
        entries, mass = list(answer["probabilities"].items()), answer["label_mass"]
    except (KeyError, TypeError, AttributeError) as error:
        raise _no_decision(f"none ({error!r:.80})") from error
    return _reply(found, entries, mass, options, {})


def _reply(
    found: Mapping[str, Any], entries: Sequence[tuple[Any, Any]], mass: Any, options: Sequence[str], more: JsonObject
) -> JsonObject:
    """The Reply with the probability of each option over the whole vocabulary.

    entries: (option, its share among the options); mass: the probability of all letters together.
    """
    if [name for name, _ in entries] != list(options):
        raise _no_decision(f"other options than were sent: {[name for name, _ in entries]!r:.200}")
    shares = [p for _, p in entries]
    if not all(map(_is_probability, [*shares, mass])) or abs(sum(shares) - 1) > _ROUNDING:
        raise bad_response_error(
            f"expected probabilities of options that add up to 1 and a mass up to 1, found {shares!r:.200} and "
            f"{mass!r:.40}",
            "bad_logprobs",
        )
    return {**plain_reply({**found, **more}), "decision": [share * min(mass, 1.0) for share in shares]}


def _usage(found: Mapping[str, Any]) -> JsonObject:
    usage = found.get("usage")
    given = usage if isinstance(usage, dict) else {}
    return {"prompt_tokens": given.get("input_tokens"), "completion_tokens": given.get("output_tokens")}


def _is_probability(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1 + _ROUNDING


def _no_decision(what: str) -> Exception:
    return bad_response_error(
        f"expected the probabilities of the options that were asked for, found {what}",
        "no_logprobs",
        is_retryable=False,
    )
