"""Families of hostile programs: the status of each is right while many others wait, and no trace reaches the next."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import socket
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from pytest_modeleval.graders.code.grader_pool import GraderPool
from pytest_modeleval.graders.code.problem import Case, Problem, ProgramResult, ProgramStatus
from pytest_modeleval.graders.code.program_grader import ProgramGrader
from pytest_modeleval.sandbox import Isolation, Limits, Sandbox, SandboxUnavailable, SourceFile, ipc
from tests.support.hostile_families import ATTACKS, CANARY, CPU, MEMORY_USE, SLEEP, TRACES, Attack

LIMITS = Limits(cpu_s=0.5, wall_s=20.0, memory_bytes=192 * 2**20, output_bytes=4 * 2**20)
SCRIPT = Problem(limits=LIMITS, cases=lambda: (Case("", "held"),))
CHECK = Problem(
    limits=LIMITS,
    function="f",
    check=(SourceFile("tests.py", "def check(f):\n    assert f(1) == 2"), SourceFile("check.py", "check(f)")),
    names=("f",),
)
OPEN_FILES = 1000


@pytest.fixture(scope="module", params=[Isolation.BUBBLEWRAP, Isolation.NAMESPACES], ids=str)
def isolation(request: pytest.FixtureRequest) -> Isolation:
    """Each kind of isolation that can be built here."""
    try:
        Sandbox(request.param).close()
    except SandboxUnavailable as error:
        pytest.skip(str(error).split(". ")[0])
    found: Isolation = request.param
    return found


def best_isolation() -> Isolation:
    """The kind that a run would use here; limits are the same code in each."""
    pool = GraderPool(1)
    try:
        return pool.isolation()
    except SandboxUnavailable as error:
        pytest.skip(str(error).split(". ")[0])
    finally:
        pool.close()


@contextlib.contextmanager
def open_files(count: int) -> Iterator[None]:
    """Hold this many descriptors open, half of them sockets, as a run with many requests does."""
    with contextlib.ExitStack() as stack:
        for _ in range(count // 3):
            stack.callback(os.close, os.open(os.devnull, os.O_RDONLY))
            for one in socket.socketpair():
                stack.enter_context(one)
        yield


def problem_of(attack: Attack) -> Problem:
    """How this program is graded."""
    return CHECK if attack.is_check else SCRIPT


@pytest.mark.parametrize("in_flight", [16, 256])
def test_every_attack_gets_its_status_while_many_are_in_flight(isolation: Isolation, in_flight: int) -> None:
    """With 16 and with 256 programs and connections in flight, each attack and each harmless program is right."""
    programs = [program for attack in ATTACKS for program in (attack, None)]
    pool = GraderPool(4, packages=(), isolations=[isolation])
    waiting: deque[tuple[Attack | None, Future[ProgramResult]]] = deque()
    wrong = []

    def finish() -> None:
        attack, future = waiting.popleft()
        result = future.result(timeout=300)
        expected = attack.statuses if attack else (ProgramStatus.PASSED,)
        if result.status not in expected:
            wrong.append((attack.name if attack else "harmless", result.status, result.explanation))

    try:
        with open_files(3 * in_flight):
            for attack in programs:
                if len(waiting) >= in_flight:
                    finish()
                source, problem = (attack.source, problem_of(attack)) if attack else (CANARY, SCRIPT)
                waiting.append((attack, pool.submit(problem, source)))
            while waiting:
                finish()
    finally:
        pool.close()
    assert wrong == []


@pytest.mark.parametrize("has_cgroup", [True, False], ids=["control group", "sum of processes"])
def test_limits_hold_by_either_way_of_counting(*, has_cgroup: bool) -> None:
    """CPU, sleep and memory are limited with a control group and without one; memory by its own limit."""
    isolation = best_isolation()
    grader = ProgramGrader(lambda: Sandbox(isolation, has_cgroup=has_cgroup))
    patient = dataclasses.replace(SCRIPT, limits=dataclasses.replace(LIMITS, cpu_s=5.0))
    results = {}
    try:
        for attack in (*CPU, *SLEEP, *MEMORY_USE):
            problem = patient if attack in MEMORY_USE else problem_of(attack)
            result = grader.grade(problem, attack.source)
            if result.status is not attack.statuses[0]:
                results[attack.name] = (result.status, result.explanation)
    finally:
        grader.close()
    assert results == {}


def test_no_trace_of_a_program_reaches_the_next(isolation: Isolation) -> None:
    """After a program that changes its folders or leaves processes, the next one in line finds nothing of it."""
    grader = ProgramGrader(lambda: Sandbox(isolation))
    found = {}
    try:
        for attack in TRACES:
            # A refused attempt is as good as a successful one without a trace.
            grader.grade(SCRIPT, attack.source)
            result = grader.grade(SCRIPT, CANARY)
            if result.status is not ProgramStatus.PASSED:
                found[attack.name] = result.explanation
    finally:
        grader.close()
    assert found == {}


@pytest.mark.parametrize("count", [0, OPEN_FILES])
def test_program_holds_three_descriptors_however_many_are_open(isolation: Isolation, count: int) -> None:
    """With 1,000 files open in this process, a program has the descriptors 0, 1 and 2, in every mode of running."""
    source = "import os\nopen_ = [fd for fd in range(70000) if os.path.exists(f'/proc/self/fd/{fd}')]\n"
    with open_files(count):
        sandbox = Sandbox(isolation)
        try:
            sandbox.load([SourceFile("s.py", f"{source}print(open_)")], limits=Limits())
            assert sandbox.start("script", b"", limits=Limits()).finish().output == b"[0, 1, 2]\n"
            function = f"{source}def f():\n    return open_"
            sandbox.load([SourceFile("f.py", function)], limits=Limits())
            report = sandbox.start("function", b"", limits=Limits(), target=("", "f")).finish()
            assert report.result == b"[0, 1, 2, 3]"
        finally:
            sandbox.close()


def test_report_with_another_ticket_ends_the_sandbox(isolation: Isolation, monkeypatch: pytest.MonkeyPatch) -> None:
    """A report that does not carry the ticket of its run is no result: the program is graded in a new sandbox."""
    receive = ipc.receive
    forged: list[dict[str, object]] = []

    def receive_forged(channel: socket.socket) -> tuple[dict[str, object], list[int]]:
        message, fds = receive(channel)
        if message.get("stopped") == "" and len(forged) == 1:
            message["ticket"] = "0" * 32
        if "stopped" in message:
            forged.append(message)
        return message, fds

    monkeypatch.setattr(ipc, "receive", receive_forged)
    started = []

    def open_sandbox() -> Sandbox:
        started.append(Sandbox(isolation))
        return started[-1]

    grader = ProgramGrader(open_sandbox)
    try:
        assert grader.grade(SCRIPT, "print('held')").status is ProgramStatus.PASSED
        assert len(started) == 2
    finally:
        grader.close()


def test_last_words_on_stderr_are_kept(isolation: Isolation) -> None:
    """What a program wrote to stderr before it failed is in the explanation, without a line end and without a flush."""
    grader = ProgramGrader(lambda: Sandbox(isolation))
    try:
        result = grader.grade(SCRIPT, "import sys\nsys.stderr.write('no bridge at 17')\nsys.exit(4)")
        assert (result.status, result.explanation) == (ProgramStatus.RUNTIME_ERROR, "no bridge at 17")
        hard = grader.grade(SCRIPT, "import os, sys\nprint('ends at 18', file=sys.stderr)\nos._exit(4)")
        assert hard.explanation == "ends at 18"
    finally:
        grader.close()
