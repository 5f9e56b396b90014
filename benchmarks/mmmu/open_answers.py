"""Compares open answers by the rule of MMMU's official evaluation.

Of each line that holds "so ", "is ", "answer " or the like, what follows the last of these words counts, and every
number in it; without such a line, the whole reply. The answer is right if a target occurs inside one of these texts, or
equals one of these numbers, rounded to two decimals.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

_MAX_CHARS = 100_000
_SIGNAL_WORDS = ("could be ", "so ", "is ", "thus ", "therefore ", "final ", "answer ", "result ")
_TRIVIAL = frozenset(":,.!?;'")
_GROUPED = re.compile(r"-?\b\d{1,3}(?:,\d{3})+\b")
_SCIENTIFIC = re.compile(r"-?(?<!\d)\d+(?:\.\d+)?[eE][+-]?\d+")
# The look-behinds keep the cost of a long run of digits linear; they change nothing that is found.
_PLAIN = re.compile(r"(?:-?(?<!\d)\d+\.\d+|-?\.\d+|-?(?<!\d)\d+\b)(?![eE][+-]?\d+)(?![,\d])")


def is_open_answer_right(reply: str, targets: Sequence[str]) -> bool:
    """True if a target occurs in one of the texts that count, or equals one of the numbers in them."""
    wanted = set(_forms(targets))
    texts = {form for form in wanted if isinstance(form, str)}
    for form in _forms(_candidates(reply[-_MAX_CHARS:])):
        if isinstance(form, str):
            if any(text in form for text in texts):
                return True
        elif form in wanted:
            return True
    return False


def _candidates(reply: str) -> Iterator[str]:
    keys = _key_texts(reply.strip().strip(".").lower())
    yield from keys
    for key in keys:
        for pattern in (_GROUPED, _SCIENTIFIC, _PLAIN):
            yield from pattern.findall(key)


def _key_texts(reply: str) -> list[str]:
    lines = reply.split("\n")
    words: tuple[str, ...] = _SIGNAL_WORDS
    found = []
    for place, line in enumerate(lines):
        if place == len(lines) - 1:
            # A last line may be an equation.
            words = (*_SIGNAL_WORDS, "=")
        shortest = _shortest_rest(line, words)
        if shortest and shortest not in _TRIVIAL:
            found.append(shortest)
    return found or [reply]


def _shortest_rest(line: str, words: Iterable[str]) -> str:
    """What follows the last signal word of a kind, the shortest over all kinds; "" if there is none.

    An empty rest takes the place of what came before it, and the next one takes its place, as in the official code.
    """
    shortest = ""
    for word in words:
        if word in line:
            rest = line.rpartition(word)[2].strip()
            if not shortest or len(rest) < len(shortest):
                shortest = rest
    return shortest


def _forms(texts: Iterable[str]) -> Iterator[str | float]:
    """How texts are compared: a number rounded to two decimals, else in lower case; one character with a blank."""
    for text in map(str.strip, texts):
        try:
            yield round(float(text.replace(",", "")), 2)
        except ValueError:
            lowered = text.lower()
            yield from (f" {lowered}", f"{lowered} ") if len(lowered) == 1 else (lowered,)
