"""A pool of program graders: one thread per core, each with its own sandboxes, independent of the requests."""

from __future__ import annotations

import os
import queue
import threading
import weakref
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field

from pytest_modeleval.graders.code.problem import Problem, ProgramGraderError, ProgramResult
from pytest_modeleval.graders.code.program_grader import ProgramGrader
from pytest_modeleval.sandbox import (
    Isolation,
    Limits,
    Sandbox,
    SandboxError,
    SandboxUnavailable,
    SourceFile,
    advice,
    detect_isolation,
)

_IDLE_S = 10.0
_PROBE = """
import threading
found = []
thread = threading.Thread(target=lambda: found.append(input()))
thread.start()
thread.join()
print(found[0])
"""


@dataclass(frozen=True, slots=True)
class _Job:
    problem: Problem
    source: str
    runs_all: bool
    future: Future[ProgramResult]


class GraderPool:
    """Grades programs in several sandboxes at once. Safe to use from any thread.

    workers: programs graded at one time; by default the cores this process may use, divided by the number of xdist
    workers. packages: names of packages of this environment that programs may import. isolations: the kinds to try,
    best first; by default those that this machine may have. allows_no_sandbox: run programs without a sandbox where
    none can be built; only the user may decide that. Sandboxes start with the first program and end when idle.
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        packages: Sequence[str] = ("numpy",),
        isolations: Sequence[Isolation] | None = None,
        allows_no_sandbox: bool = False,
    ) -> None:
        self.workers = workers or default_workers()
        candidates = detect_isolation() if isolations is None else tuple(isolations)
        if allows_no_sandbox:
            candidates = (*candidates, Isolation.NONE)
        self._state = _State(tuple(packages), candidates)
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        # A last resort at the end of the interpreter; close() is the regular way.
        self._end = weakref.finalize(self, self._state.stop)

    def submit(self, problem: Problem, source: str, *, runs_all: bool = False) -> Future[ProgramResult]:
        """Grade a program. The future raises ProgramGraderError or SandboxUnavailable where there is no result."""
        future: Future[ProgramResult] = Future()
        with self._lock:
            if not self._end.alive:
                raise ProgramGraderError("this pool of graders is closed")
            self._state.jobs.put(_Job(problem, source, runs_all, future))
            if len(self._threads) < self.workers:
                thread = threading.Thread(target=_work, args=(self._state,), name="modeleval-grader", daemon=True)
                self._threads.append(thread)
                thread.start()
        return future

    def isolation(self) -> Isolation:
        """How programs are isolated here. Raises SandboxUnavailable, with what to enable."""
        return self._state.choose_isolation()

    def close(self) -> None:
        """End all sandboxes. Waiting programs are cancelled; running ones finish."""
        with self._lock:
            self._end()
            threads, self._threads = self._threads, []
        for thread in threads:
            thread.join()


class SharedOrExclusive:
    """A lock for runs that may overlap each other and runs that must be alone."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._running = 0
        self._waiting_alone = 0

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Hold the lock together with other shared runs."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting_alone == 0)
            self._running += 1
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the lock exclusively; new shared runs wait."""
        with self._changed:
            self._waiting_alone += 1
            self._changed.wait_for(lambda: self._running == 0)
            # Counted as running, so that a second exclusive run waits.
            self._running += 1
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._waiting_alone -= 1
                self._changed.notify_all()


@dataclass(slots=True)
class _State:
    """What the threads share. It does not refer to the pool, so that an abandoned pool can end them."""

    packages: tuple[str, ...]
    candidates: tuple[Isolation, ...]
    jobs: queue.Queue[_Job | None] = field(default_factory=queue.Queue)
    gate: SharedOrExclusive = field(default_factory=SharedOrExclusive)
    is_stopped: threading.Event = field(default_factory=threading.Event)
    chosen: Isolation | None = None
    refusal: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def stop(self) -> None:
        self.is_stopped.set()
        while True:
            try:
                job = self.jobs.get_nowait()
            except queue.Empty:
                break
            if job is not None:
                job.future.cancel()
        # Each thread that reads the end mark puts it back for the next one.
        self.jobs.put(None)

    def open(self) -> Sandbox:
        return Sandbox(self.choose_isolation(), packages=self.packages)

    def choose_isolation(self) -> Isolation:
        """The first candidate in which a harmless program of ours runs; tried once."""
        with self.lock:
            if self.chosen is None and not self.refusal:
                self._detect()
        if self.chosen is None:
            raise SandboxUnavailable(self.refusal)
        return self.chosen

    def _detect(self) -> None:
        refusals = []
        for isolation in self.candidates:
            try:
                _probe(isolation)
            except SandboxUnavailable as error:
                refusals.append(error.reason)
                continue
            except SandboxError as error:
                refusals.append(str(error))
                continue
            self.chosen = isolation
            return
        self.refusal = (
            "expected a sandbox for the programs that the model writes, found that none can be built here: "
            f"{'; '.join(refusals) or 'no kind of isolation to try'}. {advice(Isolation.NAMESPACES)}. Or deselect the "
            "benchmarks that run code (-k), or accept the danger with --eval-unsafe-code (docs/sandbox.md)"
        )


def default_workers() -> int:
    """Cores that this process may use, divided by the number of pytest-xdist workers."""
    workers = os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")
    return max(1, len(os.sched_getaffinity(0)) // max(1, int(workers) if workers.isdigit() else 1))


def _probe(isolation: Isolation) -> None:
    """Run a harmless program that needs what contest programs need, under the limits of a graded one."""
    sandbox = Sandbox(isolation)
    try:
        limits = Limits()
        sandbox.load([SourceFile("probe.py", _PROBE)], limits=limits)
        report = sandbox.start("script", b"sound\n", limits=limits).finish()
        if report.output != b"sound\n":
            text = report.error.strip().rpartition("\n")[2] or f"exit code {report.exit_code}"
            raise SandboxUnavailable(f"{isolation} sandbox starts, but a harmless program fails in it: {text}")
    finally:
        sandbox.close()


def _work(state: _State) -> None:
    """The body of a grader's thread."""
    grader = ProgramGrader(state.open, shared=state.gate.shared, alone=state.gate.alone)
    try:
        while not state.is_stopped.is_set():
            try:
                job = state.jobs.get(timeout=_IDLE_S)
            except queue.Empty:
                grader.close()
                continue
            if job is None:
                state.jobs.put(None)
                return
            if not job.future.set_running_or_notify_cancel():
                continue
            try:
                job.future.set_result(grader.grade(job.problem, job.source, runs_all=job.runs_all))
            except BaseException as error:  # noqa: BLE001 - the waiting caller raises it
                job.future.set_exception(error)
    finally:
        grader.close()
