"""Ctrl-C and -x while requests hang: what arrived is graded, the run ends, and the same command goes on."""

from __future__ import annotations

import re
import signal
from typing import Any

import pytest

from tests.support.loopback import Act, Answer, Hang, LoopbackServer, Refuse
from tests.support.suites import BENCHMARK, Suite, key_answer, kill_group
from tests.support.waiting import until

ROWS = 60
IN_FLIGHT = 8
# Grades the first question, and never ends for any other.
SLOW_GRADE = """
import pathlib
import threading

def slow_grade(sample, response):
    if not sample.question.startswith("Question 0 "):
        pathlib.Path("grading").touch()
        threading.Event().wait()
    return grade_choice(sample, response)
"""
WORKERS = pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["single", "xdist"])


class HoldingServer:
    """A script: every fifth question is answered at once, the others never. answered: prompts that got an answer.

    A worker of xdist gets few items at a time: most of them have to hang, so that all of its slots do.
    """

    def __init__(self) -> None:
        self.answered: set[str] = set()
        self.refused = -1

    def __call__(self, body: dict[str, Any], attempt: int) -> Act:
        prompt = str(body["messages"][-1]["content"])
        number = int(prompt.split()[1])
        if number == self.refused:
            return Refuse(400)
        if number % 5:
            return Hang()
        self.answered.add(prompt)
        return key_answer(body, attempt)


def _table_line(out: str) -> str:
    """The line of the table about the subset."""
    return next(line for line in out.splitlines() if "quiz" in line and "mean_acc" in line)


def _kept_answers(suite: Suite) -> int:
    """Answers in the journals of the run."""
    lines = [line for file in suite.run_dir.glob("journal*.jsonl") for line in file.read_bytes().splitlines()]
    return sum(b'"type":"response"' in line for line in lines)


def test_a_second_ctrl_c_ends_at_once(suite: Suite, server: LoopbackServer) -> None:
    """The grading of answers that have arrived can be interrupted too: the table says what was graded until then."""
    suite.write_rows(ROWS)
    server.script = HoldingServer()
    slow = BENCHMARK.replace("grade=grade_choice", "grade=slow_grade").replace("@benchmark", SLOW_GRADE + "@benchmark")
    suite.write_benchmark(slow)
    with suite.start(*suite.arguments(server.url, f"--eval-in-flight={IN_FLIGHT}")) as process:
        try:
            until(lambda: server.seen.in_flight == IN_FLIGHT)
            kill_group(process, signal.SIGINT)
            until((suite.path / "grading").exists)
            kill_group(process, signal.SIGINT)
            out, err = process.communicate(timeout=300)
        finally:
            if process.poll() is None:
                kill_group(process)
    assert process.returncode == 2, out + err
    assert "Traceback" not in err, err
    assert _table_line(out)
    summary = suite.summary()
    assert summary is not None
    assert summary["benchmarks"][0]["subsets"][0]["num"] == 1


@WORKERS
def test_ctrl_c_while_every_slot_hangs(suite: Suite, server: LoopbackServer, workers: list[str]) -> None:
    """Status 2, the table with its bounds, requests cancelled; the same command asks only what has no answer."""
    suite.write_rows(ROWS)
    held = server.script = HoldingServer()
    arguments = suite.arguments(server.url, f"--eval-in-flight={IN_FLIGHT}", *workers)
    with suite.start(*arguments) as process:
        try:
            # A slot is free once its reply is in the journal: when all hang, every answer is kept.
            until(lambda: server.seen.in_flight == IN_FLIGHT)
            kill_group(process, signal.SIGINT)
            out, err = process.communicate(timeout=300)
        finally:
            if process.poll() is None:
                kill_group(process)
    assert process.returncode == 2, out + err
    assert "Traceback" not in err, err
    until(lambda: server.seen.in_flight == 0)
    summary = suite.summary()
    assert summary is not None
    assert summary["complete"] is False
    part = summary["benchmarks"][0]["subsets"][0]
    assert part["counts"]["not_run"] == ROWS - part["num"]
    assert part["if_ungraded_wrong"] < part["if_ungraded_right"] <= 1
    assert _table_line(out)
    assert f"{part['counts']['not_run']}" in out
    answered = set(held.answered)
    assert len(answered) >= 2
    # Also those whose turn had not come, since an earlier item hangs: each graded, reported, and in the table.
    assert part["num"] == len(answered), out
    assert sum(map(int, re.findall(r"(\d+) (?:passed|wrong)", out.rpartition("\n==")[2]))) == len(answered), out
    assert out.count("Ctrl-C again ends at once") == 1
    server.script = key_answer
    again = suite.command(*arguments)
    assert again.status == 0, again.out + again.err
    assert again.subset()["num"] == ROWS
    assert again.subset()["score"] == 0.75
    assert {server.seen.prompts[prompt] for prompt in answered} == {1}
    assert len(server.seen.prompts) == ROWS


