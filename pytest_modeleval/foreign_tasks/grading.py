"""The values of another package's grader become a grade of ours."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_modeleval.foreign_tasks.aggregation import Carried
from pytest_modeleval.records import Grade, MeasureValue, Response

ANSWERED = "answered"
"""The figure of a task that gives no document a credit from 0 to 1: the share of documents with an answer."""
CUT = "a reply was cut at max_tokens"


def grade_values(values: Mapping[str, tuple[Carried, Any]], *, primary: str, responses: Sequence[Response]) -> Grade:
    """The grade of one document.

    values: name -> the measure and its value. primary: the name whose credit decides; "" for none, and whatever was
    answered is right. responses: the replies that were graded; a document is without answer where none has a text.
    """
    measures: dict[str, MeasureValue] = {}
    for carried, value in values.values():
        measures |= carried.record(value)
    missing = next((response.missing_cause for response in responses if response.missing_cause), "")
    is_empty = bool(responses) and all(response.missing_cause for response in responses)
    marks = [CUT] if any(response.is_truncated for response in responses) else []
    explanation = ", ".join(f"{name} {_shown(value)}" for name, (_, value) in values.items())
    if not primary:
        measures[ANSWERED] = (float(not is_empty), 1.0)
    if is_empty:
        return Grade.no_answer(cause=missing, explanation=explanation, marks=marks, measures=measures)
    answer = responses[-1].text.strip()[-200:] if responses else None
    if not primary:
        return Grade.right(answer, explanation, marks=marks, measures=measures)
    carried, value = values[primary]
    assert carried.credit is not None
    return Grade.partial(
        carried.credit(value), answer, cause="wrong_answer", explanation=explanation, marks=marks, measures=measures
    )


def grade_numbers(
    values: Mapping[str, float], *, answer: str | None, shown: Mapping[str, str], responses: Sequence[Response]
) -> Grade:
    """The grade of one document whose first value is its credit, from 0 to 1.

    shown: the values as the package has them.
    Raises ValueError without a value, and for a first one outside of 0 to 1.
    """
    if not values:
        raise ValueError("expected a score of the task's scorers, found none")
    credit = next(iter(values.values()))
    is_empty = bool(responses) and all(response.missing_cause for response in responses)
    common: dict[str, Any] = {
        "explanation": ", ".join(f"{name} {text[:60]}" for name, text in shown.items()),
        "marks": [CUT] if any(response.is_truncated for response in responses) else [],
        "measures": dict(values),
    }
    if is_empty and credit == 0.0:
        return Grade.no_answer(cause=responses[-1].missing_cause, **common)
    return Grade.partial(credit, None if answer is None else answer[-200:], cause="wrong_answer", **common)


def answer_text(response: Response) -> str:
    """The reply as the package reads it: what was sent as content; without thinking where there is any."""
    if response.reasoning and not response.reasoning_content:
        return response.text
    return response.content


def digest(content: Any) -> str:
    """Of JSON values, and of others by their text."""
    text = json.dumps(content, sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, int | float) else str(value)[:60]
