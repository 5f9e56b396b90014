"""Rules for tool calls and JSON. Pure; every cause is a word that can be counted.

A rule gives `wrong` where the server, or the way it was started, must be at fault, and `no_answer` where the replies do
not show whether it is (a model that ended early, a reply that was cut).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from pytest_modeleval import Grade, Response, ToolCall

from .json_schema import find_violation
from .parsing import Replies, missing, reason_found, short, written

# Calls in the text, which no parser has extracted.
_CALL_TEXT = re.compile(
    r"tool_calls?\b|<function|function_call|<invoke\b|\[TOOL_CALLS\]|<\|python_tag\|>|"
    r"\"(?:name|function)\"\s{0,9}:\s{0,9}\"(?:get_weather|add)\"|\b(?:get_weather|add)\s{0,3}\(",
    re.IGNORECASE,
)


def calls(expect: Mapping[str, Any], replies: Replies) -> Grade:
    """The reply calls the expected function, as an entry of tool_calls."""
    reply = replies[-1]
    if not reply.tool_calls:
        return _without_call(expect, reply)
    call = reply.tool_calls[0]
    if cause := _fault_of(call, expect):
        wanted = f"expected {expect['function']}({json.dumps(expect['arguments'])})"
        found = f"{short(call.name)}({short(call.arguments)})"
        return Grade.wrong(found, cause=cause, explanation=f"{wanted}, found {found}")
    # A forced call may end with "stop", as OpenAI's do; a call of the model's own choice may not.
    if reply.finish_reason != "tool_calls" and not expect.get("is_forced"):
        why = reason_found(reply, "tool_calls")
        return Grade.partial(0.5, short(call.arguments), cause="wrong_finish_reason", explanation=why)
    return Grade.right(short(call.arguments))


def _without_call(expect: Mapping[str, Any], reply: Response) -> Grade:
    text = written(reply)
    if found := _CALL_TEXT.search(text):
        why = f"the call came back as text ({found.group()!r})"
        return Grade.wrong(short(text), cause="call_as_text", explanation=why)
    if expect.get("is_forced") and not reply.is_truncated:
        why = "tool_choice demands a call, and the reply has none"
        return Grade.wrong(short(text), cause="tool_choice_ignored", explanation=why)
    if reply.is_truncated:
        return Grade.no_answer(cause="cut_at_max_tokens", explanation="the reply was cut before it called a tool")
    return Grade.no_answer(cause="no_call", explanation="the model answered without calling the tool")


def _fault_of(call: ToolCall, expect: Mapping[str, Any]) -> str:
    if call.name != expect["function"]:
        return "other_function"
    try:
        arguments = json.loads(call.arguments)
    except (ValueError, RecursionError):
        arguments = None
    if not isinstance(arguments, dict):
        return "arguments_no_object"
    is_right = all(_is_argument(arguments.get(name), value) for name, value in expect["arguments"].items())
    return "" if is_right else "wrong_arguments"


def conforms(expect: Mapping[str, Any], replies: Replies) -> Grade:
    """The answer is JSON of the demanded shape."""
    reply = replies[-1]
    if (lost := missing(reply)) is not None:
        return lost
    try:
        value = json.loads(reply.text)
    except (ValueError, RecursionError):
        if reply.is_truncated:
            return _cut(reply.text)
        return Grade.wrong(
            short(reply.text), cause="no_json", explanation="the answer is no JSON: the schema is not enforced"
        )
    if found := find_violation(value, expect["schema"]):
        return Grade.wrong(short(reply.text), cause="schema_violated", explanation=found)
    return Grade.right(short(reply.text))


def _cut(text: str) -> Grade:
    """A reply that was cut at max_tokens: so far within JSON, or prose."""
    if not text.lstrip().startswith(("{", "[", '"')):
        why = "the answer is prose, cut at max_tokens: the schema is not enforced"
        return Grade.wrong(short(text), cause="no_json", explanation=why)
    if 2 * sum(map(str.isspace, text)) > len(text):
        why = "the reply was cut within JSON that is mostly white space, which the grammar of this server allows"
        return Grade.no_answer(cause="endless_white_space", explanation=why)
    return Grade.no_answer(cause="cut_in_json", explanation="the reply was cut before its JSON was whole")


def _is_argument(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, str):
        return isinstance(found, str) and wanted in found.casefold()
    return isinstance(found, int) and not isinstance(found, bool) and found == wanted
