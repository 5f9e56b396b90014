"""Reads the letter of an MMLU-Pro reply by the steps of the official evaluation, without its random guess."""

from __future__ import annotations

import re
from itertools import takewhile

from pytest_modeleval import Grade, Response, Sample
from pytest_modeleval.graders import extract_choice
from pytest_modeleval.graders.marked_answer import MAX_MARKERS, missing_answer_cause, tail

LETTERS = "ABCDEFGHIJ"
_STATED = re.compile(r"answer is \(?([A-J])\)?")
# Officially ".*[aA]nswer:\s*([A-J])", whose time grows with the square of the length of a line.
_MARKED = re.compile(r"[aA]nswer:(?=\s*([A-J]))")
_SAID = re.compile(r"(?:answer|option) is\b:?\s*(.*)")
_LONE = re.compile(r"\b[A-J]\b")
LAST_LONE = "the letter is the last lone capital of the reply"
DRESSED = "the letter is stated in a form that the official code does not read"
TWO_ANSWERS = "the first and the last stated answer differ"


def stated_letter(text: str) -> tuple[str | None, list[str]]:
    """The letter, and marks. Steps 1, 2 and 4 are the official ones; the official code then draws a letter at random.

    1. the first "answer is (X)"; 2. the last "Answer: X" of the first line that has one; 3. what `extract_choice` reads
    after the first "answer is" that a letter follows (bold, boxed, after "option"), else in the whole text; 4. the last
    capital A to J that stands alone. None where all of them fail.
    """
    text = tail(text)
    stated = _STATED.findall(text)
    if stated:
        return stated[0], [TWO_ANSWERS] if stated[0] != stated[-1] else []
    marked = _MARKED.search(text)
    if marked:
        line_end = text.find("\n", marked.start()) % (len(text) + 1)
        on_line = takewhile(lambda found: found.start() < line_end, _MARKED.finditer(text, marked.start()))
        return [found[1] for found in on_line][-1], []
    # Without bold type "A dog" is no letter.
    said = (extract_choice(f"ANSWER: {rest.replace('*', '')}", LETTERS) for rest in _SAID.findall(text)[:MAX_MARKERS])
    letter = next(filter(None, said), None) or extract_choice(text, LETTERS)
    if letter is not None and len(letter) == 1:
        return letter, [DRESSED]
    lone = _LONE.findall(text)
    return (lone[-1], [LAST_LONE]) if lone else (None, [])


def grade_stated_letter(sample: Sample, response: Response) -> Grade:
    """Right if the letter of the reply is the target. no_answer: the response's own cause, or "no_marker"."""
    letter, marks = stated_letter(response.text)
    if letter is None:
        cause = missing_answer_cause(response)
        return Grade.no_answer(cause=cause, explanation=f"no letter is named ({cause})")
    if letter == sample.target:
        return Grade.right(letter, marks=marks)
    return Grade.wrong(
        letter, cause="wrong_letter", explanation=f"{letter} is named, {sample.target} is right", marks=marks
    )
