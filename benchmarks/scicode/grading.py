"""Grades the steps of a problem: each is run with the steps before it, on the authors' tests and targets."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from pytest_modeleval import Grade, Sample
from pytest_modeleval.grader_context import GraderContext
from pytest_modeleval.graders.code.extraction import last_block
from pytest_modeleval.graders.code.grader_pool import GraderPool
from pytest_modeleval.graders.code.problem import (
    Case,
    Problem,
    ProgramGraderError,
    ProgramResult,
    ProgramStatus,
)
from pytest_modeleval.sandbox import Limits, SourceFile

from .inside import BEGIN, END
from .steps import GIVEN, Solved, Step
from .targets import given_code, read_targets

# Officially 1800 s for the script of a step.
LIMITS = Limits(cpu_s=1800.0, wall_s=3600.0, memory_bytes=4 * 2**30, is_blocking_counted=False)
PACKAGES = ("numpy", "scipy", "sympy", "mpmath")


@dataclass(slots=True)
class StepGrader:
    """A PreparedGrader: (sample, solved) -> Grade with the measures `steps` (right of asked) and `problems`."""

    limits: Limits = LIMITS
    _pool: GraderPool | None = field(default=None, init=False)

    def prepare(self, site: GraderContext) -> None:
        """Choose the isolation of this machine. Raises SandboxUnavailable, with what to enable."""
        self._pool = GraderPool(packages=PACKAGES, allows_no_sandbox=site.allows_unsafe_code)
        site.facts["sandbox"] = self._pool.isolation().value

    async def __call__(self, sample: Sample, solved: Solved) -> Grade:
        """Grade every step that was asked. Raises ProgramGraderError where one cannot be graded."""
        steps: Sequence[Step] = sample.data["steps"]
        asked = [step for step in steps if step.number in solved.replies]
        pool = self._pool or GraderPool(packages=PACKAGES)
        problems = await asyncio.to_thread(
            lambda: [_problem(sample.data["dependencies"], steps, step, solved, self.limits) for step in asked]
        )
        futures = [pool.submit(problem, source) for problem, source in problems]
        results = await asyncio.gather(*map(asyncio.wrap_future, futures))
        return _grade([step.number for step in asked], results)


def _problem(
    dependencies: str, steps: Sequence[Step], asked: Step, solved: Solved, limits: Limits
) -> tuple[Problem, str]:
    """How one step is graded, and the program's last part, which runs its tests."""
    word = secrets.token_hex(16)
    stdin = json.dumps({"tests": asked.tests, "targets": read_targets(asked.number, len(asked.tests)), "word": word})
    before = steps[: steps.index(asked) + 1]
    code = [SourceFile(f"{step.number}.py", _code(step, solved)) for step in before]
    begin = (SourceFile("begin.py", BEGIN), SourceFile("dependencies.py", dependencies))
    return Problem(limits=limits, cases=lambda: (Case(stdin, word),), prelude=(*begin, *code)), END


def _code(step: Step, solved: Solved) -> str:
    if step.number not in GIVEN:
        return last_block(solved.replies[step.number].text)
    if code := given_code(step.number):
        return code
    raise ProgramGraderError(
        f"the code of step {step.number} is given by the authors: put {step.number}.txt (in eval/data of "
        "scicode-bench/SciCode) next to the targets"
    )


def _grade(steps: Sequence[str], results: Sequence[ProgramResult]) -> Grade:
    right = [result.status is ProgramStatus.PASSED for result in results]
    failed = [
        f"{step} {result.status.value} ({result.explanation[:80]})"
        for step, result, is_right in zip(steps, results, right, strict=True)
        if not is_right
    ]
    return Grade.partial(
        sum(right) / len(right),
        f"{sum(right)} of {len(right)} steps",
        cause="wrong_step",
        explanation="; ".join(failed)[:2000] or "all steps pass",
        measures={"steps": (sum(right), len(right)), "problems": float(all(right))},
    )
