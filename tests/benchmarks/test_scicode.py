"""scicode: steps in order, each with the code of those before it; not collected, since its targets are missing."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from typing import Any, cast

import pytest

from benchmarks.scicode.test_scicode import GIVEN, grade, solve, to_sample
from pytest_modeleval.datasets import Row
from pytest_modeleval.graders.code.problem import ProgramGraderError
from pytest_modeleval.model_protocol import Model
from pytest_modeleval.records import Response
from tests.benchmarks.test_long_contexts import PAGES
from tests.support.loopback import LoopbackServer
from tests.support.samples import shared_data
from tests.support.suites import Suite


class Coder:
    """A model that writes a function for each step."""

    def __init__(self) -> None:
        self.prompts: list[str] = []

    async def ask(self, request: Any) -> Response:
        """One block, numbered."""
        self.prompts.append(request.messages[-1]["content"])
        return Response(f"So:\n```python\ndef made_{len(self.prompts)}():\n    return 1\n```\nDone.")


def test_each_step_sees_the_code_of_those_before_it() -> None:
    """All 65 published problems: 288 requests, none for given steps, background only where wanted; no grade."""
    lines = (shared_data("scicode") / "scicode" / "test.jsonl").read_text("utf-8").split("\n")
    rows = [json.loads(line) for line in lines if line]
    assert len(rows) == 65
    asked = 0
    for number, fields in enumerate(rows):
        row = Row(fields, subset="test", index=number, file="f", line=number + 1)
        sample = dataclasses.replace(to_sample(row), options={"background": number == 0})
        coder = Coder()
        solved = asyncio.run(solve(sample, cast("Model", coder)))
        asked += len(coder.prompts)
        assert not GIVEN & set(solved.replies)
        for place, prompt in enumerate(coder.prompts):
            assert [f"def made_{earlier}()" in prompt for earlier in range(1, 20)] == [n < place for n in range(19)]
        background = sample.data["steps"][-1].background
        assert not background or (background in coder.prompts[-1]) is (number == 0)
        with pytest.raises(ProgramGraderError, match=r"test_data\.h5"):
            grade(sample, solved)
    assert asked == 288


def test_it_is_not_collected_and_one_line_says_why(suite: Suite, server: LoopbackServer) -> None:
    """No request, no score, and what is missing."""
    result = suite.command(
        *("-p", "no:cacheprovider", "--model", "test-model", "--model-url", server.url),
        *(f"--eval-run={suite.run_dir}", str(PAGES / "scicode")),
    )
    assert result.status == 5, result.out + result.err
    assert "not collected: scicode test: its tests compare with numeric targets" in " ".join(result.out.split())
    assert not server.seen.bodies
