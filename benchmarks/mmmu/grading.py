"""Grades replies to MMMU and MMMU-Pro by their official rules. Where these draw a letter at random is no answer."""

from __future__ import annotations

from pytest_modeleval import Grade, Response, Sample
from pytest_modeleval.graders import extract_choice
from pytest_modeleval.graders.marked_answer import missing_answer_cause

from ..multiple_choice import by_letter
from .choices import Reader, mmmu_letter
from .open_answers import is_open_answer_right

GUESS = "the official code draws a letter at random"
EARLIER = "right by a line before the last one"
OTHER = "the last marked line states another letter"
LACKS = "the data lacks a picture that the question names"


def grade_letter(read: Reader, sample: Sample, response: Response) -> Grade:
    """Right if the letter that `read` finds is the target. no_answer: the response's own cause, or "no_marker"."""
    marks = [LACKS] if sample.data["missing"] else []
    options = by_letter(sample.choices)
    letter = read(response.text, options)
    if letter is None:
        cause = missing_answer_cause(response)
        return Grade.no_answer(cause=cause, explanation=f"no letter is named ({cause})", marks=[*marks, GUESS])
    if extract_choice(response.text, list(options), sample.choices) not in (letter, None):
        marks.append(OTHER)
    if letter == sample.target:
        return Grade.right(letter, marks=marks)
    explanation = f"{letter} is named, {sample.target} is right"
    return Grade.wrong(letter, cause="wrong_letter", explanation=explanation, marks=marks)


def grade_mmmu(sample: Sample, response: Response) -> Grade:
    """A choice question by its letter, an open one by what the reply holds (open_answers.py)."""
    if sample.choices:
        return grade_letter(mmmu_letter, sample, response)
    text = response.text.strip()
    if not text:
        return Grade.no_answer(cause=missing_answer_cause(response), explanation="the reply is empty")
    last = text.rpartition("\n")[2].strip()[:200]
    if not is_open_answer_right(text, sample.target):
        return Grade.wrong(last, explanation=f"expected {', '.join(sample.target)[:80]!r}, found {last!r}")
    is_last = is_open_answer_right(last, sample.target)
    return Grade.right(last, marks=() if is_last else (EARLIER,))
