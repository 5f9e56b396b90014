"""Judges one program at a time: gives it its cases in a sandbox and forms the verdict here, outside.

What a case expects never enters the sandbox of the program. A judge belongs to one thread.
"""

from __future__ import annotations

import dataclasses
import socket
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

from pytest_modeleval.graders.code.comparison import (
    close_output,
    close_value,
    read_value,
    same_output,
    same_value,
    shown,
)
from pytest_modeleval.graders.code.failure import failure_of, is_clearly_late, is_late
from pytest_modeleval.graders.code.problem import (
    Case,
    Problem,
    ProgramGraderError,
    ProgramResult,
    ProgramStatus,
    ResourceUsage,
)
from pytest_modeleval.sandbox import Limits, RunReport, Sandbox, SandboxError, SourceFile

Failure = tuple[ProgramStatus, str, bool]
OpenSandbox = Callable[[], Sandbox]
Turn = Callable[[], AbstractContextManager[None]]

_SYNTAX, _CHECK_FAILED, _CANDIDATE_RAISED, _CANDIDATE_GONE, _CHECK_BROKEN = 3, 11, 12, 13, 14
# While other programs run, CPU time itself grows (shared caches, hyperthreads): a program is late beyond doubt only
# beyond this many times its limit, and between the two it is run again alone.
_RETRY_FACTOR = 2.0
_REPLACE_AFTER_RUNS = 2000
_CHECK_LIMITS = Limits(cpu_s=30.0, wall_s=120.0, is_blocking_counted=False)


class ProgramGrader:
    """A judge with sandboxes of its own.

    open_sandbox: starts one. shared, alone: context managers that a run is held in; `alone` has no other run beside
    it. Raises ProgramGraderError where no verdict can be given.
    """

    def __init__(self, open_sandbox: OpenSandbox, *, shared: Turn = nullcontext, alone: Turn = nullcontext) -> None:
        self._open = open_sandbox
        self._shared = shared
        self._alone = alone
        self._slots: dict[str, _SandboxSlot] = {}

    def grade(self, problem: Problem, source: str, *, runs_all: bool = False) -> ProgramResult:
        """The verdict on a program. runs_all: go on after the first failed case."""
        for attempt in (1, 2):
            try:
                return self._grade(problem, source, runs_all=runs_all)
            except SandboxError as error:
                # Another process of the machine may have ended it; a second time it is no accident.
                self.close()
                if attempt == 2:
                    raise ProgramGraderError(f"the judge's sandbox failed twice on one program: {error}") from error
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
        compiled = slot.load((*problem.prelude, SourceFile("solution.py", source)), problem.limits)
        if compiled is not None:
            return _result(ResourceUsage(), tests, compiled)
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
        given = case.given.encode("utf-8", "surrogatepass")

        def run(limits: Limits) -> RunReport:
            target = (problem.class_name, problem.function)
            return slot.ready().start(mode, given, limits=limits, target=target).finish()

        report = self._run_timed(run, problem.limits, usage)
        failure = failure_of(report, problem.limits)
        if failure is not None:
            return (*failure, False)
        return _compare_value(report, case) if problem.function else _compare_output(report, case)

    def _run_check(self, problem: Problem, usage: ResourceUsage) -> Failure | None:
        program, tests = self._slot("program"), self._slot("check")
        broken = tests.load(problem.check, _CHECK_LIMITS)
        if broken is not None:
            raise ProgramGraderError(f"the benchmark's own tests do not compile: {broken[1]}")
        checked: list[RunReport] = []

        def run(limits: Limits) -> RunReport:
            ours, theirs = socket.socketpair()
            limits = dataclasses.replace(limits, is_blocking_counted=False)
            with ours, theirs:
                called = program.ready().start(
                    "calls",
                    b"",
                    limits=limits,
                    link=theirs.fileno(),
                    target=(problem.class_name, problem.function),
                )
                try:
                    running = tests.ready().start(
                        "check", b"", limits=_CHECK_LIMITS, link=ours.fileno(), names=problem.names
                    )
                except SandboxError:
                    self.close()
                    raise
            try:
                checked[:] = [running.finish()]
            finally:
                report = called.finish()
            return report

        report = self._run_timed(run, problem.limits, usage)
        check = checked[0]
        if check.exit_code == _CHECK_BROKEN or check.stopped in ("memory", "files") or check.exit_code < 0:
            raise ProgramGraderError(
                f"the benchmark's own tests fail by themselves: {check.error[-300:] or check.exit_code}"
            )
        failure = failure_of(report, problem.limits)
        if failure is not None:
            return (*failure, False)
        last_line = check.error.strip().rpartition("\n")[2][:300]
        if check.stopped:
            return ProgramStatus.TIME_LIMIT, "its tests did not end in time", False
        if check.exit_code == _CANDIDATE_RAISED:
            return ProgramStatus.RUNTIME_ERROR, report.error.strip().rpartition("\n")[2][:300] or last_line, False
        if check.exit_code == _CANDIDATE_GONE:
            return ProgramStatus.RUNTIME_ERROR, "ended before it returned a value", False
        if check.exit_code != 0:
            return ProgramStatus.WRONG_ANSWER, last_line or "an assertion of the tests failed", False
        return None

    def _run_timed(self, run: Callable[[Limits], RunReport], limits: Limits, usage: ResourceUsage) -> RunReport:
        """Run once beside others; if it is late, and not beyond doubt, once more alone, and that counts."""
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
    """A sandbox that is replaced when it is used up, with the program that it is to hold."""

    def __init__(self, open_sandbox: OpenSandbox) -> None:
        self._open = open_sandbox
        self._sandbox: Sandbox | None = None
        self._units: tuple[SourceFile, ...] = ()
        self._limits = Limits()

    def load(self, sources: Sequence[SourceFile], limits: Limits) -> Failure | None:
        """Compile a program; why it does not compile, None if it does."""
        self._units, self._limits = tuple(sources), limits
        report = self._loaded()
        if report.exit_code == _SYNTAX:
            return ProgramStatus.COMPILE_ERROR, report.error.strip().rpartition("\n")[2][:300], False
        failure = failure_of(report, limits)
        if failure is not None:
            # A source that makes the compiler itself run out of time, memory or stack.
            return ProgramStatus.COMPILE_ERROR, f"the compiler {failure[1]}", False
        return None

    def ready(self) -> Sandbox:
        """The sandbox with the program loaded; a fresh one if the last run left traces."""
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
        return self._sandbox.load(self._units, limits=self._limits)


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
    return ProgramStatus.WRONG_ANSWER, explanation, close_output(found, case.expected)


def _compare_value(report: RunReport, case: Case) -> Failure | None:
    if not report.result:
        return ProgramStatus.RUNTIME_ERROR, "ended before it returned a value", False
    try:
        expected = read_value(case.expected.encode())
    except ValueError as error:
        raise ProgramGraderError(f"an expected value is no JSON: {shown(case.expected)}") from error
    try:
        found = read_value(report.result)
    except ValueError:
        return ProgramStatus.WRONG_ANSWER, f"returned {shown(report.result.decode(errors='replace'))}", False
    if same_value(found, expected):
        return None
    explanation = f"expected {shown(case.expected)}, found {shown(report.result.decode(errors='replace'))}"
    return ProgramStatus.WRONG_ANSWER, explanation, close_value(found, expected)


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
