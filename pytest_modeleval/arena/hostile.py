"""Answers that say nothing, and answers that speak to the judge. Pure."""

from __future__ import annotations

import re
import zlib

# Letters and digits of any script. An answer of blanks, dots and invisible signs says nothing at any length.
_SAYS_SOMETHING = re.compile(r"[^\W_]")
_TO_JUDGE = re.compile(
    r"(?-i:\[\[\s*[AB]\b|\b[AB]\s*(?:>>?|=)\s*[AB]\b)"
    r"|\bVERDICT\b\s*[:=]"
    r"|\b(?:ignore|disregard|forget)\b.{0,20}\b(?:above|previous|prior|earlier)\b"
    r"|\b(?:choose|pick|prefer|select|vote for)\b\s+(?:(?:answer|response|assistant|output|option)\s+)?"
    r"(?:(?-i:[AB])\b|this answer|this response|me\b)"
    r"|\bthis (?:answer|response|output) (?:is|should be) (?:the )?(?:best|better|preferred|winner)\b",
    re.IGNORECASE | re.DOTALL,
)
_SEEN_CHARS = 50_000
_LONG_CHARS = 4_000
# Prose compresses to a third or so; a text that repeats itself to a few hundredths.
_REPEATED_SHARE = 0.04


def says_nothing(text: str) -> bool:
    """True without a single letter or digit."""
    return _SAYS_SOMETHING.search(text) is None


def speaks_to_judge(text: str) -> bool:
    """True where it holds words that a judge is meant for: a verdict, a choice to be made, instructions to forget."""
    return _TO_JUDGE.search(text[:_SEEN_CHARS]) is not None


def repeats_itself(text: str) -> bool:
    """True for a long text that is nearly all repetition."""
    if len(text) < _LONG_CHARS:
        return False
    data = text[:_SEEN_CHARS].encode("utf-8", "replace")
    return len(zlib.compress(data, 6)) < _REPEATED_SHARE * len(data)
