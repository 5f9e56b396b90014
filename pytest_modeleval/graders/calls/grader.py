"""Grades replies to questions that ask for function calls.

`sample.data` holds

    functions  the offered descriptions as in the data, without language hints
    wanted     a `Wanted`: the number of calls
    language   a `Language`; Python if absent
    form       how text replies write calls (see `decode_text`); the language's own if absent
    is_tagged  text replies put calls between <TOOLCALL> tags; False if absent

and its `target` the accepted calls (None for Wanted.NONE and Wanted.ANY). Verdicts follow bfcl-eval 2025.10.27.1
with one exception: a reply that was cut off before any text does not prove that the model would not have called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pytest_modeleval.graders.calls.check import check_calls
from pytest_modeleval.graders.calls.function_call import Call, Language, NoCallsFound, Wanted, shown
from pytest_modeleval.graders.calls.native import decode_tool_calls, has_call_mark, name_cause
from pytest_modeleval.graders.calls.other_text import decode_text
from pytest_modeleval.records import Grade, Response, Sample

# Causes of replies without any call, as opposed to replies with a wrong one.
_SILENT = frozenset({"text_instead_of_call", "call_in_text", "no_call_tag", "no_call"})


def grade_tool_calls(sample: Sample, response: Response) -> Grade:
    """Grade the tool calls of a response."""

    def decode() -> Sequence[Call]:
        if not response.tool_calls:
            raise _no_tool_call(response)
        return decode_tool_calls(response.tool_calls)

    return _grade(sample, response, decode, has_dots=False)


def grade_text_calls(sample: Sample, response: Response) -> Grade:
    """Grade calls that the response writes as text."""
    data = sample.data

    def decode() -> Sequence[Call]:
        if not response.text.strip():
            raise NoCallsFound(response.missing_cause, "the reply holds no text")
        form = data.get("form") or data.get("language") or Language.PYTHON
        return decode_text(response.text, form, is_tagged=bool(data.get("is_tagged")))

    return _grade(sample, response, decode, has_dots=True)


def _no_tool_call(response: Response) -> NoCallsFound:
    text = response.text.strip()
    if not text:
        return NoCallsFound(response.missing_cause, "the reply holds neither a call nor text")
    if has_call_mark(text):
        return NoCallsFound("call_in_text", f"the text contains a call; is the server's tool parser set? {shown(text)}")
    return NoCallsFound("text_instead_of_call", f"the reply is text: {shown(text)}")


def _grade(sample: Sample, response: Response, decode: Callable[[], Sequence[Call]], *, has_dots: bool) -> Grade:
    wanted = Wanted(sample.data["wanted"])
    try:
        calls = decode()
    except NoCallsFound as found:
        return _grade_without_calls(found, wanted, response)
    written = "; ".join(f"{shown(call.name, 80)}({shown(dict(call.arguments), 300)})" for call in calls[:20])
    if wanted is Wanted.NONE:
        if not calls:
            return Grade.right("", "no call, as wanted")
        return Grade.wrong(written, cause="call_not_wanted", explanation=f"no function fits, but {written} was called")
    if not calls:
        return Grade.no_answer(cause="no_call", explanation="the reply is an empty list of calls")
    if wanted is Wanted.ANY:
        return Grade.right(written)
    return _grade_by_check(sample, calls, wanted, written, has_dots=has_dots)


def _grade_by_check(sample: Sample, calls: Sequence[Call], wanted: Wanted, written: str, *, has_dots: bool) -> Grade:
    functions: Sequence[Mapping[str, Any]] = sample.data["functions"]
    mismatch = check_calls(
        calls,
        functions=functions,
        accepted=sample.target,
        wanted=wanted,
        language=Language(sample.data.get("language", Language.PYTHON)),
        has_dots=has_dots,
    )
    if mismatch is None:
        return Grade.right(written)
    offered = {name if has_dots else name.replace(".", "_") for name in (entry["name"] for entry in functions)}
    strange = next(filter(None, (name_cause(call.name, offered) for call in calls)), "")
    return Grade.wrong(written, cause=strange or mismatch.cause, explanation=mismatch.explanation)


def _grade_without_calls(found: NoCallsFound, wanted: Wanted, response: Response) -> Grade:
    is_cut = response.is_truncated and not response.text.strip()
    if wanted is Wanted.NONE and not is_cut:
        # Includes malformed calls: upstream counts what it cannot read as no call.
        return Grade.right("", f"no call, as wanted ({found.cause})")
    if found.cause in _SILENT or found.cause in ("empty", "thinking_only", "unclosed_thinking") or is_cut:
        return Grade.no_answer(cause=found.cause, explanation=found.explanation)
    return Grade.wrong(None, cause=found.cause, explanation=found.explanation)
