"""Reads the answer of a pipeline: its forms and bounds. Pure.

The value comes from the user's code or from an endpoint. What does not fit leaves the question ungraded, with a cause:
`rag_form`, `rag_too_many_contexts` or `rag_too_large`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_modeleval._support.shorten import printable, shorten_repr
from pytest_modeleval.errors import Ungraded
from pytest_modeleval.rag_answer import Context, RagAnswer
from pytest_modeleval.records import JsonObject, Kind

MAX_CONTEXTS = 1_000
MAX_CHARS = 1_000_000
"""Of all texts of one answer together."""
MAX_ID_CHARS = 1_000
FORM, TOO_MANY, TOO_LARGE = "rag_form", "rag_too_many_contexts", "rag_too_large"
_SHOWN = 80


def read_answer(value: Any) -> RagAnswer:
    """The answer that a pipeline returned: {"contexts": [...], "answer": "..."}, a pair, or a RagAnswer.

    A context is a text, or {"id": ..., "text": ...}. Halves of surrogate pairs are written as escapes. Raises Ungraded.
    """
    if isinstance(value, RagAnswer):
        value = value.contexts, value.answer
    contexts, answer = _parts(value)
    if not isinstance(contexts, list | tuple):
        raise _misformed("a list of contexts", contexts)
    if len(contexts) > MAX_CONTEXTS:
        raise _bad(f"expected at most {MAX_CONTEXTS:,} contexts, found {len(contexts):,}", TOO_MANY)
    made = RagAnswer(
        tuple(map(_context, contexts)), "" if answer is None else _text(answer, "an answer that is a text")
    )
    chars = len(made.answer) + sum(len(context.text) + len(context.id) for context in made.contexts)
    if chars > MAX_CHARS:
        raise _bad(f"expected texts of at most {MAX_CHARS:,} characters in all, found {chars:,}", TOO_LARGE)
    return made


def answer_as_json(answer: RagAnswer) -> JsonObject:
    """The answer as the journal keeps it; `read_answer` reads it again."""
    contexts = [{"id": context.id, "text": context.text} for context in answer.contexts]
    return {"contexts": contexts, "answer": answer.answer}


def _parts(value: Any) -> tuple[Any, Any]:
    if isinstance(value, Mapping) and "contexts" in value and "answer" in value:
        return value["contexts"], value["answer"]
    if isinstance(value, tuple | list) and len(value) == 2:
        return value[0], value[1]
    raise _misformed('{"contexts": [...], "answer": "..."} or a pair (contexts, answer)', value)


def _context(value: Any) -> Context:
    if isinstance(value, Context):
        value = {"text": value.text, "id": value.id}
    if isinstance(value, str):
        return Context(_clean(value))
    if not isinstance(value, Mapping) or "text" not in value:
        raise _misformed('contexts that are texts or {"id": ..., "text": ...}', value)
    return Context(_text(value["text"], "a context whose text is a text"), _id(value.get("id")))


def _id(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise _misformed("an id that is a text or a whole number", value)
    text = _clean(value) if isinstance(value, str) else shorten_repr(value, MAX_ID_CHARS)
    if len(text) > MAX_ID_CHARS:
        raise _misformed(f"an id of at most {MAX_ID_CHARS:,} characters", value)
    return text


def _text(value: Any, expected: str) -> str:
    if not isinstance(value, str):
        raise _misformed(expected, value)
    return _clean(value)


def _clean(text: str) -> str:
    """The text as a `str` of its own that UTF-8 can hold."""
    return text.encode("utf-8", "backslashreplace").decode()


def _misformed(expected: str, found: Any) -> Ungraded:
    shown = printable(shorten_repr(found, _SHOWN), _SHOWN)
    return _bad(f"expected {expected}, found {type(found).__name__} {shown}", FORM)


def _bad(message: str, cause: str) -> Ungraded:
    return Ungraded(f"the pipeline's result: {message}", kind=Kind.BAD_RESPONSE, cause=cause)
