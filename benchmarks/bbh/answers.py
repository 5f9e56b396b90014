"""Reads and compares the answers of BIG-Bench Hard: a letter, a word, a number, sorted words or brackets."""

from __future__ import annotations

import re

from pytest_modeleval import Grade, Response, Sample
from pytest_modeleval.graders.marked_answer import missing_answer_cause

# The prompt shows questions as "Q: ..."; a model that writes further ones has answered before the first of them.
_NEXT_QUESTION = re.compile(r"\n\s*Q:\s")
_STATED = re.compile(r"answer is\b:?((?:(?!answer is)[^\n])*)")
_LETTER = re.compile(r"\(?([A-Z])\)?(?![A-Za-z0-9])")
_NUMBER = re.compile(r"-?[0-9][0-9,]*(?:\.0+)?\Z")


def stated_answer(text: str) -> str | None:
    """The rest of the line after the last "answer is", without bold signs and the full stop; None without one."""
    stated = _STATED.findall(_NEXT_QUESTION.split(text, maxsplit=1)[0])
    if not stated:
        return None
    answer = str(stated[-1]).replace("**", "").replace("`", "").strip()
    return answer.removesuffix(".").strip(' "') or None


def is_same(subset: str, target: str, answer: str) -> bool:
    """Whether the answer is the target. Brackets and letters are read as signs, sorted words as a sequence."""
    if subset == "dyck_languages":
        return re.sub(r"[\s,]", "", answer) == re.sub(r"\s", "", target)
    if subset == "word_sorting":
        return re.findall(r"[^\s,]+", answer.lower()) == target.lower().split()
    if wanted := re.fullmatch(r"\(([A-Z])\)", target):
        named = _LETTER.match(answer)
        return named is not None and named[1] == wanted[1]
    if _NUMBER.match(target):
        return _NUMBER.match(answer) is not None and float(answer.replace(",", "")) == float(target.replace(",", ""))
    return answer.casefold() == target.casefold()


def grade_stated_answer(sample: Sample, response: Response) -> Grade:
    """Right if the last "answer is ..." gives the target. no_answer: the response's own cause, or "no_marker"."""
    answer = stated_answer(response.text)
    if answer is None:
        cause = missing_answer_cause(response)
        return Grade.no_answer(cause=cause, explanation=f'no line says "the answer is ..." ({cause})')
    target = str(sample.target)
    if is_same(sample.subset, target, answer):
        return Grade.right(answer)
    return Grade.wrong(answer, explanation=f"expected {target[:80]}, found {answer[:80]}")
