"""A gateway that falls back to another model in mid-run."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from tests.support.loopback import Act, LoopbackServer, Refuse
from tests.support.suites import Suite, key_answer


def _falls_back(body: dict[str, Any], attempt: int, *, attempts: int) -> Act:
    """Questions from the 30th on are answered by another model, in so many attempts."""
    number = int(body["messages"][-1]["content"].split()[1])
    is_other = number >= 30 and attempt <= attempts
    return replace(key_answer(body, attempt), model="small" if is_other else "test-model")


def test_answers_of_another_model_are_ungraded(suite: Suite, server: LoopbackServer) -> None:
    """They enter no score, the run is incomplete, and the message names both models."""
    suite.write_rows(34)
    server.script = lambda body, attempt: _falls_back(body, attempt, attempts=99)
    result = suite.run(server.url, "--eval-in-flight", "4", "-rA")
    assert result.status == 6, result.out
    counts = result.subset()["counts"]
    assert counts["bad_response"] == 4
    assert counts["right"] + counts["wrong"] == 30
    assert "expected a reply of test-model, as the first one was, found one of small" in result.out
    lines = [json.loads(line) for line in (suite.run_dir / "journal.jsonl").read_text().splitlines()]
    assert {line["reply"]["model"] for line in lines if line["type"] == "response"} == {"test-model"}
    assert {line["cause"] for line in lines if line["type"] == "attempt"} == {"other_model"}


def test_a_fallback_that_passes_costs_retries_only(suite: Suite, server: LoopbackServer) -> None:
    """Asked again, the model itself answers."""
    suite.write_rows(34)
    server.script = lambda body, attempt: _falls_back(body, attempt, attempts=1)
    result = suite.run(server.url, "--eval-in-flight", "4")
    assert result.status == 0, result.out
    assert result.subset()["num"] == 34


def test_a_resumed_run_stays_with_its_model(suite: Suite, server: LoopbackServer) -> None:
    """Stored replies decide which model counts, so a gateway that answers with another one later adds nothing."""
    suite.write_rows(8)

    def first(body: dict[str, Any], attempt: int) -> Act:
        number = int(body["messages"][-1]["content"].split()[1])
        return replace(key_answer(body, attempt), model="test-model") if number < 4 else Refuse(400)

    server.script = first
    assert suite.run(server.url).status == 6
    server.script = lambda body, attempt: replace(key_answer(body, attempt), model="small")
    result = suite.run(server.url)
    assert result.status == 6, result.out
    assert result.subset()["counts"]["bad_response"] == 4
