"""The program grader: right programs pass in any style of reading and writing, cheats fail, each failure has a kind."""

from __future__ import annotations

import dataclasses
import importlib.util
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError

import pytest

from pytest_modeleval.graders.code.grader_pool import GraderPool, SharedOrExclusive, default_workers
from pytest_modeleval.graders.code.prelude import CONTEST_PRELUDE
from pytest_modeleval.graders.code.problem import Case, Problem, ProgramGraderError, ProgramResult, ProgramStatus
from pytest_modeleval.sandbox import Limits, SandboxUnavailable, SourceFile
from tests.support.code_programs import CHEATS_FUNCTION, CHEATS_STDIN, FUNCTION, STDIN

LIMITS = Limits(cpu_s=2.0, wall_s=30.0, memory_bytes=512 * 2**20, output_bytes=4 * 2**20)
SUMS = Problem(
    limits=LIMITS,
    prelude=CONTEST_PRELUDE,
    cases=lambda: (Case("2\n3 4\n5\n", "12\n"), Case("3\n1\n\n-7 100\n", "94"), Case("1\n0\n", "0")),
)
PAIRS = Problem(
    limits=LIMITS,
    prelude=CONTEST_PRELUDE,
    function="pairs",
    class_name="Solution",
    cases=lambda: (Case("[2, 1, 3]", "[[2, 4], [1, 1], [3, 9]]"), Case("[5]", "[[5, 25]]"), Case("[]", "[]")),
)


@pytest.fixture(scope="module")
def pool() -> Iterator[GraderPool]:
    """Two workers, as on a small machine."""
    pool = GraderPool(2)
    try:
        pool.isolation()
    except SandboxUnavailable as error:
        pool.close()
        pytest.skip(str(error))
    yield pool
    pool.close()


def graded(pool: GraderPool, problem: Problem, source: str) -> ProgramResult:
    """The result of one program."""
    return pool.submit(problem, source).result(timeout=120)


def _needs_numpy() -> None:
    # Looked for and not imported: it cannot be imported twice, and pytester forgets modules that a test loaded.
    if importlib.util.find_spec("numpy") is None:
        pytest.skip("numpy is not installed")


@pytest.mark.parametrize("style", STDIN)
def test_right_program_passes_in_every_style_of_reading_and_writing(pool: GraderPool, style: str) -> None:
    """A right program passes, however it reads standard input and writes standard output."""
    if style == "numpy":
        _needs_numpy()
    result = graded(pool, SUMS, STDIN[style])
    assert result.status is ProgramStatus.PASSED, result.explanation
    assert result.passed == result.tests == 3


@pytest.mark.parametrize("style", FUNCTION)
def test_right_function_passes_in_every_style(pool: GraderPool, style: str) -> None:
    """A method that returns the right value passes, whatever classes the value has and whatever state it keeps."""
    if style == "numpy_integers":
        _needs_numpy()
    result = graded(pool, PAIRS, FUNCTION[style])
    assert result.status is ProgramStatus.PASSED, result.explanation


@pytest.mark.parametrize("cheat", CHEATS_FUNCTION)
def test_cheating_function_fails(pool: GraderPool, cheat: str) -> None:
    """A function that tries to compare equal, or to find the expected value, does not pass."""
    assert graded(pool, PAIRS, CHEATS_FUNCTION[cheat]).status is not ProgramStatus.PASSED


@pytest.mark.parametrize("cheat", CHEATS_STDIN)
def test_cheating_program_fails(pool: GraderPool, cheat: str) -> None:
    """A program that prints anything but the answer does not pass."""
    assert graded(pool, SUMS, CHEATS_STDIN[cheat]).status is not ProgramStatus.PASSED


KINDS = {
    ProgramStatus.COMPILE_ERROR: "def f(:",
    ProgramStatus.WRONG_ANSWER: "print(1)",
    ProgramStatus.RUNTIME_ERROR: "print(1 // 0)",
    ProgramStatus.TIME_LIMIT: "while True: pass",
    ProgramStatus.MEMORY_LIMIT: "x = [b'x' * 2**20 for _ in range(10**6)]",
    ProgramStatus.OUTPUT_LIMIT: "while True: print('x' * 2**16)",
}


