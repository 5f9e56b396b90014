"""Puts words of a model into a judge's prompt as data: in a fence that they cannot close."""

from __future__ import annotations

import hashlib
import re

_DIGITS = 12
# Pieces of chat templates. A server that finds one in a message may take it for the end of the message.
_CONTROL = re.compile(
    r"<\||\|>|<｜|｜>|</?s>|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_RESULTS)\]|<</?SYS>>"
    r"|<(?:start|end)_of_turn>|<(?:bos|eos|pad)>|\]~!?b\[|\]~b\]|\[e~\["
)


def fenced(name: str, text: str) -> str:
    """The text between two lines that name it, each with digits of the text's own SHA-256.

    The author of the text cannot know these digits before it is written, so no line of it is the closing one; the same
    text has the same fence in every run. A blank is put into pieces of chat templates such as "<|im_end|>", and
    halves of surrogate pairs are written as escapes.
    """
    encodable = text.encode("utf-8", "backslashreplace").decode()
    inert = _CONTROL.sub(lambda found: f"{found[0][0]} {found[0][1:]}", encodable)
    digits = _digest(inert)
    while digits in inert:
        digits = _digest(digits)
    return f"<<< {name} {digits}\n{inert}\n>>> {name} {digits}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
