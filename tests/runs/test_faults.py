"""Servers that fail: what is repeated, what is ungraded, what a score is worth then."""

from __future__ import annotations

import json
import zlib
from typing import Any

import pytest

from tests.support.loopback import Act, Drop, ErrorInBody, Hang, LoopbackServer, Malformed, Refuse
from tests.support.suites import Suite, key_answer

FAULTS: dict[str, Act] = {
    "500": Refuse(500),
    "503": Refuse(503),
    "429": Refuse(429, retry_after="0.1"),
    "dropped": Drop(),
    "cut": Drop(is_midway=True),
    "malformed": Malformed(),
    "hang": Hang(),
    "silent": Hang(after_first=True),
    "error_in_body": ErrorInBody(),
}


def _hit(body: dict[str, Any], percent: int) -> bool:
    return zlib.crc32(str(body["messages"][-1]["content"]).encode()) % 100 < percent


def _failing_first(fault: Act) -> Any:
    def script(body: dict[str, Any], attempt: int) -> Act:
        return fault if attempt == 1 and _hit(body, 20) else key_answer(body, attempt)

    return script


@pytest.mark.parametrize("name", FAULTS)
def test_a_failed_first_attempt_changes_no_score(suite: Suite, server: LoopbackServer, name: str) -> None:
    """Whatever goes wrong with a fifth of the first attempts: exact score, complete run, every attempt journaled."""
    suite.write_rows(60)
    server.script = _failing_first(FAULTS[name])
    result = suite.run(server.url, "--eval-idle-timeout", "0.6")
    assert result.status == 0, result.out
    assert result.subset()["score"] == 0.75
    assert result.subset()["num"] == 60
    repeated = sum(count == 2 for count in server.seen.prompts.values())
    assert repeated > 3
    assert max(server.seen.prompts.values()) == 2
    lines = [json.loads(line) for line in (suite.run_dir / "journal.jsonl").read_text().splitlines()]
    assert sum(line["type"] == "attempt" for line in lines) == repeated
    assert sum(line["type"] == "response" for line in lines) == 60


def test_all_faults_together_change_no_score(suite: Suite, server: LoopbackServer) -> None:
    """A server that fails in every way at once costs repeats, not samples."""
    suite.write_rows(60)
    faults = list(FAULTS.values())

    def script(body: dict[str, Any], attempt: int) -> Act:
        number = zlib.crc32(str(body["messages"][-1]["content"]).encode())
        return faults[number % len(faults)] if attempt == 1 and number % 100 < 60 else key_answer(body, attempt)

    server.script = script
    result = suite.run(server.url, "--eval-idle-timeout", "0.6")
    assert result.status == 0, result.out
    assert result.subset()["score"] == 0.75


def test_a_valid_answer_is_never_asked_again(suite: Suite, server: LoopbackServer) -> None:
    """Wrong, empty and truncated replies are verdicts, and a verdict is not rolled again."""
    suite.write_rows(12)
    server.script = _odd_replies
    result = suite.run(server.url)
    assert result.status == 0, result.out
    assert set(server.seen.prompts.values()) == {1}


def _odd_replies(body: dict[str, Any], attempt: int) -> Act:
    from tests.support.loopback import Answer

    number = int(str(body["messages"][-1]["content"]).split()[1])
    return [Answer(text="ANSWER: Z"), Answer(text=""), Answer(text="hm", finish="length")][number % 3]


def test_samples_that_always_fail_are_ungraded_and_asked_again_by_the_same_command(
    suite: Suite, server: LoopbackServer
) -> None:
    """Exactly those are ungraded, the others' score is exact, status 6; later the same command asks only those."""
    suite.write_rows(60)

    def sick(body: dict[str, Any], attempt: int) -> Act:
        return Refuse(503, retry_after="0.01") if _hit(body, 10) else key_answer(body, attempt)

    server.script = sick
    first = suite.run(server.url, run=False)
    lost = [prompt for prompt in server.seen.prompts if server.seen.prompts[prompt] > 1]
    assert 1 <= len(lost) < 20
    assert first.status == 6, first.out
    part = first.subset()
    assert part["num"] == 60 - len(lost)
    assert part["counts"]["server_error"] == len(lost)
    assert part["if_ungraded_wrong"] < part["score"] < part["if_ungraded_right"]
    assert "all ungraded" in first.out

    server.script = key_answer
    server.seen.prompts.clear()
    second = suite.run(server.url, run=False)
    assert second.status == 0, second.out
    assert second.subset()["score"] == 0.75
    assert sorted(server.seen.prompts) == sorted(lost)
    assert "taking up" in second.out
    assert len(list(suite.path.glob("modeleval-runs/*/*/run.json"))) == 1


