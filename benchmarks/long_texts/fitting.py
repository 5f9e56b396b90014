"""Fits a prompt to a number of tokens, counted by the served model's own tokenizer where there is one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pytest_modeleval import Kind, Model, Request, Response
from pytest_modeleval.errors import Ungraded
from pytest_modeleval.prompts import user

# A chat template adds some tokens to the text of a prompt.
TEMPLATE_TOKENS = 64
# From this share on a prompt is as long as it is meant to be.
_FULL = 0.98
_AIM = 0.99
_TRIES = 8
# A server that counts less than this share of the tokens that its tokenizer counted has cut the prompt.
_CUT = 0.95
# Without a tokenizer the plan is an estimate: a prompt of half its length is still more likely cut than misjudged.
_CUT_ESTIMATE = 0.5


@dataclass(frozen=True, slots=True)
class LongPrompt:
    """A prompt of a known length."""

    text: str
    tokens: int
    """Of the text, without the chat template."""
    is_counted: bool
    """By the server's tokenizer; False: estimated from the number of characters."""


@dataclass(frozen=True, slots=True)
class LongReply:
    """The reply to a prompt of a known length."""

    response: Response
    tokens: int
    """Of the prompt: as the server counted it, with its template; else as it was planned."""
    planned: int
    is_counted: bool


async def fit(model: Model, build: Callable[[int], str], tokens: int, *, chars_per_token: float) -> LongPrompt:
    """The longest prompt of at most `tokens` tokens that `build` makes, to about two per cent or one unit.

    build: number of units (sentences, words, ...) -> prompt; always the same for the same number, longer for a larger
    one. chars_per_token: of such a text, to begin with; it decides alone where the server has no tokenizer.
    """
    few, more = 64, 576
    least = len(build(few))
    per_unit = max(1.0, (len(build(more)) - least) / (more - few))
    units = max(1, few + int((tokens * chars_per_token - least) / per_unit))
    seen: dict[int, LongPrompt] = {}
    while units not in seen and len(seen) < _TRIES:
        found = await _counted(model, build, units)
        if found is None:
            text = build(units)
            return LongPrompt(text, round(len(text) / chars_per_token), is_counted=False)
        seen[units] = found
        if _FULL * tokens <= found.tokens <= tokens:
            return found
        units = _following(seen, units, tokens)
    fitting = [prompt for prompt in seen.values() if prompt.tokens <= tokens]
    if not fitting:
        shortest = min(prompt.tokens for prompt in seen.values())
        raise Ungraded(
            f"no prompt of at most {tokens} tokens could be made: the shortest that was tried has {shortest}",
            kind=Kind.GRADER_ERROR,
            cause="no_fit",
        )
    return max(fitting, key=lambda prompt: prompt.tokens)


def _following(seen: Mapping[int, LongPrompt], units: int, tokens: int) -> int:
    """The number of units to try next: aims at 99 % of the tokens, between the shorter and the longer prompts seen."""
    others = [other for other in seen if other != units]
    nearest = min(others, key=lambda other: abs(other - units), default=0)
    # Until two numbers are known, the text besides the units counts as theirs.
    fixed = seen[nearest].tokens if nearest else 0
    each = max(0.01, (seen[units].tokens - fixed) / (units - nearest))
    low = max((other for other in seen if seen[other].tokens <= tokens), default=0)
    high = min((other for other in seen if seen[other].tokens > tokens), default=2**40)
    return max(1, min(high - 1, max(low + 1, units + int((_AIM * tokens - seen[units].tokens) / each))))


async def _counted(model: Model, build: Callable[[int], str], units: int) -> LongPrompt | None:
    """None where the server has no tokenizer."""
    text = build(units)
    tokens = await model.count_tokens(text)
    return None if tokens is None else LongPrompt(text, tokens, is_counted=True)


def check_context(model: Model, length: int) -> None:
    """Raise Ungraded where the model's context is known to be shorter than the prompt."""
    if model.context_tokens is not None and model.context_tokens < length:
        raise Ungraded(
            f"the model's context has {model.context_tokens} tokens, and this prompt is to have {length}",
            kind=Kind.SERVER_ERROR,
            cause="context_exceeded",
        )


async def ask(model: Model, prompt: LongPrompt) -> LongReply:
    """Ask, with a smaller limit of tokens where the context leaves less room than max_tokens.

    Raises Ungraded where the server counts far fewer tokens than the prompt has: the score would be that of a shorter
    prompt.
    """
    params = {}
    room = None if model.context_tokens is None else model.context_tokens - prompt.tokens - TEMPLATE_TOKENS
    if room is not None and model.prompt_tokens is not None and model.prompt_tokens < prompt.tokens + TEMPLATE_TOKENS:
        params = {"max_tokens": max(1, room)}
    response = await model.ask(Request(user(prompt.text), params=params))
    seen = response.usage.prompt_tokens
    if seen is not None and seen < (_CUT if prompt.is_counted else _CUT_ESTIMATE) * prompt.tokens:
        raise Ungraded(
            f"the server counted {seen} tokens of a prompt of about {prompt.tokens}: it cuts prompts, or its "
            "context is shorter than it says",
            kind=Kind.BAD_RESPONSE,
            cause="prompt_cut",
        )
    return LongReply(response, seen or prompt.tokens, prompt.tokens, prompt.is_counted)


def length_measures(reply: LongReply) -> dict[str, float]:
    """What a grade records about the length: tokens of the prompt, and by how much it differs from the plan."""
    return {"prompt_tokens": float(reply.tokens)}


def length_marks(reply: LongReply) -> list[str]:
    """What a report should say about the length."""
    return [] if reply.is_counted else ["the prompt's length was estimated: the server offers no tokenizer"]
