"""Reads the letter of an MMLU-Pro reply by the three steps of the official evaluation, without its random guess."""

from __future__ import annotations

import re

from pytest_modeleval import Grade, Response, Sample
from pytest_modeleval.graders.marked_answer import missing_answer_cause

_STATED = re.compile(r"answer is \(?([A-J])\)?")
_MARKED = re.compile(r".*[aA]nswer:\s*([A-J])")
_LONE = re.compile(r"\b[A-J]\b")
LAST_LONE = "the letter is the last lone capital of the reply"
TWO_ANSWERS = "the first and the last stated answer differ"


def stated_letter(text: str) -> tuple[str | None, list[str]]:
    """The letter by the official order, and marks.

    1. the first "answer is (X)"; 2. the last "Answer: X" of the first line that has one; 3. the last capital A to J
    that stands alone. None where all three fail: the official code then draws a letter at random.
    """
    stated = _STATED.findall(text)
    if stated:
        return stated[0], [TWO_ANSWERS] if stated[0] != stated[-1] else []
    marked = _MARKED.search(text)
    if marked:
        return marked[1], []
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