def test_a_server_that_dies_ends_the_run_soon(suite: Suite, server: LoopbackServer) -> None:
    """When nothing answers any more, the run ends as incomplete, and what was answered is kept."""
    suite.write_rows(200)
    suite.shorten_waits()

    def dying(body: dict[str, Any], attempt: int) -> Act:
        return Drop() if len(server.seen.prompts) > 50 else key_answer(body, attempt)

    server.script = dying
    result = suite.run(server.url, "--eval-in-flight", "8")
    assert result.status == 6, result.out
    counts = result.subset()["counts"]
    assert counts["right"] + counts["wrong"] >= 40
    assert counts["server_error"] >= 140
    # Not six attempts for each of 150 samples: the budget of repeats ends that.
    assert sum(server.seen.prompts.values()) < 600


def test_a_baseline_that_cannot_be_written_is_told_first(suite: Suite, server: LoopbackServer) -> None:
    """A folder, or a place below a file: status 4 before anything is asked, not after hours."""
    suite.write_rows(5)
    (suite.path / "file").touch()
    for target in (".", "file/base.json"):
        result = suite.run(server.url, "--eval-bless", target)
        assert result.status == 4, result.out
        assert "--eval-bless" in result.err
    assert not server.seen.prompts


def test_a_page_that_cannot_be_written_costs_the_page_only(suite: Suite, server: LoopbackServer) -> None:
    """report.html in the way of another thing, a step summary in no folder: warned of, and the status is the run's."""
    suite.write_rows(5)
    github = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(suite.path / "nowhere" / "step.md")}
    pageless = suite.command(*suite.arguments(server.url), env=github)
    (suite.run_dir / "report.html").unlink()
    (suite.run_dir / "report.html").mkdir()
    for result in (pageless, suite.run(server.url)):
        assert result.status == 0, result.out + result.err
        assert "warning: a page could not be written" in result.out
        assert "Traceback" not in result.err


def test_a_summary_that_cannot_be_written_is_no_failed_gate(suite: Suite, server: LoopbackServer) -> None:
    """Something is in the place of summary.json: status 6 and why, not Python's 1."""
    suite.write_rows(5)
    suite.run(server.url)
    (suite.run_dir / "summary.json").unlink()
    (suite.run_dir / "summary.json").mkdir()
    with suite.start(*suite.arguments(server.url)) as process:
        out, err = process.communicate(timeout=300)
    assert process.returncode == 6, out + err
    assert "could not be written" in out
    assert "Traceback" not in err


def test_words_of_a_server_do_not_drive_the_terminal(suite: Suite, server: LoopbackServer) -> None:
    """An id with an escape sequence in it, in the list of a server, is shown by its escapes."""
    suite.write_rows(2)
    server.models = ("evil\x1b]0;owned\x07",)
    result = suite.run(server.url)
    assert result.status == 4, result.out
    assert "\x1b" not in result.err
    assert "evil\\x1b]0;owned" in result.err


def test_a_fault_of_ours_at_the_end_is_no_failed_gate(suite: Suite, server: LoopbackServer) -> None:
    """An exception while the summary is made is an internal error, status 3, as anywhere else in pytest."""
    suite.write_rows(5)
    (suite.path / "conftest.py").write_text(
        "from pytest_modeleval.runs import finish\n\ndef broken(*args, **kwargs):\n    raise KeyError('ours')\n\n"
        "finish.finish_run = broken\n"
    )
    result = suite.run(server.url)
    assert result.status == 3, result.out + result.err
    assert "INTERNALERROR" in result.out
    assert "KeyError: 'ours'" in result.out
