"""Reads the letter of an MMLU-Pro reply by the steps of the official evaluation, without its random guess."""

from __future__ import annotations

import re

from pytest_modeleval import Grade, Response, Sample
from pytest_modeleval.graders import extract_choice
from pytest_modeleval.graders.marked_answer import missing_answer_cause

LETTERS = "ABCDEFGHIJ"
_STATED = re.compile(r"answer is \(?([A-J])\)?")
_MARKED = re.compile(r".*[aA]nswer:\s*([A-J])")
# Bold, boxed or after "option", which the official patterns pass over.
_DRESSED = re.compile(
    r"(?:answer|option) is:?[\s*_$\\({\[\"']*(?:boxed|(?:text|math)(?:bf|rm|it)?|[oO]ption|[cC]hoice)?[\s*_\\({\[\"']*"
    r"([A-J])(?![A-Za-z0-9'’]|\s+[a-z])"
)
_LONE = re.compile(r"\b[A-J]\b")
LAST_LONE = "the letter is the last lone capital of the reply"
DRESSED = "the letter is stated in a form that the official code does not read"
TWO_ANSWERS = "the first and the last stated answer differ"


def stated_letter(text: str) -> tuple[str | None, list[str]]:
    """The letter, and marks. Steps 1, 2 and 4 are the official ones; the official code then draws a letter at random.

    1. the first "answer is (X)"; 2. the last "Answer: X" of the first line that has one; 3. a letter after "answer is"
    in bold type, in a box or after "option", else what `extract_choice` reads; 4. the last capital A to J that stands
    alone. None where all of them fail.
    """
    stated = _STATED.findall(text)
    if stated:
        return stated[0], [TWO_ANSWERS] if stated[0] != stated[-1] else []
    marked = _MARKED.search(text)
    if marked:
        return marked[1], []
    dressed = _DRESSED.search(text)
    letter = dressed[1] if dressed else extract_choice(text, LETTERS)
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
