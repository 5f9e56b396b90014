"""A pipeline behind HTTP: its request from a template, its reply read where the profile says, all of it bounded."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from pytest_modeleval._support import redact
from pytest_modeleval._support.retry import RetryLater, retry
from pytest_modeleval._support.shorten import printable, shorten_repr
from pytest_modeleval._support.side_requests import SideRequestError, http_post
from pytest_modeleval.errors import SettingsError, Ungraded
from pytest_modeleval.rag.profile import RagProfile
from pytest_modeleval.records import JsonObject, Kind

MAX_REPLY_BYTES = 16_000_000
_WAITS_S = (1.0, 3.0)
_VARIABLE = re.compile(r"\{env:([A-Za-z_][A-Za-z0-9_]*)\}")
_QUESTION = "{question}"
_PASSING = frozenset({408, 429, 500, 502, 503, 504})


def endpoint(profile: RagProfile, name: str) -> Callable[[str], JsonObject]:
    """The function `rag(question)` of an HTTP endpoint. name: of the profile, for messages.

    Keys are read from the environment now, and shown nowhere. Raises SettingsError where a variable is not set.
    """
    key = _variable(profile.key_env, f"[{name}.rag] key_env") if profile.key_env else None
    headers = {field: _filled(value, f"[{name}.rag.headers] {field}") for field, value in profile.headers.items()}

    def ask(question: str) -> JsonObject:
        return retry(lambda: _answer(profile, question, key, headers), _WAITS_S)

    return ask


def request_body(template: Any, question: str) -> Any:
    """The template with the question in place of {question}, in every text at any depth."""
    if isinstance(template, str):
        return template.replace(_QUESTION, question)
    if isinstance(template, Mapping):
        return {name: request_body(value, question) for name, value in template.items()}
    if isinstance(template, list):
        return [request_body(value, question) for value in template]
    return template


def read_reply(profile: RagProfile, reply: Any) -> JsonObject:
    """The contexts and the answer in the JSON of a reply. Raises Ungraded where one is not there."""
    contexts = _at(reply, profile.contexts, "contexts")
    if not isinstance(contexts, list):
        raise _unreadable(f"expected a list of contexts at {profile.contexts!r}, found {_shown(contexts)}")
    return {
        "contexts": [_context(profile, context) for context in contexts],
        "answer": _at(reply, profile.answer, "answer"),
    }


def _answer(profile: RagProfile, question: str, key: str | None, headers: Mapping[str, str]) -> JsonObject:
    # Encodes no half of a surrogate pair, which a question out of a file may hold.
    body = request_body(dict(profile.request), question.encode("utf-8", "replace").decode())
    try:
        reply = http_post(
            profile.url,
            body,
            key=key,
            headers=headers,
            timeout_s=profile.timeout_s,
            max_bytes=MAX_REPLY_BYTES,
        )
    except SideRequestError as error:
        failure = _failed(f"no reply of the endpoint: {error}")
        if error.is_timeout:
            raise failure from error
        raise RetryLater(str(error), failure=failure) from error
    if reply.status != 200:
        failure = _failed(f"the endpoint answered with status {reply.status}: {reply.excerpt}")
        if reply.status in _PASSING:
            raise RetryLater(f"status {reply.status}", failure=failure)
        raise failure
    if reply.is_truncated:
        raise _unreadable(f"expected a reply of at most {MAX_REPLY_BYTES:,} bytes, found a longer one", "rag_too_large")
    found = reply.json()
    if found is None:
        raise _unreadable(f"expected JSON, found {reply.excerpt!r}")
    return read_reply(profile, found)


def _context(profile: RagProfile, context: Any) -> Any:
    if isinstance(context, str):
        return context
    found = {"text": _at(context, profile.text, "text")}
    ids = _steps(context, profile.id)
    return {**found, "id": ids[0]} if ids else found


def _at(value: Any, path: str, what: str) -> Any:
    found = _steps(value, path)
    if not found:
        raise _unreadable(f"expected the {what} at {path!r}, found {_shown(value)}")
    return found[0]


def _steps(value: Any, path: str) -> list[Any]:
    """The value at a path of keys and list indices, alone in a list; an empty list where there is none."""
    for step in path.split("."):
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return []
    return [value]


def _filled(value: str, where: str) -> str:
    return _VARIABLE.sub(lambda found: _variable(found[1], where), value)


def _variable(name: str, where: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise SettingsError(f"{where}: expected the environment variable {name} to be set, found none")
    redact.remember(value)
    return value


def _failed(message: str) -> Ungraded:
    return Ungraded(f"the pipeline failed: {printable(message, 300)}", kind=Kind.SERVER_ERROR, cause="rag_error")


def _unreadable(message: str, cause: str = "rag_form") -> Ungraded:
    return Ungraded(f"the pipeline's reply: {message}", kind=Kind.BAD_RESPONSE, cause=cause)


def _shown(value: Any) -> str:
    return printable(shorten_repr(value, 80), 80)
