"""Grades short answers compared as text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache

from pytest_modeleval.graders.marked_answer import marked_line, missing_answer_cause, tail
from pytest_modeleval.records import Grade, Response, Sample

MAX_ANSWER_CHARS = 2_000
_FINAL = " .。!！?？,，;；:：\"'“”‘’*_`"
_TYPOGRAPHIC = {
    **{ord(sign): "'" for sign in "‘’‛′ʼ´｀`"},
    **{ord(sign): '"' for sign in "“”„‟″«»‹›「」『』《》"},
    **{ord(sign): "-" for sign in "‐‑‒–—―−﹣－"},
    **{ord(sign): None for sign in "\u00ad\u200b\u200c\u200d\u2060\ufeff"},
    ord("⁄"): "/",
}
_POWERS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿⁱ", "0123456789+-ni", strict=True))
_POWER = re.compile(f"[{''.join(_POWERS)}]+")
# Scripts that write words without spaces between them: a character of theirs is a border to any other.
_UNSPACED = "[⺀-〿぀-ㇿ㐀-䶿一-鿿豈-﫿\U00020000-\U0003ffff฀-໿က-႟ក-៿]"


@cache
def _unspaced() -> re.Pattern[str]:
    """Compiled when it is needed: it takes longer than all other patterns of the graders."""
    return re.compile(_UNSPACED)


def normalise(text: str) -> str:
    """Return the text as it is compared, without punctuation around it; punctuation alone stays as it is."""
    folded = fold(text)
    bare = folded.strip(_FINAL) or folded.strip("\"'") or folded
    is_bracketed = bare.startswith("(") and bare.endswith(")") and "(" not in bare[1:] and ")" not in bare[:-1]
    return (bare[1:-1].strip(_FINAL) or bare) if is_bracketed else bare


def fold(text: str) -> str:
    """Unify case, white space, widths, quotes, dashes and fractions. A power becomes ^2, never a digit of its base."""
    text = _POWER.sub(lambda found: "^" + "".join(_POWERS[sign] for sign in found[0]), text.translate(_TYPOGRAPHIC))
    text = re.sub(r"(?<=\d)(?=[¼-¾⅐-⅞])", " ", text)
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return re.sub(r"\s+", " ", folded.translate(_TYPOGRAPHIC)).strip()


def grade_exact(sample: Sample, response: Response) -> Grade:
    """Right if the text after the last marker equals the target, both normalised.

    sample.target: a string or number, or a list of them, any of which is right.
    The marker is `ANSWER:` or `答案：` (see graders.marked_answer); the answer runs to the end of its line. Without
    a marker, or with more than 2,000 characters after it, there is no answer.
    Raises ValueError if the sample has no usable target.
    """
    targets = _targets(sample)
    answer = marked_line(tail(response.text))
    if answer is None:
        cause = missing_answer_cause(response)
        return Grade.no_answer(cause=cause, explanation=f"the reply contains no line ANSWER: ... ({cause})")
    if len(answer) > MAX_ANSWER_CHARS:
        return Grade.no_answer(cause="answer_too_long", explanation=f"{len(answer)} characters follow the marker")
    if normalise(answer) in {normalise(target) for target in targets}:
        return Grade.right(answer)
    return Grade.wrong(answer, explanation=f"expected {targets[0][:80]!r}, found {answer[:80]!r}")


def grade_contains(sample: Sample, response: Response) -> Grade:
    """Right if a target occurs in the reply as whole words or as a whole number, both normalised.

    No marker is needed. This checks the connection to a model rather than the model: a reply that names every option
    is right as well. Raises ValueError if the sample has no usable target.
    """
    targets = _targets(sample)
    if not response.text.strip():
        return Grade.no_answer(cause=response.missing_cause, explanation="the reply is empty")
    text = fold(tail(response.text))
    for target in targets:
        if _occurs(normalise(target), text):
            return Grade.right(target)
    return Grade.wrong(cause="not_found", explanation=f"{targets[0][:80]!r} does not occur in the reply")


def _occurs(target: str, text: str) -> bool:
    at = text.find(target)
    while at >= 0:
        end = at + len(target)
        if _is_start(text, at) and _is_end(text, end, is_number=target[0].isdigit() or target[0] in "+-."):
            return True
        at = text.find(target, at + 1)
    return False


def _is_start(text: str, at: int) -> bool:
    """True if a word or number may begin here."""
    first, before, earlier = text[at], text[at - 1 : at], text[at - 2 : at - 1] if at > 1 else ""
    if first in "+-" and text[at + 1 : at + 2].isdigit():
        # In "3-5" the sign is a dash.
        return not before or not before.isalnum()
    if not before or not first.isalnum():
        return True
    if _is_emphasis(before, earlier):
        return True
    return not (first.isdigit() and _continues_number(before, earlier)) and not _joins(before, first)


def _continues_number(before: str, earlier: str) -> bool:
    """True if the digits after two characters belong to a longer number, a power or a negative number."""
    if before in ".,/:" and earlier.isdigit():
        return True
    return before == "^" or (before in "-+." and not earlier.isalnum())


def _is_emphasis(sign: str, beyond: str) -> bool:
    """True for an underline at the edge of a word, as in _word_. beyond: what stands on the other side of the sign."""
    return sign == "_" and not (beyond.isalnum() or beyond == "_")


def _goes_on_as_number(after: str, later: str) -> bool:
    return after.isdigit() or after == "^" or (after in ".,/:e" and later.isdigit())


def _is_end(text: str, end: int, *, is_number: bool) -> bool:
    """True if a word or number may end here. A unit may follow a number at once: 5kg."""
    last, after, later = text[end - 1], text[end : end + 1], text[end + 1 : end + 2]
    if not after or not last.isalnum():
        return True
    if _is_emphasis(after, later):
        return True
    if last.isdigit() and (is_number or not after.isalpha()):
        return not _goes_on_as_number(after, later)
    if after in "+#":
        # C++ and C# are words; in A+B the sign stands between two.
        return later.isalnum()
    return not _joins(after, last)


def _joins(neighbour: str, sign: str) -> bool:
    """True if two characters belong to one word."""
    if _unspaced().match(neighbour) or _unspaced().match(sign):
        return False
    return neighbour.isalnum() or neighbour == "_" or unicodedata.category(neighbour).startswith("M")


def _targets(sample: Sample) -> list[str]:
    given: Iterable[object] = sample.target if isinstance(sample.target, list | tuple) else [sample.target]
    found = list(given)
    targets = [str(target) for target in found if isinstance(target, str | int | float) and fold(str(target))]
    if not targets or len(targets) != len(found):
        raise ValueError(f"sample {sample.id}: expected a text or a list of texts as target, found {sample.target!r}")
    return targets
