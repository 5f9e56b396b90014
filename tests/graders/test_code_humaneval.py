"""HumanEval's own solutions and mutants of them, compared with a plain run of its tests in one process."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.humaneval.test_humaneval import to_problem, to_sample, whole_program
from pytest_modeleval.datasets import Row
from pytest_modeleval.graders.code.grader_pool import GraderPool
from pytest_modeleval.graders.code.problem import Problem, ProgramStatus
from pytest_modeleval.records import Sample
from pytest_modeleval.sandbox import SandboxUnavailable
from tests.support.mutants import early_return, other_constant, other_operator

PLAIN_S = 3


def data_file() -> Path:
    """HumanEval's rows, where MODELEVAL_DATA or the folder shared/data beside the repository has them."""
    roots: list[str | Path] = [os.environ.get("MODELEVAL_DATA", ""), Path(__file__).parents[3] / "shared" / "data"]
    found = [Path(root) / "humaneval" / "test.jsonl" for root in roots if root]
    return next((path for path in found if path.exists()), Path())


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    """All 164 problems."""
    path = data_file()
    if not path.is_file():
        pytest.skip("no humaneval/test.jsonl below MODELEVAL_DATA or shared/data")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(rows) == 164
    return [to_sample(Row(row, subset="s", index=n, file="f", line=n + 1)) for n, row in enumerate(rows)]


@pytest.fixture(scope="module")
def pool() -> Iterator[GraderPool]:
    """Workers on all cores."""
    pool = GraderPool()
    try:
        pool.isolation()
    except SandboxUnavailable as error:
        pool.close()
        pytest.skip(str(error))
    yield pool
    pool.close()


def quick(sample: Sample) -> Problem:
    """The problem with a lower time limit, because some mutants never end."""
    problem = to_problem(sample)
    return dataclasses.replace(problem, limits=dataclasses.replace(problem.limits, cpu_s=1.5))


def passes_plainly(sample: Sample, source: str) -> bool:
    """True if the tests pass in one process with the program, as in HumanEval's own harness.

    Only for HumanEval's solutions and our mutants of them: nothing untrusted runs here.
    """
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.alarm(PLAIN_S)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            namespace: dict[str, Any] = {}
            exec(sample.data["prompt"], namespace)
            exec(source, namespace)
            exec(sample.data["test"], namespace)
            namespace["check"](namespace[sample.data["entry_point"]])
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_all_own_solutions_pass(samples: list[Sample], pool: GraderPool) -> None:
    """Every canonical solution passes, written as a whole and as a continuation of the prompt."""
    futures = {}
    for sample in samples:
        body = sample.data["canonical_solution"]
        for form, code in (("continued", body), ("whole", sample.data["prompt"] + body)):
            futures[sample.data["entry_point"], form] = pool.submit(to_problem(sample), whole_program(sample, code))
    failed = {name: found.explanation for name, future in futures.items() if (found := future.result()).passed != 1}
    assert not failed


def test_every_solution_that_returns_nothing_fails(samples: list[Sample], pool: GraderPool) -> None:
    """No solution with an early return passes."""
    futures = []
    for sample in samples:
        source = early_return(sample.data["prompt"] + sample.data["canonical_solution"], sample.data["entry_point"])
        futures.append((sample.data["entry_point"], pool.submit(to_problem(sample), source)))
    assert [name for name, future in futures if future.result().status is ProgramStatus.PASSED] == []


@pytest.mark.parametrize(("mutate", "first"), [(other_operator, 0), (other_constant, 1)])
def test_grader_agrees_with_a_plain_run_about_mutants(
    samples: list[Sample], pool: GraderPool, mutate: Any, first: int
) -> None:
    """A solution with another operator or constant passes exactly if it passes a plain run of HumanEval's tests.

    One third of the problems for each kind of change: all of them take half a minute.
    """
    futures = []
    for sample in samples[first::3]:
        source = mutate(sample.data["prompt"] + sample.data["canonical_solution"], sample.data["entry_point"])
        if source is not None:
            futures.append((sample, source, pool.submit(quick(sample), source)))
    results = {sample.data["entry_point"]: future.result().status for sample, _, future in futures}
    plain = {sample.data["entry_point"]: passes_plainly(sample, source) for sample, source, _ in futures}
    differ = {name: results[name] for name in results if (results[name] is ProgramStatus.PASSED) != plain[name]}
    assert not differ
    failed = sum(status is not ProgramStatus.PASSED for status in results.values())
    assert failed > 0.75 * len(results), "a mutant is nearly always wrong"
