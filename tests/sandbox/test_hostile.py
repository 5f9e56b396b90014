"""Hostile programs: each is contained and gets its status, and the host is unchanged (docs/sandbox.md)."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_modeleval.graders.code.problem import Case, Problem, ProgramResult, ProgramStatus
from pytest_modeleval.graders.code.program_grader import ProgramGrader
from pytest_modeleval.sandbox import Isolation, Limits, Sandbox, SandboxUnavailable
from tests.support.hostile_programs import EXHAUSTING, LINGERING, LOOKS_ROUND, LYING, PROBING, Hostile

SECRET = "swordfish-4711"
LIMITS = Limits(cpu_s=1.0, wall_s=12.0, memory_bytes=256 * 2**20, output_bytes=4 * 2**20)
CASES = (Case("", "held\n"),)
# Two limits (CPU, then beyond doubt), the wall as backstop, twice (beside others, then alone), and starting anew.


@pytest.fixture(scope="module", params=[Isolation.BUBBLEWRAP, Isolation.NAMESPACES], ids=str)
def grader(request: pytest.FixtureRequest) -> Iterator[ProgramGrader]:
    """A grader with one kind of isolation."""
    isolation = request.param
    try:
        Sandbox(isolation).close()
    except SandboxUnavailable as error:
        pytest.skip(str(error).split(". ")[0])
    grader = ProgramGrader(lambda: Sandbox(isolation))
    yield grader
    grader.close()


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What an escaped program could find: a secret file, a secret in the environment, a listening server."""
    secret_path = tmp_path_factory.mktemp("host") / "secret.txt"
    secret_path.write_text(SECRET)
    os.environ["MODELEVAL_TEST_SECRET"] = SECRET
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind(b"\0" + SECRET.encode() + str(os.getpid()).encode())
        abstract.listen()
        server.settimeout(0)
        facts = {
            "{port}": str(server.getsockname()[1]),
            "{secret}": SECRET,
            "{secret_path}": str(secret_path),
            "{host_pid}": str(os.getpid()),
        }
        yield facts
        with pytest.raises(BlockingIOError):
            server.accept()  # nobody connected
    del os.environ["MODELEVAL_TEST_SECRET"]
    assert secret_path.read_text() == SECRET


def graded(grader: ProgramGrader, program: Hostile, facts: dict[str, str]) -> ProgramResult:
    """The result of a program whose right answer is "held"."""
    source = program.source
    for mark, value in facts.items():
        source = source.replace(mark, value)
    return grader.grade(Problem(limits=LIMITS, cases=lambda: CASES), source)


@pytest.mark.parametrize("program", [*EXHAUSTING, *LYING, *PROBING], ids=lambda program: program.name)
def test_hostile_program_is_held_and_named(grader: ProgramGrader, host: dict[str, str], program: Hostile) -> None:
    """Each hostile program gets a status that is right for it; a harmless one after it passes."""
    result = graded(grader, program, host)
    assert result.status in program.statuses, result.explanation
    assert len(result.explanation) < 1000
    assert graded(grader, Hostile("fine", "print('held')", ()), host).status is ProgramStatus.PASSED


def test_nothing_is_left_for_the_next_program(grader: ProgramGrader, host: dict[str, str]) -> None:
    """Files and processes of one program are gone when the next one looks."""
    assert graded(grader, LINGERING, host).status is ProgramStatus.PASSED
    result = graded(grader, LOOKS_ROUND, host)
    assert result.status is ProgramStatus.PASSED, result.explanation


def test_no_process_outlives_a_closed_sandbox(grader: ProgramGrader) -> None:
    """Closing a sandbox ends every process in it, sleeping ones too."""
    marker = f"modeleval-{os.getpid()}-{id(grader)}"
    source = f"import os\nif not os.fork():\n    os.execv('/usr/bin/sleep', ['{marker}', '1000'])\nwhile True: pass"
    grader.grade(Problem(limits=LIMITS, cases=lambda: CASES), source)
    grader.close()
    command_lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert not any(marker.encode() in line for line in command_lines)
