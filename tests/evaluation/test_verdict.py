"""The rules from grade, assertion and response to an outcome."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_modeleval.errors import EngineStopped, Ungraded
from pytest_modeleval.evaluation.verdict import grade_of, outcome_with_verdict, outcome_without_verdict, target_text
from pytest_modeleval.records import Grade, ItemKey, Kind, Response
from pytest_modeleval.store.journal import outcome_line

KEY = ItemKey("b", "s", "1")
WHOLE = Response(text="x", finish_reason="stop")
CUT = Response(text="x", finish_reason="length")
EMPTY = Response(text="", finish_reason="stop")


@pytest.mark.parametrize(
    ("has_passed", "grade", "response", "is_single", "kind", "value"),
    [
        (True, Grade.right(), WHOLE, True, Kind.RIGHT, 1.0),
        (True, None, WHOLE, True, Kind.RIGHT, 1.0),
        (True, Grade.partial(0.5), WHOLE, True, Kind.RIGHT, 0.5),
        (True, Grade.wrong(), WHOLE, True, Kind.WRONG, 0.0),
        (True, Grade.no_answer(cause="c"), WHOLE, True, Kind.NO_ANSWER, 0.0),
        (False, Grade.partial(0.3), WHOLE, True, Kind.WRONG, 0.3),
        (False, Grade.right(), WHOLE, True, Kind.WRONG, 0.0),
        (False, None, WHOLE, True, Kind.WRONG, 0.0),
        (False, None, EMPTY, True, Kind.NO_ANSWER, 0.0),
        (False, Grade.wrong(), CUT, True, Kind.TRUNCATED, 0.0),
        (False, Grade.partial(0.3), CUT, True, Kind.TRUNCATED, 0.0),
        (True, Grade.right(), CUT, True, Kind.RIGHT, 1.0),
        (False, Grade.wrong(), CUT, False, Kind.WRONG, 0.0),
        (False, Grade.no_answer(cause="c"), CUT, False, Kind.TRUNCATED, 0.0),
    ],
)
def test_the_table_of_rules(
    has_passed: bool, grade: Grade | None, response: Response, is_single: bool, kind: Kind, value: float
) -> None:
    """Kind and credit of every case."""
    outcome = outcome_with_verdict(
        KEY, has_passed=has_passed, grade=grade, response=response, is_single_request=is_single
    )
    assert (outcome.kind, outcome.value) == (kind, value)
    assert (outcome.cause == "") == (kind is Kind.RIGHT)


@given(st.floats(0, 1), st.booleans(), st.sampled_from([WHOLE, CUT, EMPTY, None]), st.booleans())
def test_a_verdict_never_gives_more_than_the_grade(
    value: float, has_passed: bool, response: Response | None, is_single: bool
) -> None:
    """Whatever the rest, the credit is the grade's or nothing, and the kind is a verdict."""
    outcome = outcome_with_verdict(
        KEY, has_passed=has_passed, grade=Grade.partial(value), response=response, is_single_request=is_single
    )
    assert outcome.kind.is_verdict
    assert outcome.value in (0.0, value)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (Ungraded("x", kind=Kind.TIMEOUT, cause="idle"), Kind.TIMEOUT),
        (EngineStopped("x"), Kind.NOT_RUN),
        (KeyError("x"), Kind.GRADER_ERROR),
        (ZeroDivisionError(), Kind.GRADER_ERROR),
    ],
)
def test_exceptions_are_never_verdicts(error: Exception, kind: Kind) -> None:
    """What is no assertion never enters a score."""
    outcome = outcome_without_verdict(KEY, error)
    assert outcome.kind is kind
    assert not outcome.kind.is_verdict


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind.is_verdict])
def test_a_failure_cannot_call_itself_a_verdict(kind: Kind) -> None:
    """An author's Ungraded with a verdict's kind is refused; it would have counted as a 0."""
    with pytest.raises(ValueError, match="never counts"):
        Ungraded("x", kind=kind, cause="c")


@given(st.sampled_from([Grade.right("a"), Grade.wrong("b"), Grade.no_answer(cause="c"), Grade.partial(0.4, "d")]))
def test_a_stored_grade_leads_to_the_same_outcome(grade: Grade) -> None:
    """A grader that is too costly to run twice gives the same outcome from its stored one."""
    outcome = outcome_with_verdict(KEY, has_passed=bool(grade), grade=grade, response=WHOLE, is_single_request=True)
    again = outcome_with_verdict(
        KEY, has_passed=bool(grade), grade=grade_of(outcome), response=WHOLE, is_single_request=True
    )
    assert (again.kind, again.value, again.answer, again.cause) == (
        outcome.kind,
        outcome.value,
        outcome.answer,
        outcome.cause,
    )


@pytest.mark.parametrize(
    ("target", "text"),
    [("A", "A"), (7, "7"), (["a", "b"], "a, b"), ({"a": 1}, None), (None, None), ("x" * 999, None)],
)
def test_targets_are_shown_where_they_are_short(target: object, text: str | None) -> None:
    """Texts, numbers and short lists; nothing longer or deeper."""
    assert target_text(target) == text


@given(st.text(st.characters(), max_size=20), st.text(st.characters(), max_size=20))
@example("\ud800", "\udfff")
def test_every_text_can_be_journaled(text: str, target: str) -> None:
    """Messages of assertions, targets and exceptions may hold halves of surrogate pairs; UTF-8 cannot."""
    failed = outcome_with_verdict(
        ItemKey("b", "s", "q"),
        has_passed=False,
        grade=Grade.wrong(text, explanation=text),
        response=None,
        is_single_request=True,
        failure=text,
        target=target,
    )
    for outcome in (failed, outcome_without_verdict(failed.key, ValueError(text))):
        assert orjson.loads(orjson.dumps(outcome_line(outcome, version="1")))["kind"] == outcome.kind
