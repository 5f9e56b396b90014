"""What counts as a failure of the server: statuses, error objects under status 200, finish reasons. Pure.

A failure is never a reply: it is retried if that can help, and leaves the sample ungraded in the end.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from pytest_modeleval._support import redact
from pytest_modeleval.client.image_refusals import image_cause
from pytest_modeleval.errors import AttemptFailed
from pytest_modeleval.records import Kind

RETRYABLE_STATUSES = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
OVERLOAD_STATUSES = frozenset({429, 503})
MAX_ERROR_CHARS = 300
MAX_REASON_CHARS = 60
_MAX_READ_CHARS = 20_000
# MiniMax, error codes of base_resp: 1002 and 1039 are rate limits; 1004, 1008, 1026, 1027, 2013 and 2049 (key, balance,
# contents, parameters) come again unchanged.
_BASE_RESP_OVERLOAD = frozenset({1002, 1039})
_BASE_RESP_FINAL = frozenset({1004, 1008, 1026, 1027, 2013, 2049})
_CONTEXT_WORDS = (
    "context",
    "maximum length",
    "input length",
    "too long",
    # vLLM 0.32 and SGLang 0.5.23, for max_tokens beyond the context.
    "max_model_len",
    "model supports at most",
    # vLLM 0.32, for a prompt that fills the context: it lowers max_tokens to what is left.
    "max_tokens must be at least 1, got 0",
)
# llama.cpp, with status 500, for a text to be embedded.
_LLAMA_TOO_LONG = "too large to process"
_LENGTH = frozenset(
    {
        "length",
        "max_tokens",
        "max_token",
        "max_output_tokens",
        "max_completion_tokens",
        "max_new_tokens",
        "max_length",
        "model_length",
        "token_limit",
        "length_limit",
        "context_length",
        "context_window",
        "model_context_window_exceeded",
    }
)
_FAILURE = re.compile(
    r"error|fail|abort|cancel|time_?d?_?out|time_limit|overload|unavailable|insufficient|exhaust|network|rate_?limit"
    r"|throttl|quota|connect|gateway|interrupt|preempt|exception|crash|shut_?down|deadline|out_of_memory|^oom$"
    r"|_(?:dead|died|killed)$|^(?:load|busy|killed|died|incomplete|internal)$"
)
# The names above, and others of the same words: max_gen_toks, token_limit_reached, context_length_exceeded.
_LENGTH_WORDS = re.compile(
    r"^max(?:imum)?_.*(?:token|toks|len)|length|truncated|^limit$|(?:token|output|context)s?_(?:limit|window)|exceed.*context"
)
_NO_REASONS = frozenset({"", "null", "none", "nil", "undefined"})
# Values of an error field that report no error.
_NO_ERRORS = frozenset({"", "null", "none", "nil", "undefined", "0", "200", "ok", "success", "false"})
_ERROR_FIELDS = ("errors", "err", "detail", "fault", "exception", "traceback")
_FAILED_STATES = frozenset({"error", "failed", "failure", "fail"})


def bad_response_error(message: str, cause: str, *, is_retryable: bool = True) -> AttemptFailed:
    """The failure of a response that is no valid reply. It is retried; no valid reply is ever discarded."""
    return AttemptFailed(message, kind=Kind.BAD_RESPONSE, cause=cause, is_retryable=is_retryable)


def too_large_error(message: str) -> AttemptFailed:
    """The failure of a response beyond our bounds. It would come again, so it is not retried."""
    return bad_response_error(message, "too_large", is_retryable=False)


def status_error(status: int, text: str, *, retry_after_s: float | None = None) -> AttemptFailed:
    """The failure that a status other than 200 means. Its text is shown, never graded."""
    refused = "" if status in OVERLOAD_STATUSES else image_cause(text)
    if (status == 400 and _is_about_context(text)) or _LLAMA_TOO_LONG in text:
        refused = refused or "context_exceeded"
    # 501 says that the server will never do it.
    is_passing = status in RETRYABLE_STATUSES or (status >= 500 and status != HTTPStatus.NOT_IMPLEMENTED)
    return AttemptFailed(
        f"the server refused the request with status {status}: {shorten_error(text)}",
        kind=Kind.SERVER_ERROR,
        cause=refused or f"http_{status}",
        is_retryable=is_passing and not refused,
        is_overload=status in OVERLOAD_STATUSES,
        retry_after_s=retry_after_s,
    )


def shorten_error(text: str) -> str:
    """A message of the server without secrets, at most MAX_ERROR_CHARS."""
    # Redacted before it is cut: a secret across the cut would not be recognised.
    return redact.diagnostic(text[:_MAX_READ_CHARS])[:MAX_ERROR_CHARS]


def error_text(found: Mapping[str, Any]) -> str:
    """The message of an error object in its usual places, at most MAX_ERROR_CHARS."""
    error = found.get("error", found)
    text = error.get("message", error) if isinstance(error, dict) else error
    return shorten_error(str(text))


def raise_for_error(found: Mapping[str, Any]) -> None:
    """Raise AttemptFailed if a JSON object that came with status 200 reports a failure."""
    error = found.get("error")
    if _has_error(error):
        raise _failure_in_body(error_text(found), _dict(error).get("code"))
    if found.get("object") == "error":
        raise _failure_in_body(str(found.get("message")), found.get("code"))
    if _number(_dict(found.get("base_resp")).get("status_code")):
        _raise_for_base_resp(found["base_resp"])
    for name in ("error_msg", "error_message", "errorMsg", "errorMessage"):
        if isinstance(found.get(name), str) and found[name].strip():
            raise _failure_in_body(found[name], found.get("error_code") or found.get("code"))
    if not found.get("choices"):
        _raise_for_status_fields(found)


def _raise_for_status_fields(found: Mapping[str, Any]) -> None:
    """Raise AttemptFailed for an object without choices that has an error code, another field of errors, or a state."""
    nested = next((_dict(found[name]) for name in ("header", "status") if isinstance(found.get(name), dict)), {})
    codes = [found.get(name) for name in ("status_code", "statusCode", "code", "status")] + [nested.get("code")]
    code = next(filter(None, map(_number, codes)), 0)
    states = {str(found.get(name)).lower() for name in ("status", "type", "object")}
    has_code = "message" in found and _has_error(found.get("code"))
    is_failed = found.get("success") is False or bool(states & _FAILED_STATES) or bool(_number(nested.get("code")))
    if code >= 400 or has_code or is_failed or any(_has_error(found.get(name)) for name in _ERROR_FIELDS):
        messages = (found.get("message"), found.get("msg"), found.get("detail"), nested.get("message"))
        raise _failure_in_body(str(next(filter(None, messages), found)), code)


def raise_for_choice(choice: Mapping[str, Any]) -> None:
    """Raise AttemptFailed if a choice, or the message or delta in it, carries an error of its own."""
    for part in (choice, choice.get("message"), choice.get("delta")):
        if isinstance(part, dict) and _has_error(part.get("error")):
            raise_for_error({"error": part["error"]})


def finish_class(reason: object) -> str:
    """One of "none" (not finished), "length" (cut at a limit), "failure" (of the server), "end" (any other reason)."""
    return "none" if reason is None else _classify(str(reason)[:MAX_REASON_CHARS])


@functools.lru_cache(maxsize=256)
def _classify(reason: str) -> str:
    name = _normalised(reason)
    if name in _NO_REASONS:
        return "none"
    if name in _LENGTH:
        return "length"
    if _FAILURE.search(name):
        return "failure"
    return "length" if _LENGTH_WORDS.search(name) else "end"


def raise_for_finish(reply: Mapping[str, Any]) -> None:
    """Raise AttemptFailed for a reply that the server did not bring to an end."""
    reason, native = reply.get("finish_reason"), reply.get("native_finish_reason")
    kind = finish_class(reason)
    is_native_failure = native is not None and finish_class(native) == "failure"
    if kind == "failure" or is_native_failure:
        failed = reason if kind == "failure" else native
        name = re.sub(r"[^a-z0-9_]+", "_", _normalised(failed))[:40]
        raise AttemptFailed(
            f"the server gave up the request (finish_reason {str(failed)[:MAX_REASON_CHARS]})",
            kind=Kind.SERVER_ERROR,
            cause=f"finish_{name}",
        )
    if kind == "none":
        raise bad_response_error("the reply has no finish_reason, so it may be incomplete", "no_finish_reason")


def _normalised(reason: object) -> str:
    r"""Return a reason in snake case, without the name of its type: FinishReason.maxTokens is max_tokens."""
    name = str(reason)[:MAX_REASON_CHARS].strip().rpartition(".")[2]
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower().replace("-", "_").replace(" ", "_")


def _has_error(error: object) -> bool:
    """False for {}, "", "null", false, [] and code 0 or 200, which some servers send with a valid answer."""
    if isinstance(error, dict):
        return any(_has_error(entry) for entry in error.values())
    if isinstance(error, list):
        return any(_has_error(entry) for entry in error)
    if isinstance(error, str):
        return error.strip().lower() not in _NO_ERRORS
    return bool(error) and error != 200


def _raise_for_base_resp(base: Mapping[str, Any]) -> None:
    code = _number(base.get("status_code"))
    text = shorten_error(str(base.get("status_msg") or "no message"))
    raise AttemptFailed(
        f"the server answered with error {code}: {text}",
        kind=Kind.SERVER_ERROR,
        cause="error_in_body",
        is_retryable=code not in _BASE_RESP_FINAL,
        is_overload=code in _BASE_RESP_OVERLOAD,
    )


def _failure_in_body(text: str, code: object) -> AttemptFailed:
    status, refused = _number(code), image_cause(text)
    is_final = bool(refused) or (400 <= status < 500 and status not in RETRYABLE_STATUSES)
    return AttemptFailed(
        f"the server answered with an error: {shorten_error(text)}",
        kind=Kind.SERVER_ERROR,
        cause=refused or ("context_exceeded" if status == 400 and _is_about_context(text) else "error_in_body"),
        is_retryable=not is_final,
        is_overload=status in OVERLOAD_STATUSES,
    )


def _dict(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _is_about_context(text: str) -> bool:
    return any(word in text.lower() for word in _CONTEXT_WORDS)


def _number(value: object) -> int:
    """A code as a number, which may come as text; 0 for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value if abs(value) < 10**9 else 0
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 9 else 0
