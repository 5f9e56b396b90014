"""Finds the marker that the prompts ask for, `ANSWER:` or `答案：`, and the line after it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pytest_modeleval.records import Response

# Capitals or not, bold or not, half- or full-width colon; "is" and its Chinese forms only before a colon: prose such
# as "if the answer is B, then" marks nothing.
#
# Three patterns rather than one, each starting with a plain word: searching for a plain word is twenty times as fast as
# searching for alternatives, and a reply has tens of thousands of characters.
_BEFORE_COLON = r"[*_`\s]{0,6}[:：]"
_MARKERS = tuple(
    (word, re.compile(word + rest + _BEFORE_COLON))
    for word, rest in (
        ("NSWER", r"(?<=[Aa]NSWER)(?<![A-Za-z][Aa]NSWER)(?:\s{1,3}(?i:is))?"),
        ("nswer", r"(?<=[Aa]nswer)(?<![A-Za-z][Aa]nswer)(?:\s{1,3}(?i:is))?"),
        ("答案", r"(?:是|为|為)?"),
    )
)
# More markers than that come from a loop; the last ones decide in any case.
MAX_MARKERS = 500
# A reply may be megabytes long; its answer stands near the end.
MAX_TEXT_CHARS = 1_000_000
_MAX_LINE_CHARS = 20_000
_BEFORE_CONTENT = " \t\r\n*_`　"
_DISPLAYED = re.compile(r"\s*(?:\$\$(.+?)\$\$|\\\[(.+?)\\\])", re.DOTALL)
_ENVIRONMENT_END = re.compile(r"\\end\s*\{[a-zA-Z*]+\}[^\n]*")
# An answer that is one of the signs of bold type and code itself.
_ONLY_SIGN = re.compile(r"[ \t]+([*_`]{1,3})\s*\Z")
# Bold type, end marks and tags after the content: 18<|im_end|>, 18</answer>, **18**.
_AFTER_CONTENT = re.compile(
    r"(?<=[^\s*_`])[*_`]{0,3}([.!。]?)(?:\s{0,4}(?:<\|[\w| ]{1,24}\|>|</?[a-z]{1,12}>)){1,4}\Z"
    r"|(?<=[^\s*_`])[*_`]{1,3}([.!。])\Z"
)
_IS_EXPLICIT = re.compile(r"(?:ANSWER(?:\s{1,3}IS)?|答案(?:是|为|為)?)[*_`\s]{0,6}[:：]\Z")


@dataclass(frozen=True, slots=True)
class Marked:
    """What follows a marker."""

    content: str
    start: int
    """Where the content starts in the text."""
    end: int
    is_explicit: bool
    """True for the marker as the prompts ask for it: ANSWER in capitals, or 答案."""


def tail(text: str) -> str:
    """Return the last part of a reply, at most MAX_TEXT_CHARS characters."""
    return text[-MAX_TEXT_CHARS:]


def marker_ends(text: str) -> list[int]:
    """Return the positions right after the colons of all markers, the last one first."""
    ends: list[int] = []
    for word, marker in _MARKERS:
        if word in text:
            ends += [found.end() for found in marker.finditer(text)][-MAX_MARKERS:]
    return sorted(ends, reverse=True)[:MAX_MARKERS]


def marked_lines(text: str) -> Iterator[Marked]:
    r"""Yield what follows each marker, the last one first: the rest of its line, or else the next line with text.

    Displayed formulas, $$...$$ and \[...\], and LaTeX environments may go over several lines. Bold signs and back-ticks
    around the content are cut off, and markers with nothing after them are passed over.
    """
    for end in marker_ends(text):
        rest = text[end : end + _MAX_LINE_CHARS]
        is_explicit = _IS_EXPLICIT.search(text[max(0, end - 24) : end]) is not None
        sign = _ONLY_SIGN.match(rest)
        if sign is not None:
            yield Marked(sign[1], end + sign.start(1), end + sign.end(1), is_explicit)
            continue
        displayed = _DISPLAYED.match(rest.lstrip(_BEFORE_CONTENT))
        stripped = rest.lstrip(_BEFORE_CONTENT)
        start = end + len(rest) - len(stripped)
        if displayed is not None and (displayed[1] or displayed[2]).strip():
            yield Marked((displayed[1] or displayed[2]).strip(), start, start + displayed.end(), is_explicit)
            continue
        line = stripped.partition("\n")[0]
        if line.count("\\begin") > line.count("\\end"):
            closing = _ENVIRONMENT_END.search(stripped)
            line = stripped[: closing.end()] if closing else line
        content = _AFTER_CONTENT.sub(_stop, line.strip()).strip("*_`").strip()
        if content:
            yield Marked(content, start, start + len(line), is_explicit)


def _stop(found: re.Match[str]) -> str:
    return found[1] or found[2] or ""


def marked_line(text: str) -> str | None:
    """Return what follows the last marker that anything follows; None without such a marker."""
    return next((marked.content for marked in marked_lines(text)), None)


def missing_answer_cause(response: Response) -> str:
    """Return why a reply has no readable answer: the reply's own cause, else "no_marker"."""
    if response.missing_cause:
        return response.missing_cause
    return "unclosed_thinking" if response.is_thinking_open else "no_marker"
