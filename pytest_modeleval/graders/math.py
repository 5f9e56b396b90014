"""Grades mathematical answers. docs/answers.md describes which part of a reply is its answer, and what equals what."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pytest_modeleval.graders.marked_answer import missing_answer_cause
from pytest_modeleval.graders.symbolic import ComparisonFailed, is_equal
from pytest_modeleval.records import Grade, Response, Sample

_PLAIN_INTEGER = re.compile(r"-?[0-9]{1,18}\Z")


def grade_math(sample: Sample, response: Response) -> Grade:
    r"""Right if the final answer of the reply equals the target.

    sample.target: a number or a text: "70", "1,234", "3/4", LaTeX; or a list of them, any of which is right.

    The answer is the line `ANSWER:` or `答案：`, or else the last `\boxed{...}`. A number elsewhere in the text is not
    searched for: EvalScope takes the last one, which grades the number at which the reasoning broke off.

    Rational numbers are compared exactly (0.333 is not 1/3), other numbers to 80 digits, algebra at several points.
    Mathematics beyond that, such as integrals, is left to math-verify.
    no_answer: the response's own cause, "no_marker", "unclosed_box", "answer_too_long" (over 1,000 characters).
    wrong: cause "not_comparable" where the comparison failed because of the answer. Raises Ungraded if math-verify is
    not available or the machine is too busy for it. Raises ValueError if the sample has no usable target.
    """
    # Imported here: loading the grammar takes as long as all other graders, and most runs grade no mathematics.
    from pytest_modeleval.graders.answers import MAX_ANSWER_CHARS, find_final_answer  # noqa: PLC0415

    targets = _targets(sample)
    answer, cause = find_final_answer(response.text)
    if answer is None:
        cause = cause or missing_answer_cause(response)
        return Grade.no_answer(
            cause=cause, explanation=f"the reply contains neither \\boxed{{...}} nor ANSWER: ({cause})"
        )
    if len(answer) > MAX_ANSWER_CHARS:
        return Grade.no_answer(cause="answer_too_long", explanation=f"the answer is {len(answer)} characters long")
    return _grade_answer(answer, targets, sample.question)


def _grade_answer(answer: str, targets: Sequence[str], question: str) -> Grade:
    remark = ""
    for target in targets:
        is_same, why = is_same_answer(target, answer, question=question)
        if is_same:
            return Grade.right(answer)
        remark = remark or why
    explanation = f"expected {targets[0][:80]}, found {answer[:80]}"
    if remark:
        return Grade.wrong(answer, cause="not_comparable", explanation=f"{explanation}; {remark}")
    return Grade.wrong(answer, explanation=explanation)


def is_same_answer(target: str, answer: str, *, question: str = "") -> tuple[bool, str]:
    """Compare two answers; also return why the comparison failed, "" if it did not. Raises Ungraded."""
    if _PLAIN_INTEGER.match(target) and _PLAIN_INTEGER.match(answer):
        return int(target) == int(answer), ""
    from pytest_modeleval.graders.answers import compare_answers  # noqa: PLC0415 - as in grade_math

    found = compare_answers(target, answer, question=question)
    if found.is_equal or not found.needs_algebra:
        return found.is_equal, found.remark
    try:
        return is_equal(target, answer), ""
    except ComparisonFailed as error:
        return False, str(error)


def _targets(sample: Sample) -> list[str]:
    given = sample.target if isinstance(sample.target, list | tuple) else [sample.target]
    targets = [str(target) for target in given if isinstance(target, str | int | float) and str(target).strip()]
    if not targets or len(targets) != len(given):
        raise ValueError(f"sample {sample.id}: expected a number or text as target, found {str(sample.target)[:80]!r}")
    return targets
