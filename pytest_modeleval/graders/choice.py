"""Grades choice questions: the letter that the reply names after its last marker.

Departures from EvalScope: the last valid marker wins instead of the first (its rule until 1.10), and a reply without a
marker has no answer. EvalScope takes the last capital letter of such a reply, which turns prose, and even error
messages, into answers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from string import ascii_uppercase

from pytest_modeleval.graders.marked_answer import marker_ends, missing_answer_cause, tail
from pytest_modeleval.graders.text import normalise
from pytest_modeleval.records import Grade, Response, Sample

# The usual ending of a reply: a marker, one letter, and only spaces, bold signs and full stops after it. No marker can
# follow, so this one is the last. It gives the same result as the patterns below at a fraction of their cost.
_USUAL_END = re.compile(r"(?<![A-Za-z])(?:ANSWER|Answer|answer)[:：][\s*]{0,8}([A-Z])[\s*.]{0,8}\Z")
_USUAL_END_CHARS = 32
_MAX_BOXES = 500
_BOX = re.compile(r"\\(?:boxed|fbox|framebox)\s{0,3}\{")
# A box answers a choice question only if the letters fill it, or if the text of the option follows: \boxed{A = 2r} is a
# formula.
_BOX_END = re.compile(r"[A-Z,;、&\s]*(?:and\s[A-Z]|or\s[A-Z])?[\s)\]*}$.:]*(?:\}|[).:]\s|\\text|\\[\s,;]|\Z)")
# What may stand between the marker and the letter: spaces, quotes, bold, brackets, LaTeX text commands, "Option", "the
# answer is".
_OPENING = re.compile(
    r"(?:[\s*_`~\"'“‘$(\[{<（【「『\\]|boxed|text(?:bf|rm)?|math(?:bf|rm)|(?i:(?:(?:the|my)\s)?(?:(?:correct|right|best|final)\s)?"
    r"(?:(?:answer|option|choice|letter)\sis|option|choice|letter))(?=[\s(\[*:])|选项|选){0,40}+"
)
_HALF_WIDTH = {ord("Ａ") + i: ord("A") + i for i in range(26)} | {ord("ａ") + i: ord("a") + i for i in range(26)}
_DECORATION = {ord(sign): " " for sign in "*_`$()[]{}（）【】「」『』"}
# No letter, digit, apostrophe, hyphen or plus may follow: "Because", "A's", "B2", "C++" name no choice.
_EDGE = r"(?![A-Za-z0-9+#]|['’\-][A-Za-z])"
_RUN = re.compile(rf"[A-Z]+{_EDGE}")
_SMALL = re.compile(r"[a-z](?=[\s*_`$)\]}）】」』.。,，;；!\"']*(?:\n|\Z))")
# Both end with their line: options explained below the answer are no part of it.
_WORD_JOINED = re.compile(
    rf"[A-Z](?:[ \t]*(?:/|&|和|或|与|[ \t](?:and|or)[ \t]|,[ \t]*(?:and|or)[ \t])[ \t]*[A-Z]{_EDGE})+"
)
_LISTED = re.compile(
    rf"[A-Z](?:[ \t]*(?:[,，、;；]|[ \t](?:and|or)[ \t]|[,，][ \t]*(?:and|or)[ \t]|[ \t])[ \t]*[A-Z]{_EDGE})+"
    r"(?=[ \t]*(?:[.。!]|\n|\Z))"
)
# A and I are English words. Bare and before a lower-case word they name a choice only if that word continues with a
# reason ("A because ...") or begins the option's own text; "A river in Egypt" and "I think" name none.
_ENGLISH_WORD = re.compile(
    r"[AI][ \t]+(?!(?:because|since|as|is|for|due|and|or|with|based|est|ist|es|parce|weil|porque|car|denn)\b)[a-z]"
)


def extract_choice(text: str, letters: Sequence[str], choices: Sequence[str] = ()) -> str | None:
    r"""Return the letter, or letters in alphabetical order, that the reply names; None if it names none.

    text: the reply without thinking. letters: the allowed ones, "ABCD". choices: the texts of the options, in the order
    of the letters; with them "A copper" names A if that option is copper.

    A marker is `ANSWER:`, `Answer:`, `The answer is:`, `答案：`, `答案是：`, with either colon, bold or not. "答案是B"
    and "the answer is B", without a colon, are prose. The letter may stand in brackets, bold, quotes, `$`, `\boxed{}`,
    after "Option" or "the answer is", full-width, on the next line; prose may follow ("ANSWER: B. The Nile"). A small
    letter counts if its line ends there. Several letters on one line ("AC", "A, C", "A和C", "A or C") are several
    answers, never the first of them.
    The last marker followed by allowed letters wins; markers followed by anything else are passed over. A reply without
    such a marker may name its letter in its last `\boxed{}`.
    """
    return _extract(text, letters, choices)[0]


def grade_choice(sample: Sample, response: Response) -> Grade:
    """Right if exactly the letters of the target are named.

    sample.choices: the options; without them all of A to Z are allowed. sample.target: "C", or "AC" (or a list of
    letters) if several are right and all of them are required.
    wrong: cause "wrong_letter". no_answer: the response's own cause, "no_marker", or "letter_out_of_range" if a marker
    is followed by a single letter that is not a choice.
    Raises ValueError for a faulty sample: a target that is not a choice, or more than 26 choices.
    """
    if len(sample.choices) > len(ascii_uppercase):
        raise ValueError(f"sample {sample.id}: expected at most 26 choices, found {len(sample.choices)}")
    letters = ascii_uppercase[: len(sample.choices)] if sample.choices else ascii_uppercase
    target = _target_letters(sample, letters)
    answer, is_out_of_range = _extract(response.text, letters, sample.choices)
    if answer is None:
        cause = "letter_out_of_range" if is_out_of_range else missing_answer_cause(response)
        return Grade.no_answer(
            cause=cause, explanation=f"no choice among {letters[0]}-{letters[-1]} is named ({cause})"
        )
    return _right(answer) if answer == target else _wrong(answer, target)


# Grades are immutable and these are few, so they are shared.
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


def _extract(text: str, letters: Sequence[str], choices: Sequence[str]) -> tuple[str | None, bool]:
    """Return the letters named, and whether some marker was followed by a letter that is not a choice."""
    usual = _USUAL_END.search(text, max(0, len(text) - _USUAL_END_CHARS))
    if usual is not None and usual[1] in letters:
        return usual[1], False
    text = tail(text)
    allowed = frozenset(letters)
    is_out_of_range = False
    for end in marker_ends(text):
        named = _letters_at(text, end, allowed, choices)
        if named and named <= allowed:
            return "".join(sorted(named)), False
        is_out_of_range = is_out_of_range or len(named) == 1
    for box in reversed([found.end() for found in _BOX.finditer(text)][-_MAX_BOXES:]):
        named = _letters_in_box(text, box, allowed)
        if named:
            return "".join(sorted(named)), False
    return None, is_out_of_range


def _letters_in_box(text: str, position: int, allowed: frozenset[str]) -> frozenset[str]:
    """Return the allowed letters that a box holds; none if it holds something else."""
    named = _letters_at(text, position, allowed, ())
    if not named or not named <= allowed:
        return frozenset()
    opening = _OPENING.match(text, position)
    start = opening.end() if opening else position
    following = text[start + 1 : start + 160].translate(_HALF_WIDTH)
    return named if _BOX_END.match(following) else frozenset()


def _letters_at(text: str, position: int, allowed: frozenset[str], choices: Sequence[str]) -> frozenset[str]:
    """Return the letters that follow a marker, allowed or not; empty if something else follows."""
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
    if not is_marked and _ENGLISH_WORD.match(window) and not _is_option_text(window, choices):
        return frozenset()
    return frozenset(run.group())


def _is_option_text(window: str, choices: Sequence[str]) -> bool:
    """True if the letter at the start is followed by the text of its option, and the line is not another option's."""
    line = window.partition("\n")[0]
    index = ascii_uppercase.index(line[0])
    if index >= len(choices) or normalise(line) in {normalise(choice) for choice in choices}:
        return False
    said, option = normalise(line[1:]), normalise(choices[index])
    return bool(option) and (said.startswith(option) or option.startswith(said))