@pytest.mark.parametrize("status", KINDS)
def test_each_failure_has_a_status_of_its_own(pool: GraderPool, status: ProgramStatus) -> None:
    """Each way to fail has its own status, and an explanation that names the test."""
    problem = dataclasses.replace(SUMS, limits=dataclasses.replace(LIMITS, cpu_s=1.5))
    result = graded(pool, problem, KINDS[status])
    assert result.status is status, result.explanation
    assert status is ProgramStatus.COMPILE_ERROR or result.explanation.startswith("test 1 of 3: ")


def test_the_kernel_holds_a_program_to_a_far_higher_cpu_limit(pool: GraderPool) -> None:
    """The kernel counts ticks, among busy processes too many; it killed programs within their time."""
    source = "import resource\nprint(*(limit >= 4 for limit in resource.getrlimit(resource.RLIMIT_CPU)))"
    problem = Problem(limits=dataclasses.replace(LIMITS, cpu_s=1.5), cases=lambda: (Case("", "True True"),))
    assert graded(pool, problem, source).status is ProgramStatus.PASSED


def test_grading_stops_at_the_first_failed_test_by_default(pool: GraderPool) -> None:
    """The first failure ends it; with runs_all every test runs and counts."""
    source = "n = int(input())\nprint(94 if n == 3 else 0)"
    first = graded(pool, SUMS, source)
    every = pool.submit(SUMS, source, runs_all=True).result(timeout=60)
    assert (first.passed, first.failed) == (0, 0)
    assert (every.passed, every.failed, every.status) == (2, 0, ProgramStatus.WRONG_ANSWER)


def unreadable() -> tuple[Case, ...]:
    """Tests that cannot be decoded."""
    raise ValueError("not base64")


@pytest.mark.parametrize(
    "problem",
    [
        pytest.param(dataclasses.replace(SUMS, cases=tuple), id="no_tests"),
        pytest.param(dataclasses.replace(SUMS, cases=unreadable), id="unreadable_tests"),
        pytest.param(dataclasses.replace(PAIRS, cases=lambda: (Case("[1]", "no JSON"),)), id="unreadable_answer"),
        pytest.param(Problem(limits=LIMITS, function="f", check=(SourceFile("t", "def f(:"),)), id="check_no_python"),
        pytest.param(
            Problem(
                limits=LIMITS, function="f", check=(SourceFile("t", "import nothing_of_that_name"), SourceFile("c", ""))
            ),
            id="check_cannot_start",
        ),
    ],
)
def test_a_failure_of_the_grader_is_no_result(pool: GraderPool, problem: Problem) -> None:
    """Without tests, or with tests that cannot be read or run, grading raises, whatever the program."""
    with pytest.raises(ProgramGraderError):
        graded(pool, problem, FUNCTION["list_of_lists"] + "\ndef f(): pass")


def test_check_meets_plain_values_only(pool: GraderPool) -> None:
    """Tests that call the program receive what it returned as plain values of the same types."""
    check = (
        "assert f(1) == (1, [2], {3: 'x'}, {4}, 1.5, None, True, b'y', 2**70)\n"
        "try:\n    f(0)\nexcept ValueError:\n    pass\nelse:\n    raise AssertionError\n"
    )
    problem = Problem(limits=LIMITS, function="f", check=(SourceFile("check.py", check),), names=("f",))
    start = "def f(n):\n    if not n:\n        raise ValueError\n    return "
    right = start + "(1, [2], {3: 'x'}, {4}, 1.5, None, True, b'y', 2**70)"
    wrong = right.replace("(1, [2]", "[1, [2]").replace("2**70)", "2**70]")
    cheat = "class E:\n    def __eq__(self, o):\n        return True\n" + start + "E()"
    gone = "import os\ndef f(n):\n    os._exit(0)"
    never = "def f(n):\n    while True: pass"
    found = [graded(pool, problem, source).status for source in (right, wrong, cheat, gone, never)]
    assert found == ["passed", "wrong_answer", "wrong_answer", "runtime_error", "time_limit"]


def test_near_misses_are_marked_and_stay_wrong(pool: GraderPool) -> None:
    """A number that differs by rounding is wrong, as upstream defines it, and is marked so that it can be counted."""
    problem = dataclasses.replace(SUMS, cases=lambda: (Case("", "0.333333333333\n"),))
    near, far = graded(pool, problem, "print(0.3333333)"), graded(pool, problem, "print(0.33)")
    assert (near.status, near.is_close) == (ProgramStatus.WRONG_ANSWER, True)
    assert (far.status, far.is_close) == (ProgramStatus.WRONG_ANSWER, False)