@WORKERS
def test_a_failure_with_x_ends_requests_that_hang(suite: Suite, server: LoopbackServer, workers: list[str]) -> None:
    """-x --eval-strict: the first wrong answer ends the run with 1; without -x the rest is asked, and nothing twice."""
    suite.write_rows(ROWS)
    held = server.script = HoldingServer()
    arguments = suite.arguments(server.url, f"--eval-in-flight={IN_FLIGHT}", "--eval-strict", *workers)
    stopped = suite.command(*arguments, "-x")
    assert stopped.status == 1, stopped.out + stopped.err
    assert "Traceback" not in stopped.err
    until(lambda: server.seen.in_flight == 0)
    part = stopped.subset()
    assert part["counts"]["wrong"] >= 1
    assert part["counts"]["not_run"] > 0
    assert part["if_ungraded_wrong"] < part["if_ungraded_right"]
    assert _table_line(stopped.out)
    assert _kept_answers(suite) <= len(held.answered)
    server.script = key_answer
    again = suite.command(*arguments)
    assert again.status == 1, again.out + again.err
    assert again.subset()["num"] == ROWS
    assert again.summary is not None
    assert again.summary["complete"] is True
    # What was answered and not journaled was on its way when the run ended.
    assert sum(count > 1 for count in server.seen.prompts.values()) <= IN_FLIGHT
    assert sum(server.seen.prompts.values()) <= ROWS + IN_FLIGHT


@WORKERS
def test_an_error_with_x_says_run_again(suite: Suite, server: LoopbackServer, workers: list[str]) -> None:
    """A refused sample is no fault of the model: -x ends with 6, and the same command completes the run."""
    suite.write_rows(ROWS)
    held = server.script = HoldingServer()
    held.refused = 0
    arguments = suite.arguments(server.url, f"--eval-in-flight={IN_FLIGHT}", "-x", *workers)
    stopped = suite.command(*arguments)
    assert stopped.status == 6, stopped.out + stopped.err
    until(lambda: server.seen.in_flight == 0)
    assert stopped.summary is not None
    assert stopped.summary["complete"] is False
    assert stopped.subset()["counts"]["server_error"] == 1
    # Answers that came before the error are graded: no failure can come of them without --eval-strict.
    assert stopped.subset()["num"] == _kept_answers(suite)
    assert _table_line(stopped.out)
    server.script = lambda body, attempt: Answer(text=key_answer(body, attempt).text)
    again = suite.command(*arguments)
    assert again.status == 0, again.out + again.err
    assert again.subset()["num"] == ROWS


@pytest.mark.parametrize(
    ("where", "is_told"),
    [("write_report", "--eval-rescore=run writes it"), ("finish.finish_run", "the same command goes on")],
)
@WORKERS
def test_ctrl_c_while_the_results_are_written(
    suite: Suite, server: LoopbackServer, workers: list[str], where: str, is_told: str
) -> None:
    """Status 2 and one sentence in place of a traceback; the table if there is a summary; nothing is asked twice."""
    suite.write_rows(10)
    conftest = suite.path / "conftest.py"
    owner, _, name = f"run_controller.{where}".rpartition(".")
    conftest.write_text(
        f"from pytest_modeleval.pytest_plugin import run_controller\n\n\ndef interrupted(*_, **__):\n"
        f"    raise KeyboardInterrupt\n\n\n{owner}.{name} = interrupted\n"
    )
    with suite.start(*suite.arguments(server.url, *workers)) as process:
        out, err = process.communicate(timeout=300)
    assert process.returncode == 2, out + err
    assert is_told in out
    assert "Traceback" not in out + err
    assert ("mean_acc" in out) == (where == "write_report")
    assert not (suite.run_dir / "report.html").exists()
    conftest.unlink()
    is_whole = where == "write_report"
    result = suite.command("--eval-rescore=run", "--eval-data=data") if is_whole else suite.run(server.url, *workers)
    assert result.status == 0, result.out + result.err
    assert (suite.run_dir / "report.html").is_file()
    assert max(server.seen.prompts.values()) == 1
