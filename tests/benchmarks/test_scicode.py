"""scicode: steps in order, each with the code of those before it, graded on targets that the user downloads."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from pathlib import Path
from typing import Any, cast

import pytest

from benchmarks.scicode.grading import StepGrader
from benchmarks.scicode.steps import GIVEN, Solved
from benchmarks.scicode.targets import VARIABLE, read_targets
from benchmarks.scicode.test_scicode import solve, to_sample
from pytest_modeleval import Grade, Sample
from pytest_modeleval.datasets import Row
from pytest_modeleval.graders.code.problem import ProgramGraderError
from pytest_modeleval.model_protocol import Model
from pytest_modeleval.records import Response
from pytest_modeleval.sandbox import Limits
from tests.benchmarks.test_long_contexts import PAGES
from tests.support.loopback import Answer, LoopbackServer
from tests.support.samples import shared_data
from tests.support.suites import Suite

STEP = {"step_background": "", "return_line": "    return found"}
# The published fields, with a problem of our own: one step for each form of a target.
TESTS = {
    "1.1": ["assert np.allclose(double(2.5), target)", "x = np.arange(4.0)\nassert np.allclose(double(x), target)"],
    "1.2": [
        "from scicode.compare.cmp import cmp_tuple_or_list\nassert cmp_tuple_or_list(pair(3), target)",
        "from scicode.compare.cmp import are_dicts_close\nassert are_dicts_close(table(2), target)",
        "assert name(double(1)) == target",
        "import scipy.sparse\nassert np.allclose(scipy.sparse.eye(3).toarray() * 2, target.toarray())",
        "assert [list(each) for each in target] == [[1.0, 2.0], [3.0]]",
    ],
}
ROW: dict[str, Any] = {
    "problem_description_main": "Numbers, doubled.",
    "required_dependencies": "import numpy as np",
    "sub_steps": [
        {"step_number": number, "step_description_prompt": "Double.", "function_header": "def f(x):", **STEP}
        | {"test_cases": tests}
        for number, tests in TESTS.items()
    ],
}
FIRST = "def double(x):\n    print('noise')\n    return 2 * x"
SECOND = """
def pair(x):
    return double(x), np.ones(2) * x
def table(x):
    return {0.5: double(x), 'a': np.zeros(3)}
def name(x):
    return f'n{x}'
"""


@pytest.fixture
def targets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a small file in the layout of test_data.h5."""
    h5py = pytest.importorskip("h5py")
    folder = tmp_path / "targets"
    folder.mkdir()
    with h5py.File(folder / "test_data.h5", "w") as file:
        file["1.1/test1/var1"] = 5.0
        file["1.1/test2/var1"] = [0.0, 2.0, 4.0, 6.0]
        file["1.2/test1/var1"] = 6
        file["1.2/test1/var2"] = [3.0, 3.0]
        file["1.2/test2/var1/0.5"] = 4.0
        file["1.2/test2/var1/a"] = [0.0, 0.0, 0.0]
        file["1.2/test3/var1"] = "n2"
        matrix = file.create_group("1.2/test4/var1/sparse_matrix")
        for part, value in {"data": [2.0] * 3, "indices": [0, 1, 2], "indptr": [0, 1, 2, 3], "shape": [3, 3]}.items():
            matrix[part] = value
        file["1.2/test5/var1/list/var1"] = [1.0, 2.0]
        file["1.2/test5/var1/list/var2"] = [3.0]
    monkeypatch.setenv(VARIABLE, str(folder))
    return folder


def row_of(fields: dict[str, Any]) -> Row:
    """A row of the published form."""
    return Row(fields, subset="test", index=0, file="f", line=1)


def graded(*codes: str, row: dict[str, Any] | None = None) -> Grade:
    """The grade of replies to the steps of the problem."""
    sample: Sample = dataclasses.replace(to_sample(row_of(row or ROW)), id="test-0000")
    asked = [step.number for step in sample.data["steps"] if step.number not in GIVEN]
    replies = {number: Response(f"```python\n{code}\n```") for number, code in zip(asked, codes, strict=True)}
    return asyncio.run(StepGrader(Limits(cpu_s=20.0, wall_s=120.0))(sample, Solved(replies)))


class Coder:
    """A model that writes a function for each step."""

    def __init__(self) -> None:
        self.prompts: list[str] = []

    async def ask(self, request: Any) -> Response:
        """One block, numbered."""
        self.prompts.append(request.messages[-1]["content"])
        return Response(f"So:\n```python\ndef made_{len(self.prompts)}():\n    return 1\n```\nDone.")


