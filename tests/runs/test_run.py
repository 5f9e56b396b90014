"""Whole runs in one process: scores, kinds, exit status."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.loopback import Act, Answer, LoopbackServer
from tests.support.suites import Suite, key_answer


def test_known_accuracy_is_reported_exactly(suite: Suite, server: LoopbackServer) -> None:
    """100 samples of which 75 are answered right give 0.75, and each prompt is asked once."""
    suite.write_rows(100)
    result = suite.run(server.url)
    assert result.status == 0, result.out
    part = result.subset()
    assert (part["num"], part["score"]) == (100, 0.75)
    assert part["low"] < 0.75 < part["high"]
    assert part["counts"]["right"] == 75
    assert part["counts"]["wrong"] == 25
    assert set(server.seen.prompts.values()) == {1}
    assert len(server.seen.prompts) == 100
    assert "75 passed, 25 wrong" in result.out
    assert "0.7500" in result.out


@pytest.mark.parametrize(
    ("answer", "kind", "cause"),
    [
        (Answer(text="ANS", finish="length"), "truncated", "no_marker"),
        (Answer(text=""), "no_answer", "empty"),
        (Answer(text="", reasoning="It is A. ANSWER: A"), "no_answer", "thinking_only"),
        (Answer(text="<think>surely ANSWER: A"), "no_answer", "unclosed_thinking"),
        (Answer(text="<think>surely ANSWER: A", finish="length"), "truncated", "unclosed_thinking"),
        (Answer(text="", calls=(("answer", '{"letter": "A"}'),)), "no_answer", "tool_call_instead_of_text"),
        (Answer(text="<think>ANSWER: B</think>ANSWER: A"), "right", ""),
        (Answer(text="thoughts, ANSWER: B</think>ANSWER: A"), "right", ""),
        (Answer(text="ANSWER: A", finish="length"), "right", ""),
        (Answer(text="ANSWER: B", reasoning="ANSWER: A"), "wrong", "wrong_letter"),
    ],
)
def test_every_reply_lands_in_its_kind(
    suite: Suite, server: LoopbackServer, answer: Answer, kind: str, cause: str
) -> None:
    """What is no answer is told apart from a wrong one, and nothing is graded from the thinking text."""
    suite.write_rows(2)
    server.script = lambda body, attempt: answer if "Question 0" in body["messages"][-1]["content"] else Answer()
    suite.write_raw('{"question": "Question 0", "choices": ["x", "y"], "answer": "A"}\n')
    result = suite.run(server.url)
    assert result.status == 0, result.out
    assert result.subset()["counts"][kind] == 1, result.out
    line = next(line for line in _journal(suite) if line["type"] == "grade")
    assert (line["kind"], line["cause"]) == (kind, cause)


def test_strict_makes_a_wrong_answer_a_failure(suite: Suite, server: LoopbackServer) -> None:
    """Under --eval-strict the run ends with status 1, and the failure is one line."""
    suite.write_rows(8)
    result = suite.run(server.url, "--eval-strict")
    assert result.status == 1
    assert "2 failed, 6 passed" in result.out
    assert "Traceback" not in result.out
    assert result.subset()["score"] == 0.75


def test_ungraded_samples_never_enter_the_score(suite: Suite, server: LoopbackServer) -> None:
    """A refused request is an error of its own: exit status 6, exact score over the rest, bounds shown."""
    suite.write_rows(20)

    def script(body: dict[str, Any], attempt: int) -> Act:
        from tests.support.loopback import Refuse

        return Refuse(400) if "Question 3 " in body["messages"][-1]["content"] else key_answer(body, attempt)

    server.script = script
    result = suite.run(server.url)
    assert result.status == 6, result.out
    part = result.subset()
    assert part["num"] == 19
    assert part["score"] == pytest.approx(14 / 19)
    assert part["if_ungraded_wrong"] == pytest.approx(14 / 20)
    assert part["if_ungraded_right"] == pytest.approx(15 / 20)
    assert part["counts"]["server_error"] == 1
    assert result.summary is not None
    assert result.summary["complete"] is False
    assert "1 error" in result.out
    assert "status 400: scripted refusal" in result.out


def test_max_ungraded_allows_some(suite: Suite, server: LoopbackServer) -> None:
    """--eval-max-ungraded lets a run be complete in spite of them."""
    from tests.support.loopback import Refuse

    suite.write_rows(20)
    server.script = lambda body, attempt: (
        Refuse(400) if "Question 3 " in body["messages"][-1]["content"] else key_answer(body, attempt)
    )
    assert suite.run(server.url, "--eval-max-ungraded", "0.05").status == 0


def test_a_fault_of_the_grader_is_no_wrong_answer(suite: Suite, server: LoopbackServer) -> None:
    """An exception in the grader is grader_error with a traceback, never a score of 0."""
    from tests.support.suites import BENCHMARK

    source = BENCHMARK.replace("grade=grade_choice", "grade=broken").replace(
        "def to_request", 'def broken(sample, response):\n    raise KeyError("oops")\n\ndef to_request'
    )
    suite.write_benchmark(source)
    suite.write_rows(3)
    result = suite.run(server.url)
    assert result.status == 6
    part = result.subset()
    assert part["counts"]["grader_error"] == 3
    assert part["score"] is None
    assert "KeyError: 'oops'" in result.out


def _journal(suite: Suite) -> list[dict[str, Any]]:
    import json

    return [json.loads(line) for line in (suite.run_dir / "journal.jsonl").read_text().splitlines()]
