"""Reads English number words: "twenty-five", "one hundred and five", "three and a half", "two thirds"."""

from __future__ import annotations

import re
from fractions import Fraction

_UNIT_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TEN_WORDS = "twenty thirty forty fifty sixty seventy eighty ninety"
_UNITS = {word: number for number, word in enumerate(_UNIT_WORDS.split())}
_TENS = {word: 10 * number for number, word in enumerate(_TEN_WORDS.split(), start=2)}
_MULTIPLES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_PARTS = {
    **{"half": 2, "halves": 2, "third": 3, "thirds": 3, "quarter": 4, "quarters": 4, "fourth": 4, "fourths": 4},
    **{"fifth": 5, "fifths": 5, "sixth": 6, "sixths": 6, "eighth": 8, "eighths": 8, "tenth": 10, "tenths": 10},
}
_MAX_CHARS = 120


def read_number_words(text: str) -> tuple[Fraction, str] | None:
    """Return the number that a text begins with in words, and the rest of the text; None if it begins with no word."""
    if len(text) > _MAX_CHARS:
        return None
    words = re.split(r"[\s-]+", text.strip())
    lowered = [word.lower() for word in words]
    if lowered[0] in ("minus", "negative") and len(words) > 1:
        below = read_number_words(" ".join(words[1:]))
        return (-below[0], below[1]) if below is not None and below[0] > 0 else None
    value, used = _fraction(lowered, 0)
    if not used:
        value, used = _cardinal(lowered)
        if used and lowered[used : used + 1] == ["and"]:
            part, end = _fraction(lowered, used + 1)
            value, used = (value + part, end) if end else (value, used)
    return (value, " ".join(words[used:])) if used else None


def _fraction(words: list[str], start: int) -> tuple[Fraction, int]:
    """Read "half", "a half", "two thirds", "1/2"; end 0 if there is none."""
    here = words[start : start + 2]
    if here and (found := re.fullmatch(r"(\d{1,4})/([1-9]\d{0,3})", here[0])) and start:
        return Fraction(int(found[1]), int(found[2])), start + 1
    if here[:1] == ["half"]:
        return Fraction(1, 2), start + 1
    if len(here) < 2 or here[1] not in _PARTS:
        return Fraction(0), 0
    count = 1 if here[0] in ("a", "an") else _UNITS.get(here[0], 0)
    if re.fullmatch(r"\d{1,4}", here[0]):
        count = int(here[0])
    return Fraction(count, _PARTS[here[1]]), start + 2 if count else 0


def _cardinal(words: list[str]) -> tuple[Fraction, int]:
    """Read a whole number; a number in digits only if a fraction may follow it. End 0 if there is none."""
    if words and re.fullmatch(r"\d{1,9}", words[0]) and words[1:2] == ["and"] and _fraction(words, 2)[1]:
        return Fraction(int(words[0])), 1
    total = current = used = 0
    for place, word in enumerate(words):
        if word == "and" and used and current % 100 == 0 and words[place + 1 : place + 2]:
            if words[place + 1] in _UNITS or words[place + 1] in _TENS:
                continue
            break
        if word in _MULTIPLES and current:
            total, current = total + current * _MULTIPLES[word], 0
        else:
            following = _after(word, current)
            if following is None:
                break
            current = following
        used = place + 1
    return Fraction(total + current), used


def _after(word: str, current: int) -> int | None:
    """Return a number below 1,000 with one more word: 20 and "five" is 25; None if the word does not continue it."""
    if word == "hundred":
        return current * 100 if 0 < current < 100 else None
    if word in _TENS:
        return current + _TENS[word] if current % 100 == 0 else None
    if word not in _UNITS:
        return None
    is_after_ten = current % 10 == 0 and current % 100 >= 20 and 0 < _UNITS[word] < 10
    return current + _UNITS[word] if current % 100 == 0 or is_after_ten else None