def test_each_step_sees_the_code_of_those_before_it() -> None:
    """All 65 published problems: 288 requests, none for given steps, background only where wanted."""
    lines = (shared_data("scicode") / "scicode" / "test.jsonl").read_text("utf-8").split("\n")
    rows = [json.loads(line) for line in lines if line]
    assert len(rows) == 65
    asked = 0
    for number, fields in enumerate(rows):
        sample = dataclasses.replace(to_sample(row_of(fields)), options={"background": number == 0})
        coder = Coder()
        solved = asyncio.run(solve(sample, cast("Model", coder)))
        asked += len(coder.prompts)
        assert not GIVEN & set(solved.replies)
        for place, prompt in enumerate(coder.prompts):
            assert [f"def made_{earlier}()" in prompt for earlier in range(1, 20)] == [n < place for n in range(19)]
        background = sample.data["steps"][-1].background
        assert not background or (background in coder.prompts[-1]) is (number == 0)
    assert asked == 288


def test_steps_are_graded_on_targets_of_every_form(targets: Path) -> None:
    """Numbers, arrays, tuples, dicts, texts, sparse matrices, lists; a wrong first step spoils the second."""
    right = graded(FIRST, SECOND)
    assert (right.value, dict(right.measures or {})) == (1.0, {"steps": (2, 2), "problems": 1.0}), right.explanation
    wrong = graded(FIRST.replace("2 *", "3 *"), SECOND)
    assert (wrong.value, wrong.cause) == (0.0, "wrong_step")
    assert "AssertionError" in wrong.explanation


def test_a_program_that_only_says_that_it_passed_does_not(targets: Path) -> None:
    """Leaving early, closing the output, no code at all: wrong steps, and the right one keeps its point."""
    for cheat in ("import sys\nsys.exit(0)", "import os\nos._exit(0)", "import sys\nsys.__stdout__.write('passed')"):
        found = graded(FIRST, cheat)
        assert dict(found.measures or {}) == {"steps": (1, 2), "problems": 0.0}, cheat


def test_what_is_missing_is_no_score(targets: Path) -> None:
    """A target that the file lacks, and the code of a given step."""
    with pytest.raises(ProgramGraderError, match=r"no target of step 9\.9 can be read"):
        read_targets("9.9", 1)
    given = {**ROW, "sub_steps": [{**ROW["sub_steps"][0], "step_number": "13.6"}, *ROW["sub_steps"]]}
    with pytest.raises(ProgramGraderError, match=r"put 13\.6\.txt"):
        graded(FIRST, SECOND, row=given)
    (targets / "13.6.txt").write_text("given = 1")
    assert graded(FIRST, SECOND + "assert given == 1", row=given)


def test_a_whole_run_scores_steps_and_problems(suite: Suite, server: LoopbackServer, targets: Path) -> None:
    """Two problems, one with a wrong second step: 3 of 4 steps, 1 of 2 problems."""
    bad = {**ROW, "problem_description_main": "Other numbers."}
    folder = suite.path / "data" / "scicode"
    folder.mkdir(parents=True)
    (folder / "test.jsonl").write_text(json.dumps(ROW) + "\n" + json.dumps(bad) + "\n")
    asked: list[str] = []

    def script(body: dict[str, Any], _: int) -> Answer:
        prompt = body["messages"][-1]["content"]
        is_second = "Step 1.2" in prompt
        asked.append(prompt)
        spoiled = is_second and len([each for each in asked if "Step 1.2" in each]) == 1
        code = SECOND if is_second else FIRST
        return Answer(f"```python\n{'pass' if spoiled else code}\n```")

    server.script = script
    result = suite.command(
        *("-p", "no:cacheprovider", "--model", "test-model", "--model-url", server.url, "--eval-in-flight=1"),
        *(f"--eval-data={suite.path / 'data'}", f"--eval-run={suite.run_dir}", str(PAGES / "scicode")),
        env={VARIABLE: str(targets)},
    )
    assert result.status == 0, result.out + result.err
    assert result.subset("test")["score"] == 0.75
    assert result.summary is not None
    assert [(one["name"], one["score"]) for one in result.summary["benchmarks"][0]["measures"]] == [("problems", 0.5)]


def test_it_is_not_collected_and_one_line_says_why(suite: Suite, server: LoopbackServer) -> None:
    """No request, no score, and what is missing."""
    result = suite.command(
        *("-p", "no:cacheprovider", "--model", "test-model", "--model-url", server.url),
        *(f"--eval-run={suite.run_dir}", str(PAGES / "scicode")),
    )
    assert result.status == 5, result.out + result.err
    assert "not collected: scicode test: its tests compare with numeric targets" in " ".join(result.out.split())
    assert not server.seen.bodies
