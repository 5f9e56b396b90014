"""Replies that name another model than the requested one: a gateway that falls back, aliases, dated versions."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

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
    suite.shorten_waits()
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
    suite.shorten_waits()
    server.script = lambda body, attempt: _falls_back(body, attempt, attempts=1)
    result = suite.run(server.url, "--eval-in-flight", "4")
    assert result.status == 0, result.out
    assert result.subset()["num"] == 34


def test_a_resumed_run_stays_with_its_model(suite: Suite, server: LoopbackServer) -> None:
    """Stored replies decide which model counts, so a gateway that answers with another one later adds nothing."""
    suite.write_rows(8)
    suite.shorten_waits()

    def first(body: dict[str, Any], attempt: int) -> Act:
        number = int(body["messages"][-1]["content"].split()[1])
        return replace(key_answer(body, attempt), model="test-model") if number < 4 else Refuse(400)

    server.script = first
    assert suite.run(server.url).status == 6
    server.script = lambda body, attempt: replace(key_answer(body, attempt), model="small")
    result = suite.run(server.url)
    assert result.status == 6, result.out
    assert result.subset()["counts"]["bad_response"] == 4


def _named(name: str) -> Callable[[dict[str, Any], int], Act]:
    """All questions are answered under this name."""
    return lambda body, attempt: replace(key_answer(body, attempt), model=name)


def test_a_listed_other_model_is_ungraded_from_the_first_reply(suite: Suite, server: LoopbackServer) -> None:
    """What the server lists as another model is one, also if it gives all answers."""
    suite.write_rows(4)
    suite.shorten_waits()
    server.models = ("test-model", "small")
    server.script = _named("lab/small")
    result = suite.run(server.url)
    assert result.status == 6, result.out
    assert result.subset()["counts"]["bad_response"] == 4
    assert "found one of lab/small, which the server lists as another model than test-model" in result.out


def test_an_unlisted_name_is_scored_and_said_once(suite: Suite, server: LoopbackServer) -> None:
    """It may be the model's name behind an alias of a gateway: a warning with the remedy, in all reports."""
    suite.write_rows(4)
    server.script = _named("hidden-model")
    result = suite.run(server.url)
    assert result.status == 0, result.out
    assert result.summary is not None
    assert result.summary["run"]["reply_models"] == {"hidden-model": {"replies": 4, "is_version": False}}
    said = "4 replies of test-model carry the name hidden-model, which is no name of the requested model"
    assert " ".join(result.out.split()).count(said) == 1
    assert said in " ".join((suite.run_dir / "report.html").read_text().split())


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["single", "xdist"])
def test_a_dated_version_of_the_name_is_no_warning(suite: Suite, server: LoopbackServer, workers: list[str]) -> None:
    """Gateways answer an alias with the dated name, which they may list too: scored, and the version is named."""
    suite.write_rows(8)
    server.models = ("test-model", "test-model-2025-01-01")
    server.script = _named("owner/test-model-2025-01-01")
    result = suite.run(server.url, *workers)
    assert result.status == 0, result.out
    assert "8 replies of test-model carry the name owner/test-model-2025-01-01." in " ".join(result.out.split())
    assert "no name of the requested model" not in result.out
    again = suite.command(f"--eval-rescore={suite.run_dir}", f"--eval-data={suite.path / 'data'}", "test_quiz.py")
    assert again.status == 0, again.out


def test_further_names_of_the_profile_are_the_models(suite: Suite, server: LoopbackServer) -> None:
    """served_names says that a listed name is the same model: scored without a word, now and when graded again."""
    suite.write_rows(4)
    server.models = ("test-model", "small")
    server.script = _named("small")
    (suite.path / "models.toml").write_text('[test-model]\nserved_names = ["small"]\n')
    result = suite.run(server.url)
    assert result.status == 0, result.out
    assert result.summary is not None
    assert "reply_models" not in result.summary["run"]
    again = suite.command(f"--eval-rescore={suite.run_dir}", f"--eval-data={suite.path / 'data'}", "test_quiz.py")
    assert again.status == 0, again.out
