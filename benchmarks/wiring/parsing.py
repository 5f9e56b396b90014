"""Small functions on replies that several rules share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pytest_modeleval import Grade, Response
from pytest_modeleval._support.shorten import shorten

Replies = Sequence[Response]
Check = Callable[[Mapping[str, Any], Replies], Grade]

NO_USAGE = "the reply has no usage, so tokens cannot be compared (stream_options.include_usage is sent)"


def written(response: Response) -> str:
    """The whole text of the model, thinking included, as it arrived."""
    return response.reasoning_content + response.content


def missing(reply: Response) -> Grade | None:
    """The grade of a reply without answer text; None if there is text."""
    cause = reply.missing_cause
    if not cause:
        return None
    if reply.is_truncated:
        return Grade.no_answer(cause="cut_at_max_tokens", explanation="the reply was cut before the answer began")
    if reply.reasoning.strip():
        why = "the reply ended, and all of it counts as thinking: does the reasoning parser fit the model?"
        return Grade.wrong(short(reply.reasoning), cause="answer_in_thinking", explanation=why)
    return Grade.no_answer(cause=cause, explanation="the answer is empty")


def reason_found(reply: Response, wanted: str) -> str:
    return f"expected finish_reason {wanted!r}, found {reply.finish_reason!r}"


def short(text: str) -> str:
    return shorten(text, 120)
