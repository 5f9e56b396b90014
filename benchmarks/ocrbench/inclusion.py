"""Grades replies to OCRBench by its official rule: an answer occurs in the reply, as characters."""

from __future__ import annotations

from pytest_modeleval import Grade, Response, Sample
from pytest_modeleval.graders.marked_answer import tail

COUNT = "count_of_1000"
# Formulas: blanks do not count, capitals do.
FORMULAS = "HME100k"
LONG = "an answer occurs in a reply that is much longer"
SINGLE = "the answer is one character, which any longer reply may hold"


def holds(reply: str, answer: str, *, is_formula: bool = False) -> bool:
    """True if the answer occurs in the reply, lines joined by blanks.

    Formulas are compared without blanks and with their capitals. lmms-eval and EvalScope put the reply into small
    letters and the formula not, so that a formula with a capital is never found there.
    """
    if is_formula:
        return _without_blanks(answer) in _without_blanks(reply)
    return _one_line(answer.lower()) in _one_line(reply.lower())


def grade_inclusion(sample: Sample, response: Response) -> Grade:
    """Right if one of the targets occurs in the reply. Records COUNT, 1000 or 0, whose mean is the official count."""
    text = tail(response.text)
    if not text.strip():
        cause = response.missing_cause or "empty"
        return Grade.no_answer(cause=cause, explanation="the reply is empty", measures={COUNT: 0.0})
    is_formula = sample.data["dataset"] == FORMULAS
    found = next((target for target in sample.target if holds(text, target, is_formula=is_formula)), None)
    if found is None:
        explanation = f"{sample.target[0][:80]!r} does not occur in the reply"
        return Grade.wrong(text.strip()[:200], cause="not_found", explanation=explanation, measures={COUNT: 0.0})
    marks = [LONG] if len(text) > 10 * len(found) + 50 else []
    marks += [SINGLE] if len(found.strip()) == 1 and len(text.strip()) > 1 else []
    return Grade.right(found, marks=marks, measures={COUNT: 1000.0})


def _one_line(text: str) -> str:
    return text.strip().replace("\n", " ")


def _without_blanks(text: str) -> str:
    return _one_line(text).replace(" ", "")
