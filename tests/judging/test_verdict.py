"""Asking for a verdict: once more, several times, ties, and the form that is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from pytest_modeleval import Kind, Request, Response
from pytest_modeleval.errors import Ungraded
from pytest_modeleval.judging import Verdict, verdict
from tests.support.no_vectors import NoVectors

LABELS = ("yes", "no")
QUESTION = Request([{"role": "user", "content": "Is {this} it?"}])


class Scripted(NoVectors):
    """A judge that gives these replies, one after another."""

    name = "referee"

    def __init__(self, replies: Sequence[str], *, supports_json_schema: bool = False) -> None:
        self.replies = list(replies)
        self.supports_json_schema = supports_json_schema
        self.asked: list[Request] = []

    async def ask(self, request: Request) -> Response:
        """The next reply."""
        self.asked.append(request)
        return Response(self.replies.pop(0))


def ask(judge: Scripted, repeats: int = 1) -> Verdict:
    """One verdict."""
    return asyncio.run(verdict(judge, QUESTION, LABELS, repeats=repeats))


def test_an_unreadable_reply_is_asked_for_again() -> None:
    """Once, with the same request."""
    judge = Scripted(["perhaps", "VERDICT: no"])
    assert ask(judge).label == "no"
    assert judge.asked[0] == judge.asked[1]


def test_two_unreadable_replies_are_no_verdict() -> None:
    """The sample is ungraded, with a cause of its own."""
    with pytest.raises(Ungraded) as caught:
        ask(Scripted(["perhaps", "yes"]))
    assert (caught.value.kind, caught.value.cause) == (Kind.GRADER_ERROR, "judge_unparseable")


def test_the_majority_counts() -> None:
    """Its agreement is k of n."""
    found = ask(Scripted(["VERDICT: no", "VERDICT: yes", "VERDICT: no"]), repeats=3)
    assert (found.label, found.labels) == ("no", ("no", "yes", "no"))
    assert found.measures == {"judge_agreement": (2, 3)}


def test_a_tie_is_no_verdict() -> None:
    """Neither label is preferred."""
    with pytest.raises(Ungraded) as caught:
        ask(Scripted(["VERDICT: no", "VERDICT: yes"]), repeats=2)
    assert caught.value.cause == "judge_tie"


def test_the_schema_is_asked_for_where_the_server_can() -> None:
    """Else the marker line; the words of the request are not changed."""
    judge = Scripted(['{"reason": "", "verdict": "yes"}'], supports_json_schema=True)
    assert ask(judge).label == "yes"
    form = judge.asked[0].response_format
    assert form is not None
    assert form["json_schema"]["schema"]["properties"]["verdict"]["enum"] == ["yes", "no"]
    plain = Scripted(["VERDICT: yes"])
    ask(plain)
    assert plain.asked[0].response_format is None
    assert str(plain.asked[0].messages[-1]["content"]).startswith("Is {this} it?\n\n")


@pytest.mark.parametrize(("labels", "repeats"), [(("a", "A "), 1), (("a",), 1), (("a", "b"), 0)])
def test_labels_must_differ(labels: tuple[str, ...], repeats: int) -> None:
    """A page that asks for labels that are alike is refused."""
    with pytest.raises(ValueError, match="two or more distinct labels"):
        asyncio.run(verdict(Scripted([]), QUESTION, labels, repeats=repeats))
