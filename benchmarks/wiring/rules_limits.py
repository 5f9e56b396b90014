"""Rules on limits, ends and counts of tokens. Pure; every cause is a word that can be counted.

A rule gives `wrong` where the server, or the way it was started, must be at fault, and `no_answer` where the replies do
not show whether it is (a model that ended early, a reply that was cut).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_modeleval import Grade

from .parsing import NO_USAGE, Replies, reason_found, short, written


def stops(expect: Mapping[str, Any], replies: Replies) -> Grade:
    """The reply ends before the stop word."""
    reply, text = replies[-1], written(replies[-1])
    places = [(text.index(word), word) for word in expect["stop"] if word in text]
    if places:
        place, word = min(places)
        if text[place:] == word:
            return Grade.wrong(
                short(text), cause="stop_included", explanation=f"the reply ends with its stop word {word!r}"
            )
        return Grade.wrong(short(text), cause="stop_ignored", explanation=f"the reply goes on after {word!r}")
    if reply.is_truncated:
        return Grade.no_answer(cause="stop_not_reached", explanation="the reply was cut before a stop word came")
    if reply.finish_reason != "stop":
        return Grade.partial(0.5, cause="wrong_finish_reason", explanation=reason_found(reply, "stop"))
    return Grade.right(short(text))


def is_cut(expect: Mapping[str, Any], replies: Replies) -> Grade:
    """A story is cut at max_tokens, exactly, and the reply says so."""
    reply, limit = replies[-1], expect["limit"]
    count = reply.usage.completion_tokens
    if count is None:
        return Grade.no_answer(cause="usage_missing", explanation=NO_USAGE)
    if count > limit:
        return Grade.wrong(str(count), cause="over_limit", explanation=f"{count} tokens came with max_tokens={limit}")
    if not reply.is_truncated:
        if count == limit:
            return Grade.wrong(str(count), cause="wrong_finish_reason", explanation=reason_found(reply, "length"))
        return Grade.no_answer(cause="ended_early", explanation=f"the model ended by itself after {count} tokens")
    # Some servers leave a final token out of the count.
    if count < limit - 1:
        return Grade.wrong(
            str(count), cause="cut_early", explanation=f"cut after {count} tokens with max_tokens={limit}"
        )
    return Grade.right(str(count))


def finishes(expect: Mapping[str, Any], replies: Replies) -> Grade:
    """finish_reason is the expected one."""
    reply, reason = replies[-1], expect["reason"]
    if reply.finish_reason == reason:
        return Grade.right(reason)
    if reply.is_truncated:
        return Grade.no_answer(cause="cut_at_max_tokens", explanation="the reply was cut before it could end by itself")
    return Grade.wrong(reply.finish_reason, cause="wrong_finish_reason", explanation=reason_found(reply, reason))


def counts_tokens(expect: Mapping[str, Any], replies: Replies) -> Grade:
    """The reply has positive counts of tokens."""
    usage = replies[-1].usage
    found = f"prompt {usage.prompt_tokens}, completion {usage.completion_tokens}"
    if usage.prompt_tokens is None or usage.completion_tokens is None:
        return Grade.wrong(cause="usage_missing", explanation=f"the reply does not count its tokens: {found}")
    if usage.prompt_tokens <= 0 or usage.completion_tokens <= 0:
        return Grade.wrong(
            found, cause="usage_zero", explanation=f"a prompt and a reply have at least one token: {found}"
        )
    return Grade.right(found)


def counts_alike(expect: Mapping[str, Any], replies: Replies) -> Grade:
    """The same prompt has the same number of tokens streamed and whole."""
    counts = [reply.usage.prompt_tokens for reply in replies]
    if None in counts:
        return Grade.wrong(cause="usage_missing", explanation=NO_USAGE)
    if len(set(counts)) == 1:
        return Grade.right(str(counts[0]))
    return Grade.wrong(
        str(counts), cause="prompt_tokens_differ", explanation=f"one prompt was counted as {counts} tokens"
    )


def counts_plausibly(expect: Mapping[str, Any], replies: Replies) -> Grade:
    """completion_tokens fits the text: a token is seldom longer than 16 characters, and never shorter than a byte."""
    reply, text = replies[-1], written(replies[-1])
    count = reply.usage.completion_tokens
    if count is None:
        return Grade.wrong(cause="usage_missing", explanation=NO_USAGE)
    found = f"{count} tokens for {len(text)} characters"
    # A server may count thinking that it does not show; tags and ends are tokens too.
    most = len(text.encode()) + (reply.usage.reasoning_tokens or 0) + 16
    if len(text) / 16 <= count <= most:
        return Grade.right(found)
    return Grade.wrong(found, cause="usage_implausible", explanation=found)


def grows(expect: Mapping[str, Any], replies: Replies) -> Grade:
    """The second prompt has an additional note, and the server counts it."""
    before, after = (reply.usage.prompt_tokens for reply in replies)
    if before is None or after is None:
        return Grade.no_answer(cause="usage_missing", explanation=NO_USAGE)
    more = f"{after - before} tokens more for a note of 50 words"
    if after - before >= expect["at_least"]:
        return Grade.right(str(after - before), more)
    return Grade.wrong(str(after - before), cause=expect["lost"], explanation=f"the prompt was counted with {more}")
