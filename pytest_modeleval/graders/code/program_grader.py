"""Grades one program at a time: runs it on its cases in a sandbox and forms the result here, outside.

What a case expects never enters the program's sandbox. A ProgramGrader belongs to one thread.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import socket
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

from pytest_modeleval.graders.code.failure import Failure, failure_of, is_clearly_late, is_late, last_line
from pytest_modeleval.graders.code.output_comparison import (
    close_output,
    close_value,
    may_be_same_value,
    read_value,
    same_output,
    same_value,
    shown,
)
from pytest_modeleval.graders.code.problem import (
    Case,
    Problem,
    ProgramGraderError,
    ProgramResult,
    ProgramStatus,
    ResourceUsage,
)
from pytest_modeleval.sandbox import Limits, Link, RunReport, Sandbox, SandboxError, SourceFile, exit_codes

OpenSandbox = Callable[[], Sandbox]
Turn = Callable[[], AbstractContextManager[None]]

# While other programs run, CPU time itself grows (shared caches, hyperthreads): a program is late beyond doubt only
# beyond this many times its limit; between one and two limits it runs again alone.
_RETRY_FACTOR = 2.0
_REPLACE_AFTER_RUNS = 2000
_CHECK_LIMITS = Limits(cpu_s=30.0, wall_s=120.0, is_blocking_counted=False)


class ProgramGrader:
    """Grades programs in sandboxes of its own.

    open_sandbox: starts one. shared, alone: context managers around a run; `alone` has no other run at the same time.
    """

    def __init__(self, open_sandbox: OpenSandbox, *, shared: Turn = nullcontext, alone: Turn = nullcontext) -> None:
        self._open = open_sandbox
        self._shared = shared
        self._alone = alone
        self._slots: dict[str, _SandboxSlot] = {}

    def grade(self, problem: Problem, source: str, *, runs_all: bool = False) -> ProgramResult:
        """Grade a program. runs_all: continue after the first failed case. Raises ProgramGraderError."""
        for attempt in (1, 2):
            try:
                return self._grade(problem, source, runs_all=runs_all)
            except SandboxError as error:
                # Another process of the machine may have ended it; a second time it is no accident.
                self.close()
                if attempt == 2:
                    raise ProgramGraderError(f"the grader's sandbox failed twice on one program: {error}") from error
        raise AssertionError

    def close(self) -> None:
        """End the sandboxes; a later program starts new ones."""
        for slot in self._slots.values():
            slot.close()
        self._slots.clear()

    def _grade(self, problem: Problem, source: str, *, runs_all: bool) -> ProgramResult:
        cases = () if problem.check else _cases(problem)
        tests = 1 if problem.check else len(cases)
        slot = self._slot("program")
        failure = slot.load((*problem.prelude, SourceFile("solution.py", source)), problem.limits)
        if failure is not None:
            return _result(ResourceUsage(), tests, failure)
        usage, first = ResourceUsage(), None
        for number in range(tests):
            failure = (
                self._run_check(problem, usage)
                if problem.check
                else self._run_case(problem, cases[number], usage, slot)
            )
            if failure is None:
                usage.passed += 1
                continue
            usage.failures.append(number)
            first = first or failure
            if not runs_all:
                break
        return _result(usage, tests, first)

    def _run_case(self, problem: Problem, case: Case, usage: ResourceUsage, slot: _SandboxSlot) -> Failure | None:
        mode = "function" if problem.function else "script"
        stdin = case.stdin.encode("utf-8", "surrogatepass")

        def run(limits: Limits) -> RunReport:
            target = (problem.class_name, problem.function)
            return slot.ready().start(mode, stdin, limits=limits, target=target).finish()

        report = self._run_timed(run, problem.limits, usage)
        failure = failure_of(report, problem.limits)
        if failure is not None:
            return failure
        return _compare_value(report, case) if problem.function else _compare_output(report, case)

    def _run_check(self, problem: Problem, usage: ResourceUsage) -> Failure | None:
        failure = self._slot("check").load(problem.check, _CHECK_LIMITS)
        if failure is not None:
            raise ProgramGraderError(f"the benchmark's own tests do not compile: {failure.explanation}")
        checked: list[tuple[RunReport, bool]] = []

        def run(limits: Limits) -> RunReport:
            both = self._run_both(problem, dataclasses.replace(limits, is_blocking_counted=False))
            checked[:] = [both[1:]]
            return both[0]

        report = self._run_timed(run, problem.limits, usage)
        return _check_failure(report, *checked[0], problem.limits)

    def _run_both(self, problem: Problem, limits: Limits) -> tuple[RunReport, RunReport, bool]:
        """Run the program and the tests that call it: their reports, and whether the tests called it at all."""
        program, tests = self._slot("program"), self._slot("check")
        ours, theirs = socket.socketpair()
        counter = os.memfd_create("calls")
        try:
            with ours, theirs:
                called = program.ready().start(
                    "calls",
                    b"",
                    limits=limits,
                    link=Link(theirs.fileno(), counter),
                    target=(problem.class_name, problem.function),
                )
                try:
                    link = Link(ours.fileno(), counter)
                    running = tests.ready().start("check", b"", limits=_CHECK_LIMITS, link=link, names=problem.names)
                except SandboxError:
                    self.close()
                    raise
            try:
                check = running.finish()
            finally:
                report = called.finish()
            return report, check, os.fstat(counter).st_size > 0
        finally:
            os.close(counter)

    def _run_timed(self, run: Callable[[Limits], RunReport], limits: Limits, usage: ResourceUsage) -> RunReport:
        """Run next to others; if the run is late, but not beyond doubt, once more alone, and that run counts."""
        relaxed = dataclasses.replace(limits, cpu_s=_RETRY_FACTOR * limits.cpu_s)
        with self._shared():
            report = run(relaxed)
        if is_late(report, limits) and not is_clearly_late(report, relaxed):
            with self._alone():
                report = run(limits)
            usage.is_retried = True
        usage.cpu_s += report.cpu_s
        usage.slowest_s = max(usage.slowest_s, report.cpu_s)
        usage.peak_bytes = max(usage.peak_bytes, report.peak_bytes)
        return report

    def _slot(self, name: str) -> _SandboxSlot:
        if name not in self._slots:
            self._slots[name] = _SandboxSlot(self._open)
        return self._slots[name]


class _SandboxSlot:
    """A sandbox that is replaced when it is used up, and the program that it holds."""

    def __init__(self, open_sandbox: OpenSandbox) -> None:
        self._open = open_sandbox
        self._sandbox: Sandbox | None = None
        self._sources: tuple[SourceFile, ...] = ()
        self._limits = Limits()

    def load(self, sources: Sequence[SourceFile], limits: Limits) -> Failure | None:
        """Compile a program; why it does not compile, None if it does."""
        self._sources, self._limits = tuple(sources), limits
        report = self._loaded()
        if report.exit_code == exit_codes.COMPILE_FAILED:
            return Failure(ProgramStatus.COMPILE_ERROR, last_line(report.error))
        failure = failure_of(report, limits)
        if failure is not None:
            # A source that makes the compiler itself run out of time, memory or stack.
            return Failure(ProgramStatus.COMPILE_ERROR, f"the compiler {failure.explanation}")
        return None

    def ready(self) -> Sandbox:
        """The sandbox with the program loaded; a new one if the last run left traces."""
        if self._sandbox is None or not self._sandbox.is_usable:
            self._loaded()
        if self._sandbox is None:
            raise SandboxError("no program is loaded")
        return self._sandbox

    def close(self) -> None:
        """End the sandbox."""
        if self._sandbox is not None:
            self._sandbox.close()
            self._sandbox = None

    def _loaded(self) -> RunReport:
        if self._sandbox is not None and (not self._sandbox.is_usable or self._sandbox.runs > _REPLACE_AFTER_RUNS):
            self.close()
        if self._sandbox is None:
            self._sandbox = self._open()
        return self._sandbox.load(self._sources, limits=self._limits)


def _cases(problem: Problem) -> Sequence[Case]:
    try:
        cases = problem.cases()
    except Exception as error:
        raise ProgramGraderError(f"the tests of the problem cannot be read: {type(error).__name__}: {error}") from error
    if not cases:
        raise ProgramGraderError("the problem has no tests, so nothing can be said of any program")
    return cases


def _compare_output(report: RunReport, case: Case) -> Failure | None:
    found = report.output.decode("utf-8", "replace")
    if same_output(found, case.expected):
        return None
    explanation = f"expected {shown(case.expected)}, found {shown(found)}"
    return Failure(ProgramStatus.WRONG_ANSWER, explanation, close_output(found, case.expected))


def _compare_value(report: RunReport, case: Case) -> Failure | None:
    if not report.result:
        return Failure(ProgramStatus.RUNTIME_ERROR, "ended before it returned a value")
    try:
        expected = read_value(case.expected.encode())
    except ValueError as error:
        raise ProgramGraderError(f"an expected value is no JSON: {shown(case.expected)}") from error
    explanation = f"expected {shown(case.expected)}, found {shown(report.result)}"
    if not may_be_same_value(report.result, case.expected):
        return Failure(ProgramStatus.WRONG_ANSWER, explanation)
    try:
        found = read_value(report.result)
    except ValueError:
        return Failure(ProgramStatus.WRONG_ANSWER, f"returned {shown(report.result)}")
    if same_value(found, expected):
        return None
    return Failure(ProgramStatus.WRONG_ANSWER, explanation, close_value(found, expected))


def _check_failure(report: RunReport, check: RunReport, is_called: bool, limits: Limits) -> Failure | None:
    """Why a program failed the benchmark's own tests. Raises where the tests, not the program, are at fault.

    Tests that fail before their first call are broken; after it they fail because of what the program returned.
    """
    is_cut_short = bool(check.stopped) or check.exit_code < 0
    if check.exit_code == exit_codes.CHECK_BROKEN or (is_cut_short and not is_called):
        text = check.error[-300:] or check.stopped or check.exit_code
        raise ProgramGraderError(f"the benchmark's own tests fail by themselves: {text}")
    return failure_of(report, limits) or _failure_in_check(report, check)


def _failure_in_check(report: RunReport, check: RunReport) -> Failure | None:
    """Why the tests of a program that itself ended well did not pass. Raises SandboxError where they were killed."""
    if check.stopped == "memory" or check.exit_code == exit_codes.CHECK_EXHAUSTED:
        return Failure(ProgramStatus.MEMORY_LIMIT, "returned a value that its tests have no memory for")
    if check.stopped:
        return Failure(ProgramStatus.TIME_LIMIT, "its tests did not end in time")
    if check.exit_code == -signal.SIGKILL:
        # No program inside can send it: the machine ran out of memory, or the sandbox was killed.
        raise SandboxError("the tests were killed from outside")
    return _CHECK_ENDS.get(check.exit_code, _failed_check)(report, check)


def _failed_check(_report: RunReport, check: RunReport) -> Failure | None:
    if check.exit_code == 0:
        return None
    return Failure(ProgramStatus.WRONG_ANSWER, last_line(check.error) or "an assertion of the tests failed")


def _raised(report: RunReport, check: RunReport) -> Failure:
    return Failure(ProgramStatus.RUNTIME_ERROR, last_line(report.error) or last_line(check.error))


def _gone(_report: RunReport, _check: RunReport) -> Failure:
    return Failure(ProgramStatus.RUNTIME_ERROR, "ended before it returned a value")


def _too_large(_report: RunReport, _check: RunReport) -> Failure:
    return Failure(ProgramStatus.OUTPUT_LIMIT, "returned more than 4 MiB")


_CHECK_ENDS: dict[int, Callable[[RunReport, RunReport], Failure | None]] = {
    exit_codes.CANDIDATE_RAISED: _raised,
    exit_codes.CANDIDATE_GONE: _gone,
    exit_codes.REPLY_TOO_LARGE: _too_large,
}


def _result(usage: ResourceUsage, tests: int, failure: Failure | None) -> ProgramResult:
    status, explanation, is_close = failure or (ProgramStatus.PASSED, "", False)
    failed = usage.failures[0] if usage.failures else None
    if failed is not None and tests > 1:
        explanation = f"test {failed + 1} of {tests}: {explanation}"
    return ProgramResult(
        status=status,
        tests=tests,
        passed=usage.passed,
        failed=failed,
        explanation=explanation,
        is_close=is_close,
        is_retried=usage.is_retried,
        cpu_s=usage.cpu_s,
        slowest_s=usage.slowest_s,
        peak_bytes=usage.peak_bytes,
    )
