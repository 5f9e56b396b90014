"""mbpp, with made rows in the hub's field names: both forms, the examples, tests that run in the sandbox."""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchmarks.mbpp.test_mbpp import to_problem, to_sample
from pytest_modeleval.datasets import Row
from pytest_modeleval.graders.code.problem import ProgramGraderError
from tests.benchmarks.test_long_contexts import PAGES
from tests.support.loopback import Act, Answer, LoopbackServer
from tests.support.suites import Suite

DOUBLE = "def double(pair):\n    return tuple(2 * part for part in pair)"
ROOT = "def root(number):\n    return math.sqrt(number)"
SANITIZED: dict[str, Any] = {
    "source_file": "made",
    "task_id": 11,
    "prompt": "Write a function to double each part of a pair.",
    "code": DOUBLE,
    "test_imports": [],
    "test_list": ["assert double((1, 2)) == (2, 4)", "assert set(double((0, 0))) == {0}", "assert double(()) == ()"],
}
FULL: dict[str, Any] = {
    "task_id": 12,
    "text": "Write a function for the square root.",
    "code": f"import math\r\n{ROOT}",
    "test_list": ["assert math.isclose(root(4), 2)"],
    "test_setup_code": "import math",
    "challenge_test_list": [],
}
EXAMPLES = [{**SANITIZED, "task_id": number, "prompt": f"Example {number}."} for number in (2, 3, 4, 6)]


def sample_of(fields: dict[str, Any]) -> Any:
    """The sample of one row."""
    return to_sample(Row(fields, subset="s", index=0, file="f", line=1))


def write(suite: Suite, **files: list[dict[str, Any]]) -> None:
    """Files below data/mbpp."""
    folder = suite.path / "data" / "mbpp"
    folder.mkdir(parents=True)
    for name, rows in files.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def test_both_forms_are_graded_by_their_tests(suite: Suite, server: LoopbackServer) -> None:
    """Right, wrong, and imports that only the tests have; three examples stand in front, tests with each task."""
    write(suite, sanitized=[SANITIZED, {**SANITIZED, "code": DOUBLE.replace("2", "3")}], full=[FULL], prompt=EXAMPLES)

    def script(body: dict[str, Any], attempt: int) -> Act:
        prompt = str(body["messages"][-1]["content"])
        assert [prompt.count(f"Example {number}.") for number in (2, 3, 4, 6)] == [1, 1, 1, 0]
        task = prompt.rpartition("Task: ")[2]
        if "square root" in task:
            return Answer(text=f"```python\nimport math\n{ROOT}\n```")
        assert "assert double((1, 2)) == (2, 4)" in task
        is_first = len(server.seen.bodies) % 2
        return Answer(text=f"Here:\n```python\n{DOUBLE if is_first else DOUBLE.replace('2', '3')}\n```")

    server.script = script
    result = suite.command(
        *("-p", "no:cacheprovider", "--model", "test-model", "--model-url", server.url, "--eval-in-flight=1"),
        *(f"--eval-data={suite.path / 'data'}", f"--eval-run={suite.run_dir}", str(PAGES / "mbpp")),
    )
    assert result.status == 0, result.out + result.err
    assert result.subset("full")["score"] == 1.0
    assert result.subset("sanitized")["score"] == 0.5


def test_the_tested_function_is_found_among_calls_of_the_tests() -> None:
    """Not `set`; the last of several of the solution; the setup runs before the tests."""
    problem = to_problem(sample_of(SANITIZED))
    assert (problem.function, problem.names) == ("double", ("double",))
    assert [part.source for part in to_problem(sample_of(FULL)).check] == ["import math", FULL["test_list"][0]]


@pytest.mark.parametrize(
    ("code", "test"),
    [
        ("class Pair:\n    pass\ndef f(pair):\n    return 1", "assert f(Pair()) == 1"),
        ("def f():\n    return 1", "assert g() == 1"),
        ("def f(:", "assert f() == 1"),
    ],
)
def test_tests_that_cannot_run_apart_are_no_score(code: str, test: str) -> None:
    """Objects of a class of the program, no function of the solution, no Python."""
    with pytest.raises(ProgramGraderError, match="expected"):
        to_problem(sample_of({**SANITIZED, "code": code, "test_list": [test]}))
