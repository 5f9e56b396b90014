"""Choice questions: the letter that the reply names after its last marker.

Where this departs from EvalScope: the last valid marker wins rather than the first (its rule until 1.10), and a reply
without a marker has no answer; EvalScope then takes the last capital letter of the text, which turns prose, and even
error messages, into answers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from string import ascii_uppercase

from pytest_modeleval.graders.marker import marker_ends, missing_answer_cause, tail
from pytest_modeleval.records import Grade, Response, Sample

# How most replies end: a marker, one letter, and nothing after it but spaces, bold signs and full stops. No marker can
# come later, so this one is the last, and it is read as the patterns below read it, for a fraction of their cost.
_USUAL_END = re.compile(r"(?<![A-Za-z])(?:ANSWER|Answer|answer)[:：][\s*]{0,8}([A-Z])[\s*.]{0,8}\Z")
_USUAL_END_CHARS = 32
_BOX = re.compile(r"\\boxed\s{0,3}\{")
# What may stand between the marker and the letter: spaces, quotes, bold, brackets, LaTeX text commands, "Option".
_OPENING = re.compile(
    r"(?:[\s*_`~\"'“‘$(\[{<（【「『\\]|boxed|text(?:bf|rm)?|math(?:bf|rm)|(?i:option|choice)(?=[\s(\[*])|选项|选){0,40}+"
)
_HALF_WIDTH = {ord("Ａ") + i: ord("A") + i for i in range(26)} | {ord("ａ") + i: ord("a") + i for i in range(26)}
_DECORATION = {ord(sign): " " for sign in "*_`$()[]{}（）【】「」『』"}
# No letter, digit, apostrophe, hyphen or plus may follow: "Because", "A's", "B2", "C++" name no choice.
_EDGE = r"(?![A-Za-z0-9+#]|['’\-][A-Za-z])"
_RUN = re.compile(rf"[A-Z]+{_EDGE}")
_SMALL = re.compile(r"[a-z](?=[\s*_`$)\]}）】」』.。,，;；!\"']*(?:\n|\Z))")
_WORD_JOINED = re.compile(rf"[A-Z](?:\s*(?:/|&|和|或|与|\s(?:and|or)\s|,\s*(?:and|or)\s)\s*[A-Z]{_EDGE})+")
_LISTED = re.compile(
    rf"[A-Z](?:\s*(?:[,，、;；]|\s(?:and|or)\s|[,，]\s*(?:and|or)\s|\s)\s*[A-Z]{_EDGE})+(?=\s*(?:[.。!]|\n|\Z))"
)
# A and I are English words. Bare and before a lower-case word they name a choice only where that word goes on about
# the choice: "A because ..." does, "A river in Egypt" and "I think" do not.
_ENGLISH_WORD = re.compile(r"[AI][ \t]+(?!(?:because|since|as|is|for|due|and|or|with|based)\b)[a-z]")


def extract_choice(text: str, letters: Sequence[str]) -> str | None:
    r"""The letter, or letters in alphabetical order, that the reply names; None if it names none.

    text: the reply without thinking. letters: the allowed ones, "ABCD".

    A marker is `ANSWER:`, `Answer:`, `The answer is:`, `答案：`, `答案是：`, with either colon, bold or not; or
    `\boxed{`. "答案是B" and "the answer is B", without a colon, are prose. The letter may stand in brackets, bold,
    quotes, `$`, `\boxed{}`, after "Option", full-width, on the next line; prose may follow ("ANSWER: B. The Nile").
    A small letter counts if its line ends there. Several letters ("AC", "A, C", "A和C", "A or C") are several
    answers, never the first of them.
    The last marker followed by allowed letters wins; markers followed by anything else are passed over.
    """
    return _extract(text, letters)[0]


def grade_choice(sample: Sample, response: Response) -> Grade:
    """Right if exactly the letters of the target are named.

    sample.choices: the options; without them all of A to Z are allowed. sample.target: "C", or "AC" (or a list of
    letters) where several are right and all of them are asked for.
    wrong: cause "wrong_letter". no_answer: the response's own cause, "no_marker", or "letter_out_of_range" where a
    marker is followed by a single letter that is no choice.
    Raises ValueError where the sample is at fault: a target that is no choice, more than 26 choices.
    """
    if len(sample.choices) > len(ascii_uppercase):
        raise ValueError(f"sample {sample.id}: expected at most 26 choices, found {len(sample.choices)}")
    letters = ascii_uppercase[: len(sample.choices)] if sample.choices else ascii_uppercase
    target = _target_letters(sample, letters)
    answer, is_out_of_range = _extract(response.text, letters)
    if answer is None:
        cause = "letter_out_of_range" if is_out_of_range else missing_answer_cause(response)
        return Grade.no_answer(
            cause=cause, explanation=f"no choice among {letters[0]}-{letters[-1]} is named ({cause})"
        )
    return _right(answer) if answer == target else _wrong(answer, target)


# Grades cannot be changed, and there are only so many of these.
@lru_cache(maxsize=64)
def _right(answer: str) -> Grade:
    return Grade.right(answer)


@lru_cache(maxsize=1024)
def _wrong(answer: str, target: str) -> Grade:
    return Grade.wrong(answer, cause="wrong_letter", explanation=f"{answer} is named, {target} is right")


def _target_letters(sample: Sample, letters: str) -> str:
    given = sample.target
    if isinstance(given, str) and len(given) == 1 and given in letters:
        return given
    if isinstance(given, str):
        given = re.findall(r"[A-Z]", given.upper()) if re.fullmatch(r"[A-Za-z](?:[\s,、]*[A-Za-z])*", given) else ()
    found = sorted({str(letter).upper() for letter in given}) if isinstance(given, list | tuple) else []
    if not found or any(letter not in letters or len(letter) != 1 for letter in found):
        raise ValueError(
            f"sample {sample.id}: expected a target of letters among {letters[0]}-{letters[-1]}, "
            f"found {str(sample.target)[:80]!r}"
        )
    return "".join(found)


def _extract(text: str, letters: Sequence[str]) -> tuple[str | None, bool]:
    """The letters named, and whether some marker was followed by a letter that is no choice."""
    usual = _USUAL_END.search(text, max(0, len(text) - _USUAL_END_CHARS))
    if usual is not None and usual[1] in letters:
        return usual[1], False
    return _extract_any(text, letters)


def _extract_any(text: str, letters: Sequence[str]) -> tuple[str | None, bool]:
    """As _extract, whatever the reply looks like."""
    text = tail(text)
    allowed = frozenset(letters)
    ends = marker_ends(text)
    if "\\boxed" in text:
        ends = sorted({*ends, *(found.end() for found in _BOX.finditer(text))}, reverse=True)[:1000]
    is_out_of_range = False
    for end in ends:
        named = _letters_at(text, end, allowed)
        if named and named <= allowed:
            return "".join(sorted(named)), False
        is_out_of_range = is_out_of_range or len(named) == 1
    return None, is_out_of_range


def _letters_at(text: str, position: int, allowed: frozenset[str]) -> frozenset[str]:
    """The letters that follow a marker, allowed or not; empty if what follows is no letter."""
    opening = _OPENING.match(text, position)
    start = opening.end() if opening else position
    window = text[start : start + 160].translate(_HALF_WIDTH)
    run = _RUN.match(window)
    if run is None:
        small = _SMALL.match(window)
        return frozenset(small.group().upper()) if small else frozenset()
    if len(run.group()) > 1:
        # "AC" is two choices; "LETTER" and "BAA" are words.
        several = frozenset(run.group())
        return several if several <= allowed and len(several) == len(run.group()) else frozenset()
    plain = window.translate(_DECORATION)
    for pattern in (_WORD_JOINED, _LISTED):
        joined = pattern.match(plain)
        if joined is not None:
            return frozenset(re.findall(r"(?<![A-Za-z])[A-Z](?![A-Za-z])", joined.group()))
    is_marked = opening is not None and any(sign in opening.group() for sign in "([{*（【「『")
    if not is_marked and _ENGLISH_WORD.match(window):
        return frozenset()
    return frozenset(run.group())
