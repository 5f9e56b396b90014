"""Grades answers read from charts by relaxed accuracy (ChartQA): a number may be 5 % off, a text must be equal.

Departures from the code that published scores were made with (it came with Pix2Struct and Qwen-VL):

- a year is exact. By 5 %, any year from 1920 to 2120 would do for 2020.
- "50%" and "50" are equal, as "50%" and "0.5" are; there only the latter two.
- "1,200" is the number 1200; there it is a text.
- a target of 0 is the number 0 ("0.0" is right); there it is a text.
- texts are compared without outer punctuation ("Yes." is "Yes").

Each grade records what that code says in the measure RELAXED_OFFICIAL, so that both figures are shown.
"""

from __future__ import annotations

import math
import re

from pytest_modeleval.graders.short_answer import stated_answer, text_targets
from pytest_modeleval.graders.text import normalise
from pytest_modeleval.records import Grade, Response, Sample

RELAXED_OFFICIAL = "relaxed_official"
TOLERANCE = 0.05
DIFFERS = "the published code decides otherwise"
_YEAR = re.compile(r"(?:1[89]|20)[0-9]{2}\Z")
# Asks for a year: "which year", "what was the first year", "when did". "What was the share in the year 2015?" does not.
_ASKS_YEAR = re.compile(r"\b(?:which|what)\s(?:\w+\s){0,3}years?\b(?!\s\d{4})|\bwhen\b", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d{1,40})?(?:\.\d{0,40})?(?:[eE][+-]?\d{1,3})?\s{0,3}%?\Z")
_MAX_NUMBER_CHARS = 200


def is_relaxed_match(answer: str, target: str, question: str = "") -> bool:
    """True if the answer is the target: within 5 % for numbers, equal for texts and for years.

    question: says whether a target that looks like a year (1800 to 2099) is one.
    """
    expected, found = _values(target), _values(answer)
    if not expected or not found:
        return normalise(answer) == normalise(target)
    if _YEAR.match(target.strip()) and _ASKS_YEAR.search(question):
        return found[0] == expected[0]
    # With a % sign on one side only, either reading of it may be meant.
    has_one_sign = answer.rstrip().endswith("%") != target.rstrip().endswith("%")
    pairs = [(x, y) for x in found for y in expected] if has_one_sign else [(found[0], expected[0])]
    return any(_is_near(x, y) for x, y in pairs)


def is_official_match(answer: str, target: str) -> bool:
    """True if the published code calls the answer right."""
    found, expected = _official_value(answer), _official_value(target)
    if found is not None and expected:
        return abs(found - expected) / abs(expected) <= TOLERANCE
    return answer.lower() == target.lower()


def grade_relaxed(sample: Sample, response: Response) -> Grade:
    """Right if the answer matches a target by `is_relaxed_match`.

    sample.target: a text, or a list of texts any of which is right; sample.question: of the row, without instructions.
    The answer is what follows the last marker `ANSWER:`, else the whole reply. Records RELAXED_OFFICIAL, 1 or 0.
    Raises ValueError if the sample has no usable target.
    """
    targets = text_targets(sample)
    answer = stated_answer(response)
    if answer is None:
        cause = response.missing_cause or "empty"
        return Grade.no_answer(cause=cause, explanation="the reply is empty", measures={RELAXED_OFFICIAL: 0.0})
    is_right = any(is_relaxed_match(answer, target, sample.question) for target in targets)
    official = any(is_official_match(answer, target) for target in targets)
    marks = (DIFFERS,) if is_right != official else ()
    measures = {RELAXED_OFFICIAL: float(official)}
    if is_right:
        return Grade.right(answer, marks=marks, measures=measures)
    explanation = f"expected {targets[0][:80]!r}, found {answer[:80]!r}"
    cause = "wrong_number" if _values(targets[0]) else "wrong_answer"
    return Grade.wrong(answer, cause=cause, explanation=explanation, marks=marks, measures=measures)


def _is_near(found: float, expected: float) -> bool:
    if expected == 0.0:
        return found == 0.0
    # Sums of floats: 105 is within 5 % of 100.
    return abs(found - expected) <= abs(expected) * TOLERANCE * (1.0 + 1e-12)


def _values(text: str) -> tuple[float, ...]:
    """The number that a text is; a percentage as its number and as a hundredth of it. () for a text that is none."""
    bare = text.strip().rstrip(".")
    if len(bare) > _MAX_NUMBER_CHARS or not any(sign.isdigit() for sign in bare) or not _NUMBER.match(bare):
        return ()
    try:
        number = float(bare.rstrip("% ").replace(",", ""))
    except ValueError:
        return ()
    if not math.isfinite(number):
        return ()
    return (number, number / 100.0) if bare.endswith("%") else (number,)


def _official_value(text: str) -> float | None:
    if len(text) > _MAX_NUMBER_CHARS:
        return None
    try:
        return float(text.rstrip("%")) / 100.0 if text.endswith("%") else float(text)
    except ValueError:
        return None
