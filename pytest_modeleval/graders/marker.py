"""Where a reply says what its answer is: the marker that the prompts ask for, `ANSWER:` or `答案：`."""

from __future__ import annotations

import re

from pytest_modeleval.records import Response

# Capitals or not, bold or not, half- or full-width colon; "is" and its Chinese forms only before a colon: prose such
# as "if the answer is B, then" marks nothing.
#
# Three patterns rather than one, each with a word in front, because the search for a plain word is twenty times as fast
# as that for alternatives (a reply has tens of thousands of characters, and this reads every one).
_BEFORE_COLON = r"[*_`\s]{0,6}[:：]"
_MARKERS = tuple(
    (word, re.compile(word + rest + _BEFORE_COLON))
    for word, rest in (
        ("NSWER", r"(?<=[Aa]NSWER)(?<![A-Za-z][Aa]NSWER)(?:\s{1,3}(?i:is))?"),
        ("nswer", r"(?<=[Aa]nswer)(?<![A-Za-z][Aa]nswer)(?:\s{1,3}(?i:is))?"),
        ("答案", r"(?:是|为|為)?"),
    )
)
# More markers than that are no answer but a loop; the last ones decide in any case.
MAX_MARKERS = 500
# A reply may be megabytes long; its answer stands near the end.
MAX_TEXT_CHARS = 1_000_000


def tail(text: str) -> str:
    """The last part of a reply, within the limit on what graders read."""
    return text[-MAX_TEXT_CHARS:]


def marker_ends(text: str) -> list[int]:
    """The positions right after the colons of all markers, the last one first."""
    ends: list[int] = []
    for word, marker in _MARKERS:
        if word in text:
            ends += [found.end() for found in marker.finditer(text)][-MAX_MARKERS:]
    return sorted(ends, reverse=True)[:MAX_MARKERS]


def marked_line(text: str) -> str | None:
    """What follows the last marker with anything after it: to the end of that line, or the next line with text.

    None without a marker. Bold signs and back-ticks around it are cut off.
    """
    for end in marker_ends(text):
        rest = text[end : end + 20_000].lstrip(" \t\r\n*_`　")
        line = rest.partition("\n")[0].strip().strip("*_`").strip()
        if line:
            return line
    return None


def missing_answer_cause(response: Response) -> str:
    """Why a reply without a readable answer has none: the reply's own cause, else "no_marker"."""
    if response.missing_cause:
        return response.missing_cause
    return "unclosed_thinking" if response.is_thinking_open else "no_marker"
