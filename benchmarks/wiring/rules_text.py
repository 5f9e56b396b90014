"""Rules on the text of answers, and on its repetition. Pure; every cause is a word that can be counted.

A rule gives `wrong` where the server, or the way it was started, must be at fault, and `no_answer` where the replies do
not show whether it is (a model that ended early, a reply that was cut).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_modeleval import Grade

from .parsing import Replies, missing, short, written

# The marks of chat templates between turns (ChatML, Llama 2 and 3, Gemma, GPT-2, DeepSeek).
_MARK = re.compile(
    r"<\|[a-z_]{1,30}\|>|<｜[^｜<>]{1,40}｜>|\[/?INST\]|</?s>|</?(?:start|end)_of_turn>|^(?:assistant|user)\s*\n"
)
_THINK_TAG = re.compile(
    r"(?<![`\"'“])</?\s{0,4}(?:[a-z_]{1,12}:)?think(?:ing)?\s{0,4}>|\[/?THINK\]|◁/?think▷", re.IGNORECASE
)


def contains(expect: Mapping[str, Any], replies: Replies) -> Grade:
    """The answer contains one of the words."""
    answer = replies[-1].text
    if (lost := missing(replies[-1])) is not None:
        return lost
    if any(word in answer.casefold() for word in expect["words"]):
        return Grade.right(short(answer))
    return Grade.wrong(
        short(answer), cause="word_missing", explanation=f"expected {expect['words'][0]!r} in the answer"
    )


def clean(expect: Mapping[str, Any], replies: Replies) -> Grade:
    """The answer contains no mark of the chat template."""
    found = _MARK.search(replies[-1].text)
    if found is None:
        return Grade.right()
    return Grade.wrong(found.group().strip(), cause="template_mark", explanation=f"{found.group()!r} is in the answer")


def thinks_apart(expect: Mapping[str, Any], replies: Replies) -> Grade:
    """There is an answer, and no thinking in it. A model that does not think passes."""
    reply = replies[-1]
    if found := _THINK_TAG.search(reply.text):
        return Grade.wrong(
            found.group(), cause="think_tag_in_answer", explanation=f"{found.group()!r} is in the answer"
        )
    if reply.tool_calls and not reply.text.strip():
        return Grade.right(short(reply.tool_calls[0].name), "a tool was called")
    if reply.text.strip():
        return Grade.right(short(reply.text), "with thinking" if reply.reasoning.strip() else "without thinking")
    if (lost := missing(reply)) is not None:
        return lost
    return Grade.no_answer(cause="empty")


def repeats(expect: Mapping[str, Any], replies: Replies) -> Grade:
    """Equal requests give equal texts, at least two of three: batching may change one without a fault."""
    texts = Counter(map(written, replies))
    most = texts.most_common(1)[0][1]
    if most == len(replies):
        return Grade.right()
    if most > 1:
        return Grade.right(explanation=f"{most} of {len(replies)} replies are the same; batching changes the rest")
    return Grade.wrong(cause=expect["changing"], explanation=f"{len(replies)} requests, {len(texts)} different texts")


def varies(expect: Mapping[str, Any], replies: Replies) -> Grade:
    """At temperature 1, different seeds give different texts."""
    if len(set(map(written, replies))) > 1:
        return Grade.right()
    why = f"{len(replies)} requests with different seeds gave one text"
    return Grade.wrong(short(written(replies[0])), cause="always_the_same", explanation=why)


def streams_alike(expect: Mapping[str, Any], replies: Replies) -> Grade:
    """Streamed and whole replies are equal at temperature 0. Two of each, since batching may change one."""
    streamed, plain = ([written(reply) for reply in replies[start::2]] for start in (0, 1))
    if "\ufffd" in "".join(streamed) and "\ufffd" not in "".join(plain):
        return Grade.wrong(cause="broken_characters", explanation="streaming breaks characters that span two tokens")
    if set(streamed) & set(plain):
        return Grade.right(short(streamed[0]))
    if len(set(streamed)) == len(set(plain)) == 1:
        why = f"streamed {short(streamed[0])!r}, whole {short(plain[0])!r}"
        return Grade.wrong(cause="streaming_differs", explanation=why)
    return Grade.no_answer(
        cause="not_repeatable", explanation="the same request gives different texts, so nothing can be compared"
    )


def answers_apart(expect: Mapping[str, Any], replies: Replies) -> Grade:
    """No reply contains the code of another request. Replies without any code prove nothing."""
    digits = [code.replace(" ", "") for code in expect["codes"]]
    own = 0
    for number, (reply, code) in enumerate(zip(replies, digits, strict=True)):
        found = "".join(filter(str.isdigit, written(reply)))
        for other, foreign in enumerate(digits):
            if other != number and foreign in found:
                why = f"the reply to request {number} of {len(digits)} contains the code of request {other}"
                return Grade.wrong(short(written(reply)), cause="cross_talk", explanation=why)
        own += code in found
    held = f"{own} of {len(digits)} replies contain their own code, none another's"
    return (
        Grade.right(str(own), held)
        if 2 * own >= len(digits)
        else Grade.no_answer(cause="code_missing", explanation=held)
    )


def _named_options(reply: str, options: Sequence[str]) -> list[str]:
    """The options that a JSON string or a free text names."""
    try:
        text = str(json.loads(reply)).strip()
    except (ValueError, RecursionError):
        text = reply.strip()
    return [option for option in options if re.search(rf"(?<![\w.]){re.escape(option)}(?!\w|\.\d)", text, re.I)]


def chooses(expect: Mapping[str, Any], replies: Replies) -> Grade:
    """The answer is the right option: as the requested JSON string, or as the only option in a free text."""
    reply = replies[-1]
    if (lost := missing(reply)) is not None:
        return lost
    named = _named_options(reply.text, expect["options"])
    if len(named) != 1:
        return Grade.no_answer(cause="no_option", explanation=f"expected one of {', '.join(expect['options'])}")
    if named[0] == expect["answer"]:
        return Grade.right(named[0])
    return Grade.wrong(named[0], cause="wrong_option", explanation=f"expected {expect['answer']}, found {named[0]}")
