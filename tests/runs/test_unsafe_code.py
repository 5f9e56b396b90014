"""Whole program: where no sandbox can be built, a run that needs one is refused, unless the user allows it."""

from __future__ import annotations

import json
import platform

import pytest

from tests.support.loopback import Answer, LoopbackServer
from tests.support.suites import Result, Suite

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
# A seccomp filter that refuses unshare(2) and clone(2) with namespaces, as Docker's default profile does.
NO_NAMESPACES = """
import ctypes, platform, struct

def refuse_namespaces():
    unshare, clone = {"x86_64": (272, 56), "aarch64": (97, 220)}[platform.machine()]
    code = [
        (0x20, 0, 0, 0),
        (0x15, 3, 0, unshare),
        (0x15, 0, 3, clone),
        (0x20, 0, 0, 16),
        (0x45, 0, 1, 0x7E020080),
        (0x06, 0, 0, 0x00050001),
        (0x06, 0, 0, 0x7FFF0000),
    ]
    packed = b"".join(struct.pack("HBBI", *line) for line in code)
    buffer = ctypes.create_string_buffer(packed, len(packed))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(code), ctypes.addressof(buffer)))
    libc = ctypes.CDLL(None)
    assert libc.prctl(38, 1, 0, 0, 0) == 0
    assert libc.prctl(22, 2, program, 0, 0) == 0

refuse_namespaces()
"""
NEEDS_KNOWN_MACHINE = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "aarch64"), reason="the numbers of its system calls are not listed here"
)


def ask(suite: Suite, server: LoopbackServer, *more: str, env: dict[str, str] | None = None) -> Result:
    """Run a benchmark of code on a machine without namespaces; every reply is a right program."""
    suite.write_benchmark(CODE_BENCHMARK.replace("NAME", "quiz"))
    (suite.path / "conftest.py").write_text(NO_NAMESPACES, encoding="utf-8")
    suite.write_rows(3)
    server.script = lambda _body, _attempt: Answer("```python\nprint(sum(map(int, input().split())))\n```")
    return suite.command(*suite.arguments(server.url, *more), env=env)


@NEEDS_KNOWN_MACHINE
@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["single", "xdist"])
def test_a_missing_sandbox_refuses_before_the_first_request(
    suite: Suite, server: LoopbackServer, workers: list[str]
) -> None:
    """Status 4, one line that names the benchmark and what to enable, and no request was sent."""
    result = ask(suite, server, *workers)
    assert result.status == 4, result.out + result.err
    assert not server.seen.prompts
    lines = [line for line in result.err.splitlines() if line.startswith("ERROR: quiz: ")]
    assert len(lines) == 1, result.err
    for words in ("kernel.unprivileged_userns_clone=1", "--cap-add SYS_ADMIN", "--eval-unsafe-code"):
        assert lines[0].count(words) == 1
    assert "Traceback" not in result.out + result.err


@NEEDS_KNOWN_MACHINE
@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["single", "xdist"])
def test_the_user_may_run_code_without_a_sandbox(suite: Suite, server: LoopbackServer, workers: list[str]) -> None:
    """Programs are graded, after a warning in capitals, and run.json records that there was no sandbox."""
    result = ask(suite, server, "--eval-unsafe-code", *workers)
    assert result.status == 0, result.out + result.err
    assert result.subset()["score"] == 1.0
    assert "warning: " in result.out
    assert "THAT THE MODEL WROTE RUN" in result.out.replace("\n", " ")
    run = json.loads((suite.run_dir / "run.json").read_text(encoding="utf-8"))
    assert run["invocations"][-1]["sandbox"] == "none"


@NEEDS_KNOWN_MACHINE
def test_the_older_variable_still_works(suite: Suite, server: LoopbackServer) -> None:
    """MODELEVAL_CODE_WITHOUT_SANDBOX=1 has the effect of the option."""
    result = ask(suite, server, env={"MODELEVAL_CODE_WITHOUT_SANDBOX": "1"})
    assert result.status == 0, result.out + result.err


@NEEDS_KNOWN_MACHINE
def test_listing_samples_needs_no_sandbox(suite: Suite, server: LoopbackServer) -> None:
    """--collect-only runs nothing, so it refuses nothing."""
    result = ask(suite, server, "--collect-only", "-q")
    assert result.status == 0, result.out + result.err
    assert "part-0000" in result.out


def test_benchmarks_of_code_share_their_graders(suite: Suite, server: LoopbackServer) -> None:
    """Two of them in one run use one pool: no more programs at once than there are cores."""
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
