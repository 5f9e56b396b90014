"""Tasks of an installed Inspect; ci/check_foreign_tasks.py compares with its own runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.loopback import LoopbackServer
from tests.support.suites import Suite

pytest.importorskip("inspect_ai", reason="needs the extra inspect")

TASKS = """
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import Score, accuracy, choice, mean, scorer
from inspect_ai.solver import generate, multiple_choice, system_message, use_tools
from inspect_ai.tool import tool

SAMPLES = [Sample(input=f"[[{key}]]", target="A", choices=["x", "y"], id=key) for key in "AB"]

@scorer(metrics=[mean()])
def odd():
    async def score(state, target):
        if state.sample_id == "B":
            raise RuntimeError("its scorer fell over")
        return Score(value={"length": 0.5, "is_right": state.output.completion.endswith(target.text)})
    return score

@tool
def clock():
    async def execute():
        \"\"\"The time.\"\"\"
        return "12:00"
    return execute

@task
def letters():
    return Task(dataset=SAMPLES, solver=[system_message("Be brief."), multiple_choice()], scorer=choice())

@task
def strange():
    return Task(dataset=SAMPLES, solver=generate(max_tokens=9), scorer=odd())

@task
def tools():
    return Task(dataset=SAMPLES, solver=[use_tools(clock()), generate()], scorer=choice())
"""


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    """A file with three tasks."""
    file = tmp_path / "tasks.py"
    file.write_text(TASKS, encoding="utf-8")
    return file


def test_solvers_and_scorers_run_as_they_are(suite: Suite, server: LoopbackServer, tasks: Path) -> None:
    """Prompts and scores are the task's own; an exception of a scorer is no zero."""
    where = [f"--model-url={server.url}", f"--eval-run={suite.run_dir}", "--model=test-model", "-p", "no:cacheprovider"]
    result = suite.command(*where, f"--eval-tasks=inspect:{tasks}@letters,{tasks}@strange")
    assert result.status == 6, result.out + result.err
    assert result.summary is not None
    letters, strange = result.summary["benchmarks"]
    assert (letters["benchmark"], letters["metric"], letters["subsets"][0]["score"]) == (
        "inspect_letters",
        "choice",
        0.5,
    )
    counts = strange["subsets"][0]["counts"]
    assert (counts["wrong"], counts["grader_error"]) == (1, 1)
    assert {row["name"] for row in strange["measures"]} == {"odd/is_right"}
    bodies = [body for body in server.seen.bodies if body["messages"][0]["role"] == "system"]
    assert bodies[0]["messages"][0]["content"] == "Be brief."
    assert any(body["max_tokens"] == 9 for body in server.seen.bodies)


def test_a_solver_with_tools_is_refused(suite: Suite, server: LoopbackServer, tasks: Path) -> None:
    """By name, before anything is asked."""
    where = [f"--model-url={server.url}", "--model=test-model", "-p", "no:cacheprovider"]
    result = suite.command(*where, f"--eval-tasks=inspect:{tasks}@tools")
    assert result.status == 4, result.out + result.err
    assert "its solver offers tools" in result.err
    assert not server.seen.bodies
