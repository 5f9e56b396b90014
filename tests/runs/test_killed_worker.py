"""A worker of xdist that is killed in the middle of a run costs nothing but time."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from tests.support.loopback import Answer, LoopbackServer
from tests.support.suites import Suite, key_answer, without_times
from tests.support.waiting import until

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
ROWS, IN_FLIGHT = 300, 8


def workers_of(pid: int) -> list[int]:
    """The processes that pytest's main process started with execnet."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            parent = int((entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
            command = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        # execnet starts a Python that is told over its standard input what it is.
        if parent == pid and b"sys.stdin.readline" in command:
            found.append(int(entry.name))
    return sorted(found)


# Slower with each report than the workers are: when one is killed, many of its reports still wait.
SLOW_CONTROLLER = """
import time

def pytest_runtest_logreport(report):
    if hasattr(report, "node"):
        time.sleep(0.01)
"""


@pytest.mark.parametrize(("answered", "conftest"), [(40, ""), (150, ""), (100, SLOW_CONTROLLER)])
def test_a_worker_killed_in_mid_run(suite: Suite, server: LoopbackServer, answered: int, conftest: str) -> None:
    """The summary of an undisturbed run; nothing answered is asked again; every answer is journaled once."""
    suite.write_rows(ROWS)
    (suite.path / "conftest.py").write_text(conftest)
    server.script = lambda body, attempt: Answer(text=key_answer(body, attempt).text, delay_s=0.03)
    arguments = suite.arguments(server.url, "--eval-in-flight", str(IN_FLIGHT), "-n", "2")
    with suite.start(*arguments) as process:
        until(lambda: _answered(suite) > answered)
        victim = workers_of(process.pid)[0]
        os.kill(victim, signal.SIGKILL)
        out, err = process.communicate(timeout=300)
    assert process.returncode == 0, out + err
    disturbed = suite.summary()
    assert disturbed is not None
    part = disturbed["benchmarks"][0]["subsets"][0]
    assert (part["score"], part["num"]) == (0.75, ROWS)
    assert len(server.seen.prompts) == ROWS
    twice = [prompt for prompt, count in server.seen.prompts.items() if count > 1]
    # What the victim had in flight.
    assert len(twice) <= IN_FLIGHT // 2
    assert max(server.seen.prompts.values()) <= 2
    assert _answered(suite) == ROWS
    suite.run_dir = suite.path / "calm"
    server.script = key_answer
    assert suite.run(server.url, "-n", "2").status == 0
    assert without_times(suite.summary()) == without_times(disturbed)


def _answered(suite: Suite) -> int:
    return sum(file.read_bytes().count(b'"type":"response"') for file in suite.run_dir.glob("journal*.jsonl"))