def test_same_program_gets_same_verdict_every_time(pool: GraderPool) -> None:
    """The order of a set of strings is the same in every run: hashes have a fixed seed."""
    problem = dataclasses.replace(SUMS, cases=lambda: (Case("", "0"),))
    source = "print(list({str(n) for n in range(50)}), hash('x'))"
    assert len({graded(pool, problem, source).explanation for _ in range(4)}) == 1


def test_closed_pool_takes_no_more_and_cancels_what_waits() -> None:
    """After close nothing runs, waiting programs are cancelled, and a second close is harmless."""
    pool = GraderPool(1)
    slow = "import time\ntime.sleep(0.2)\nprint(12)"
    waiting = [pool.submit(SUMS, slow) for _ in range(6)]
    pool.close()
    pool.close()
    assert all(future.done() for future in waiting)
    with pytest.raises(CancelledError):
        waiting[-1].result()
    with pytest.raises(ProgramGraderError):
        pool.submit(SUMS, slow)


def test_run_alone_has_no_other_beside_it() -> None:
    """An exclusive run overlaps no other run, and shared runs all happen."""
    gate = SharedOrExclusive()
    lock, beside, most_beside_alone, peak = threading.Lock(), [0], [0], [0]

    def work(number: int) -> None:
        for turn in range(50):
            if (turn + number) % 10 == 0:
                with gate.alone():
                    most_beside_alone[0] = max(most_beside_alone[0], beside[0])
            else:
                with gate.shared():
                    with lock:
                        beside[0] += 1
                        peak[0] = max(peak[0], beside[0])
                    with lock:
                        beside[0] -= 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads)
    assert most_beside_alone[0] == 0
    assert peak[0] >= 1


def test_cores_are_divided_between_the_workers_of_xdist(monkeypatch: pytest.MonkeyPatch) -> None:
    """All xdist workers of one machine together grade about as many programs at once as there are cores."""
    monkeypatch.delenv("PYTEST_XDIST_WORKER_COUNT", raising=False)
    alone = default_workers()
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", str(alone))
    assert default_workers() == 1


def test_without_isolation_nothing_runs_unless_the_user_allows_it() -> None:
    """Where no sandbox can be built the pool refuses and names what to enable; an explicit option allows it."""
    refusing = GraderPool(1, isolations=())
    allowed = GraderPool(1, packages=(), isolations=(), allows_no_sandbox=True)
    brief = dataclasses.replace(SUMS, limits=dataclasses.replace(LIMITS, cpu_s=0.5))
    try:
        with pytest.raises(SandboxUnavailable, match=r"none can be built here.*--eval-unsafe-code"):
            graded(refusing, SUMS, STDIN["input"])
        assert graded(allowed, SUMS, STDIN["input"]).status is ProgramStatus.PASSED
        assert graded(allowed, brief, "while True: pass").status is ProgramStatus.TIME_LIMIT
        assert allowed.isolation() == "none"
    finally:
        refusing.close()
        allowed.close()


# Names of contests without an import, next to unchanged builtins, which a program may replace.
GIVEN = """
import builtins
assert pow(2, 5, 7) == 4 and open is builtins.open
assert math.gcd(6, 4) == 2 and heapq.heappop([1]) == 1 and Counter("aa")["a"] == 2
def inner() -> List[int]:
    return reduce(lambda one, other: one + other, [1, 2])
assert inner() == 3
builtins.input = lambda: stdin.readline()
stdout.write(str(sum(sum(map(int, input().split())) for _ in range(int(input())))))
"""


def test_names_of_contests_are_given_where_the_problem_says_so(pool: GraderPool) -> None:
    """With the prelude they exist in functions too; without it a program that forgot an import fails."""
    assert graded(pool, SUMS, GIVEN).status is ProgramStatus.PASSED
    bare = dataclasses.replace(SUMS, prelude=())
    for program in ("math", "Counter", "stdin", "List"):
        result = graded(pool, bare, program)
        assert (result.status, "NameError" in result.explanation) == (ProgramStatus.RUNTIME_ERROR, True)
    assert graded(pool, bare, f"import math\n{STDIN['input']}").status is ProgramStatus.PASSED
