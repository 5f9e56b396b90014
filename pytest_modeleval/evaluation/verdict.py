"""What became of an item: pure rules from grade, assertion and response to an Outcome (docs/kinds.md)."""

from __future__ import annotations

from typing import Any

from pytest_modeleval._support.shorten import shorten
from pytest_modeleval.errors import EngineStopped, Ungraded
from pytest_modeleval.records import Grade, ItemKey, Kind, Outcome, Response

MAX_TEXT = 500
MAX_TARGET = 200


def outcome_with_verdict(
    key: ItemKey,
    *,
    has_passed: bool,
    grade: Grade | None,
    response: Response | None,
    is_single_request: bool,
    failure: str = "",
    target: Any = None,
    cluster: str = "",
    request_key: str = "",
    prompt: str = "",
) -> Outcome:
    """The outcome of an item whose test body ran to its end or failed an assertion.

    has_passed: the body raised nothing. failure: the first line of the failed assertion.
    is_single_request: a reply that was cut then explains a lost sample; with several requests only the grader knows.
    """
    kind, value = _kind_and_value(has_passed, grade, response, is_single_request)
    return Outcome(
        key=key,
        kind=kind,
        value=value,
        cause="" if kind is Kind.RIGHT else _cause(kind, grade, response),
        target=target_text(target),
        cluster=cluster,
        request_key=request_key,
        prompt=prompt,
        **_of_grade(grade, failure),
        **(_of_response(response) if response is not None else {}),
    )


def _of_grade(grade: Grade | None, failure: str) -> dict[str, Any]:
    if grade is None:
        return {"explanation": short(failure)}
    return {
        "answer": short(grade.answer) if grade.answer is not None else None,
        "explanation": short(grade.explanation or failure),
        "marks": grade.marks,
        "measures": grade.measures,
    }


def _of_response(response: Response) -> dict[str, Any]:
    return {
        "finish_reason": response.finish_reason,
        "completion_tokens": response.usage.completion_tokens,
        "total_s": response.total_s,
    }


def _cause(kind: Kind, grade: Grade | None, response: Response | None) -> str:
    if grade is not None and grade.cause:
        return grade.cause
    missing = response.missing_cause if response is not None else ""
    return missing or ("truncated" if kind is Kind.TRUNCATED else "assertion")


def _kind_and_value(
    has_passed: bool, grade: Grade | None, response: Response | None, is_single_request: bool
) -> tuple[Kind, float]:
    if has_passed and (grade is None or grade.value > 0):
        return Kind.RIGHT, 1.0 if grade is None else grade.value
    # A body that passes with a grade of 0 asserts nothing: the grade decides, or the table would show it as right.
    is_cut = response is not None and response.is_truncated
    is_answer_missing = (
        grade.kind is Kind.NO_ANSWER if grade is not None else response is not None and response.is_empty
    )
    if is_cut and (is_single_request or is_answer_missing):
        return Kind.TRUNCATED, 0.0
    # Full credit and a failed assertion contradict each other; the assertion is the author's last word.
    value = grade.value if grade is not None and grade.value < 1.0 else 0.0
    return (Kind.NO_ANSWER, 0.0) if is_answer_missing else (Kind.WRONG, value)


def outcome_without_verdict(key: ItemKey, error: BaseException, *, request_key: str = "") -> Outcome:
    """The outcome of an item that ended in an exception other than a failed assertion. Never a score."""
    if isinstance(error, Ungraded):
        kind, cause = error.kind, error.cause
    elif isinstance(error, EngineStopped):
        kind, cause = Kind.NOT_RUN, "stopped"
    else:
        kind, cause = Kind.GRADER_ERROR, type(error).__name__
    return Outcome(key=key, kind=kind, cause=cause, explanation=short(str(error)), request_key=request_key)


def target_text(target: Any) -> str | None:
    """A target as reports show it: texts, numbers and short lists of them; None for anything longer or deeper."""
    if isinstance(target, list | tuple) and len(target) <= 8 and all(isinstance(part, str) for part in target):
        target = ", ".join(target)
    if isinstance(target, str | int | float) and len(str(target)) <= MAX_TARGET:
        return _encodable(str(target))
    return None


def short(text: str) -> str:
    """At most MAX_TEXT characters: the journal's outcome is an index, the response line has the whole."""
    return text if len(text) <= MAX_TEXT and text.isascii() else _encodable(shorten(text, MAX_TEXT))


def _encodable(text: str) -> str:
    """Halves of surrogate pairs as their escapes: no journal, which is UTF-8, can hold them, and the run would end."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def grade_of(outcome: Outcome) -> Grade:
    """The grade behind a stored outcome with a verdict, for graders that are too costly to run twice."""
    if outcome.kind is Kind.NO_ANSWER:
        return Grade.no_answer(
            cause=outcome.cause, explanation=outcome.explanation, marks=outcome.marks, measures=outcome.measures
        )
    # A pass with partial credit keeps its value; its kind is decided again by the test body.
    is_right = outcome.kind is Kind.RIGHT
    return Grade(
        outcome.value,
        Kind.RIGHT if is_right else Kind.WRONG,
        outcome.answer,
        "" if is_right else outcome.cause,
        outcome.explanation,
        outcome.marks,
        outcome.measures,
    )
