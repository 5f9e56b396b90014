"""`evaluate` end to end: a child process, its result, its progress, and its end with its caller."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from pytest_modeleval import EvaluationIncomplete, Progress, RunSummary, evaluate, evaluate_async, start_evaluation
from tests.support.loopback import Answer, Hang, LoopbackServer, Refuse
from tests.support.suites import Suite
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]


def test_a_low_score_and_a_failed_gate_are_a_result(
    tmp_path: Path, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder whose own pytest cannot run: a typed summary with status 1, frames, samples, progress, the caller."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n", encoding="utf-8")
    (tmp_path / "conftest.py").write_text("raise SystemExit(9)\n", encoding="utf-8")
    Path("gates.toml").write_text('[[gate]]\nkind = "floor"\nbenchmark = "wiring"\nfloor = 0.9\n', encoding="utf-8")
    server.script = lambda *_: Answer("no idea")
    seen: list[Progress] = []
    found = evaluate(
        "test-model",
        "wiring",
        subsets=["letters", "decimals"],
        limit=10,
        system="Be brief.",
        url=server.url,
        run="run",
        gates="gates.toml",
        caller={"step": 40},
        progress=seen.append,
    )
    assert isinstance(found, RunSummary)
    assert found.is_complete
    assert found.exit_status == 1
    assert [gate.verdict for gate in found.gates] == ["failed"]
    assert {score.subset for score in found.benchmarks[0].subsets} == {"letters", "decimals"}
    assert found.folder == tmp_path / "run"
    count = sum(score.planned for score in found.benchmarks[0].subsets)
    assert len(list(found.samples.read())) == count == sum(server.seen.prompts.values())
    assert (seen[-1].done, seen[-1].total, seen[-1].folder) == (count, count, found.folder)
    assert found.run["caller"] | {"pid": 0, "script": ""} == {
        "program": "pytest_modeleval.evaluate",
        "script": "",
        "pid": 0,
        "step": 40,
    }
    assert found.run["system"] == "Be brief."
    assert found.run["invocations"][0]["command"][0] == "pytest"
    assert not (tmp_path / ".pytest_cache").exists()


def test_a_project_counts_where_it_is_named(suite: Suite, server: LoopbackServer) -> None:
    """Its own benchmark is asked; samples without a grade leave no result but a summary for diagnosis."""
    suite.write_rows(6)
    server.script = lambda body, _: Refuse(400) if "[[C]]" in str(body) else Answer("ANSWER: A")
    where: dict[str, Any] = {
        "url": server.url,
        "project": suite.path,
        "data": suite.path / "data",
        "run": suite.run_dir,
        # Only to save time: the plugins of this environment take seconds.
        "env": {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        "args": ["-p", "modeleval"],
    }
    with pytest.raises(EvaluationIncomplete) as caught:
        evaluate("test-model", "test_quiz", **where)
    assert caught.value.exit_status == 6
    assert caught.value.folder == suite.run_dir
    assert caught.value.summary.ungraded == 2
    assert "max_ungraded says how many samples may be without a grade" in str(caught.value)
    found = evaluate("test-model", "test_quiz", max_ungraded=2, **where)
    assert (found.exit_status, found.ungraded) == (0, 2)


def test_what_cannot_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No server: the status of pytest, its sentence among the last lines, no run folder."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EvaluationIncomplete, match=r"exit status 4 .*nothing was asked") as caught:
        evaluate("m", "wiring", url="http://127.0.0.1:9/v1")
    assert any("127.0.0.1:9" in line for line in caught.value.lines)
    assert caught.value.folder is None


def test_cancelling_ends_the_child_and_the_run_goes_on_later(
    tmp_path: Path, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`evaluate_async` leaves no process; its folder is unlocked and resumed by `start_evaluation`."""
    monkeypatch.chdir(tmp_path)
    # Children of other tests, such as a grader's, may live on.
    before = psutil.Process().children(recursive=True)
    server.script = lambda *_: Hang()
    where: dict[str, Any] = {"subsets": ["letters"], "limit": 3, "url": server.url, "run": "run"}

    async def cancelled() -> None:
        task = asyncio.create_task(evaluate_async("test-model", "wiring", **where))
        await asyncio.to_thread(until, lambda: server.seen.in_flight > 0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert not [child for child in psutil.Process().children(recursive=True) if child not in before]
    assert json.loads((tmp_path / "run" / "run.json").read_bytes())["complete"] is False
    server.script = lambda *_: Answer()
    child = start_evaluation("test-model", "wiring", **where)
    assert child.wait().is_complete
    assert child.is_over


def test_a_killed_caller_takes_its_child_with_it(tmp_path: Path, server: LoopbackServer) -> None:
    """By kill -9: the child is interrupted within seconds and writes its summary."""
    server.script = lambda *_: Hang()
    call = f"evaluate('test-model', 'wiring', subsets=['letters'], limit=3, url={server.url!r}, run='run')"
    caller = subprocess.Popen(
        [sys.executable, "-c", f"from pytest_modeleval import evaluate; {call}"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    until(lambda: server.seen.in_flight > 0)
    (child,) = psutil.Process(caller.pid).children()
    assert os.getsid(child.pid) == child.pid, "Ctrl-C in a terminal is the caller's alone"
    caller.send_signal(signal.SIGKILL)
    caller.wait()
    until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
    assert (tmp_path / "run" / "summary.json").exists()
