"""The rules by name: a row's `rule` is one of these. Each takes the row's `expect` and the replies of its asks."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pytest_modeleval import Grade, Response

Rule = Callable[[Mapping[str, Any], Sequence[Response]], Grade]
# The smallest picture of this page is 64 x 64 pixels; servers make 4 tokens of it at least.
LEAST_TOKENS = 4


def _no_answer(replies: Sequence[Response], cause: str, explanation: str) -> Grade:
    """The grade where a reply does not say what is asked; a reply without text has a cause of its own."""
    missing = next(filter(None, (reply.missing_cause for reply in replies)), "")
    return Grade.no_answer(cause=missing or cause, explanation=explanation)


def _named(text: str, words: Sequence[str]) -> str:
    """The word of these that a reply names last; "" for none."""
    found = re.findall(rf"(?<!\w)(?:{'|'.join(map(re.escape, words))})(?!\w)", text.lower())
    return found[-1] if found else ""


def names(expect: Mapping[str, Any], replies: Sequence[Response]) -> Grade:
    """The reply names the right one of the choices."""
    answer = _named(replies[0].text, expect["choices"])
    if not answer:
        return _no_answer(replies, "no_choice", "none of the choices is named")
    if answer == expect["answer"]:
        return Grade.right(answer)
    return Grade.wrong(answer, cause=expect["lost"], explanation=f"{answer} is named, {expect['answer']} is shown")


def reads(expect: Mapping[str, Any], replies: Sequence[Response]) -> Grade:
    """The reply gives the digits in the picture."""
    found = re.findall(r"\d+", replies[0].text.replace(",", ""))
    if not found:
        return _no_answer(replies, "no_digits", "the reply has no digits")
    if found[-1] == expect["answer"]:
        return Grade.right(found[-1])
    return Grade.wrong(found[-1], cause="wrong_digits", explanation=f"{found[-1]} is read, {expect['answer']} is shown")


def turns(expect: Mapping[str, Any], replies: Sequence[Response]) -> Grade:
    """The answers to both orders are right: the second one is the other word."""
    words = expect.get("words", ["first", "second"])
    answers = [_named(reply.text, words) for reply in replies]
    if not all(answers):
        return _no_answer(replies, "no_choice", f"a reply names none of {words}")
    shown = ", then ".join(answers)
    if answers == words:
        return Grade.right(shown)
    if answers == words[::-1]:
        return Grade.wrong(shown, cause="order_reversed", explanation="the pictures reach the model in reverse order")
    return Grade.wrong(shown, cause="pictures_alike", explanation="the answer does not change with the order")


def adds_tokens(expect: Mapping[str, Any], replies: Sequence[Response]) -> Grade:
    """The second prompt, which has one picture more, has more tokens by the server's own count."""
    counts = [reply.usage.prompt_tokens for reply in replies]
    if None in counts:
        return Grade.no_answer(cause="not_counted", explanation="a reply has no count of prompt tokens")
    less, more = (count or 0 for count in counts)
    if more - less >= LEAST_TOKENS:
        return Grade.right(f"{more - less} tokens")
    return Grade.wrong(
        f"{more - less} tokens", cause="picture_left_out", explanation=f"{less} tokens without it, {more} with it"
    )


RULES: Mapping[str, Rule] = {rule.__name__: rule for rule in (adds_tokens, names, reads, turns)}
