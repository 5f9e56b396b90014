"""Whole program: where no sandbox can be built, a run that needs one is refused, unless the user says otherwise."""

from __future__ import annotations

import json

import pytest
from loopback import Answer, LoopbackServer
from suites import Result, Suite

CODE_BENCHMARK = """
from pytest_modeleval import Request, Sample, benchmark
from pytest_modeleval.datasets import local
from pytest_modeleval.graders.code.grader import code_grader
from pytest_modeleval.graders.code.problem import Case, Problem
from pytest_modeleval.sandbox import Limits

def to_problem(sample):
    return Problem(limits=Limits(), cases=lambda: [Case("1 2", "3")])

@benchmark(name="NAME", version="1", dataset=local("quiz/{subset}"), subsets=SUBSETS,
           sample=lambda row: Sample(question=row.text("question")), grade=code_grader(to_problem),
           request=lambda sample: Request(messages=[{"role": "user", "content": sample.question}]))
def test_NAME(grade):
    assert grade, grade.explanation
"""
# Namespaces that this machine does not give, as a hardened container's.
NO_WALLS = """
from pytest_modeleval.graders.code import grader_pool
from pytest_modeleval.sandbox import SandboxUnavailable, Isolation

tried = grader_pool._probe

def probe(walls):
    if walls is not Isolation.NONE:
        raise SandboxUnavailable(f"{isolation} sandbox does not start: no permission")
    tried(walls)

grader_pool._probe = probe
"""


def ask(suite: Suite, server: LoopbackServer, *more: str, env: dict[str, str] | None = None) -> Result:
    """A run of a benchmark of code on a machine without namespaces; every reply is a right program."""
    suite.write_benchmark(CODE_BENCHMARK.replace("NAME", "quiz"))
    (suite.path / "conftest.py").write_text(NO_WALLS, encoding="utf-8")
    suite.write_rows(3)
    server.script = lambda _body, _attempt: Answer("```python\nprint(sum(map(int, input().split())))\n```")
    return suite.command(*suite.arguments(server.url, *more), env=env)


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["single", "xdist"])
def test_a_missing_sandbox_refuses_before_the_first_request(
    suite: Suite, server: LoopbackServer, workers: list[str]
) -> None:
    """Status 4, one line that names the benchmark and what to enable, and no question was asked."""
    result = ask(suite, server, *workers)
    assert result.status == 4, result.out + result.err
    assert not server.seen.prompts
    lines = [line for line in result.err.splitlines() if line.startswith("ERROR: quiz: ")]
    assert len(lines) == 1, result.err
    for words in ("kernel.unprivileged_userns_clone=1", "--cap-add SYS_ADMIN", "--eval-unsafe-code"):
        assert lines[0].count(words) == 1
    assert "Traceback" not in result.out + result.err


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["single", "xdist"])
def test_the_user_may_run_code_without_a_sandbox(suite: Suite, server: LoopbackServer, workers: list[str]) -> None:
    """Programs are judged then, after a warning in capitals, and run.json says that nothing surrounded them."""
    result = ask(suite, server, "--eval-unsafe-code", *workers)
    assert result.status == 0, result.out + result.err
    assert result.subset()["score"] == 1.0
    assert "warning: " in result.out
    assert "THAT THE MODEL WROTE RUN" in result.out.replace("\n", " ")
    run = json.loads((suite.run_dir / "run.json").read_text(encoding="utf-8"))
    assert run["invocations"][-1]["sandbox"] == "none"


def test_the_older_variable_still_says_so(suite: Suite, server: LoopbackServer) -> None:
    """MODELEVAL_CODE_WITHOUT_SANDBOX=1 is the option by another name."""
    result = ask(suite, server, env={"MODELEVAL_CODE_WITHOUT_SANDBOX": "1"})
    assert result.status == 0, result.out + result.err


def test_listing_samples_needs_no_sandbox(suite: Suite, server: LoopbackServer) -> None:
    """--collect-only runs nothing, so it refuses nothing."""
    result = ask(suite, server, "--collect-only", "-q")
    assert result.status == 0, result.out + result.err
    assert "part-0000" in result.out


def test_benchmarks_of_code_share_their_judges(suite: Suite, server: LoopbackServer) -> None:
    """Two of them in one run, one pool: no more judges at once than there are cores."""
    suite.write_benchmark(CODE_BENCHMARK.replace("NAME", "quiz") + CODE_BENCHMARK.replace("NAME", "other"))
    watch = (
        "from pytest_modeleval.graders.code import grader_pool\nmade = []\nbegin = grader_pool.GraderPool.__init__\n"
        "def counted(self, *given, **named):\n    made.append(self)\n    begin(self, *given, **named)\n"
        "grader_pool.GraderPool.__init__ = counted\n"
        "def pytest_terminal_summary(terminalreporter):\n    terminalreporter.write_line(f'{len(made)} pools')\n"
    )
    (suite.path / "conftest.py").write_text(watch, encoding="utf-8")
    suite.write_rows(2)
    server.script = lambda _body, _attempt: Answer("```python\nprint(3)\n```")
    result = suite.run(server.url)
    if "none can be built here" in result.err:
        pytest.skip("no sandbox can be built here")
    assert result.status == 0, result.out + result.err
    assert "1 pools" in result.out
