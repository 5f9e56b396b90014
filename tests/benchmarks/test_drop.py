"""DROP: bags of words, alignment, numbers, and forms of rows. The rows are made up."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.drop.bags import bag_f1, best_scores, scores
from benchmarks.drop.test_drop import golds_of, grade_spans, to_request, to_sample
from pytest_modeleval.datasets import Row
from pytest_modeleval.errors import DataError
from pytest_modeleval.records import Kind
from tests.support.samples import said

NO_DATE = {"day": "", "month": "", "year": ""}
NUMBER = {"number": "12", "date": NO_DATE, "spans": []}
SPANS = {"number": "", "date": NO_DATE, "spans": ["Tom Brady", "the Jets"]}
DATE = {"number": "", "date": {"day": "3", "month": "May", "year": "1990"}, "spans": []}


def row(**fields: Any) -> Row:
    """One row about a passage."""
    return Row({"passage": "P", "question": "Q?", **fields}, subset="v", index=0, file="f.jsonl", line=1)


@pytest.mark.parametrize(
    ("gold", "answer", "f1"),
    [
        ("12", "12", 1.0),
        ("12", "12.0 yards", 0.67),
        ("1,200", "1200", 1.0),
        ("12 yards", "yards", 0.0),
        ("the Jets", "Jets", 1.0),
        ("Tom Brady", "Brady", 0.67),
        ("well-known", "well known", 1.0),
        ("Tom", "Ann", 0.0),
    ],
)
def test_bags_of_words(gold: str, answer: str, f1: float) -> None:
    """Articles, signs and case do not count; a number of the gold span has to be there."""
    assert bag_f1(gold, answer) == pytest.approx(f1, abs=0.005)


@pytest.mark.parametrize("gold", ["The", "-", "a the"])
def test_an_empty_bag_is_no_free_point(gold: str) -> None:
    """Neither an empty answer nor another one of empty words is right; the same one is."""
    assert scores([gold], [""]) == (0.0, 0.0)
    assert scores([gold], ["..."]) == (0.0, 0.0)
    assert scores([gold], [gold]) == (1.0, 1.0)


def test_spans_are_aligned() -> None:
    """Their order does not count; a missing one costs its share."""
    assert scores(["Tom Brady", "Jets"], ["the Jets", "Tom Brady"]) == (1.0, 1.0)
    assert scores(["Tom Brady", "Jets"], ["Jets"]) == (0.0, 0.5)
    assert scores(["Tom Brady", "Jets"], ["Brady", "Jets"]) == (0.0, 0.83)
    assert best_scores([["12"], ["13"]], ["13"]) == (1.0, 1.0)


def test_gold_answers_of_every_form() -> None:
    """A number, spans or a date; validated answers as a list or as Arrow writes it, each once."""
    more = {"number": ["12", ""], "date": [NO_DATE] * 2, "spans": [[], ["twelve"]]}
    assert golds_of(row(answer=NUMBER, validated_answers=[DATE])) == [("12",), ("3 May 1990",)]
    assert golds_of(row(answer=NUMBER, validated_answers=more)) == [("12",), ("twelve",)]
    assert golds_of(row(answer=SPANS)) == [("Tom Brady", "the Jets")]
    with pytest.raises(DataError, match=r"f\.jsonl, line 1"):
        to_sample(row(answer={"number": "", "date": NO_DATE, "spans": []}))
    with pytest.raises(DataError, match="'answer'"):
        to_sample(row(answers_spans={"spans": ["x"], "types": ["span"]}))


@pytest.mark.parametrize(
    ("text", "kind", "em", "f1"),
    [
        ("So.\nANSWER: Jets; Tom Brady.", Kind.RIGHT, 1.0, 1.0),
        ("ANSWER: Tom Brady", Kind.WRONG, 0.0, 0.5),
        ("ANSWER: Ann", Kind.WRONG, 0.0, 0.0),
        ("Tom Brady and the Jets", Kind.NO_ANSWER, 0.0, 0.0),
    ],
)
def test_a_reply_has_both_measures(text: str, kind: Kind, em: float, f1: float) -> None:
    """Only the line that the prompt asks for is read."""
    made = grade_spans(to_sample(row(answer=SPANS)), said(text))
    assert (made.kind, made.measures) == (kind, {"em": em, "f1": f1})


def test_text_after_a_number_does_not_spoil_it() -> None:
    """A further passage after the line of the answer is no part of it."""
    made = grade_spans(to_sample(row(answer=NUMBER)), said("ANSWER: 12\n\nPassage: more."))
    assert made.kind is Kind.RIGHT


def test_the_same_words_in_another_order_are_right() -> None:
    """An F1 of 1 is full credit for the item too, although the match is not exact."""
    made = grade_spans(to_sample(row(answer=DATE)), said("ANSWER: May 3, 1990"))
    assert (made.kind, made.value, made.measures) == (Kind.RIGHT, 1.0, {"em": 0.0, "f1": 1.0})


def test_the_prompt_asks_for_the_form() -> None:
    """Passage, question and the line of the answer."""
    text = str(to_request(to_sample(row(answer=NUMBER))).messages[0]["content"])
    assert "ANSWER: X" in text
    assert text.endswith("Passage:\nP\n\nQuestion:\nQ?")
