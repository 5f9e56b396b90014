"""Judges on all cores, ahead of the tests: threads that each own their sandboxes, whatever the requests do."""

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
    """Judges programs in several sandboxes at once. Safe to use from any thread.

    judges: how many at once; by default the cores this process may use, divided by the number of xdist workers.
    packages: importable packages of ours that programs may import. accepts_no_walls: run programs without a sandbox
    where none can be built; only the user may say so. Sandboxes start with the first program and end when idle.
    """

    def __init__(
        self, workers: int | None = None, *, packages: Sequence[str] = ("numpy",), allows_no_sandbox: bool = False
    ) -> None:
        self.workers = workers or default_workers()
        self._state = _State(tuple(packages), allows_no_sandbox)
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        # The last resort at the end of the interpreter; close() is the ordinary way.
        self._end = weakref.finalize(self, self._state.stop)

    def submit(self, problem: Problem, source: str, *, runs_all: bool = False) -> Future[ProgramResult]:
        """Judge a program; the future raises ProgramGraderError or SandboxUnavailable where no verdict can be given."""
        future: Future[ProgramResult] = Future()
        with self._lock:
            if not self._end.alive:
                raise ProgramGraderError("this pool of judges is closed")
            self._state.jobs.put(_Job(problem, source, runs_all, future))
            if len(self._threads) < self.workers:
                thread = threading.Thread(target=_work, args=(self._state,), name="modeleval-judge", daemon=True)
                self._threads.append(thread)
                thread.start()
        return future

    def isolation(self) -> Isolation:
        """What surrounds programs here. Raises SandboxUnavailable, with what to enable, before anything is run."""
        return self._state.choose_isolation()

    def close(self) -> None:
        """End all sandboxes. Programs that wait are cancelled; those under way are let end."""
        with self._lock:
            self._end()
            threads, self._threads = self._threads, []
        for thread in threads:
            thread.join()


class SharedOrExclusive:
    """Lets runs go beside one another, or one alone."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._beside = 0
        self._wanting_alone = 0

    @contextmanager
    def shared(self) -> Iterator[None]:
        """A run beside others."""
        with self._changed:
            self._changed.wait_for(lambda: self._wanting_alone == 0)
            self._beside += 1
        try:
            yield
        finally:
            with self._changed:
                self._beside -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """A run with no other beside it; new ones wait for it."""
        with self._changed:
            self._wanting_alone += 1
            self._changed.wait_for(lambda: self._beside == 0)
            # Taken as one of those beside, so that a second one that wants to be alone waits.
            self._beside += 1
        try:
            yield
        finally:
            with self._changed:
                self._beside -= 1
                self._wanting_alone -= 1
                self._changed.notify_all()


@dataclass(slots=True)
class _State:
    """What the threads share; it does not refer to the pool, so that a forgotten pool can end them."""

    packages: tuple[str, ...]
    allows_no_sandbox: bool
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
        # One reminder is handed on from thread to thread.
        self.jobs.put(None)

    def open(self) -> Sandbox:
        return Sandbox(self.choose_isolation(), packages=self.packages)

    def choose_isolation(self) -> Isolation:
        """Try what is there, best first, with a program of our own; remember what held."""
        with self.lock:
            if self.chosen is None and not self.refusal:
                self._detect()
        if self.chosen is None:
            raise SandboxUnavailable(self.refusal)
        return self.chosen

    def _detect(self) -> None:
        refusals = []
        for isolation in (*detect_isolation(), *((Isolation.NONE,) if self.allows_no_sandbox else ())):
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
            f"{'; '.join(refusals)}. {advice(Isolation.NAMESPACES)}. Or deselect what runs code (-k), or accept the "
            "danger with --eval-unsafe-code (docs/sandbox.md)"
        )


def default_workers() -> int:
    """Cores that this process may use, shared with the other workers of pytest-xdist."""
    workers = os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")
    return max(1, len(os.sched_getaffinity(0)) // max(1, int(workers) if workers.isdigit() else 1))


def _probe(isolation: Isolation) -> None:
    """Run a harmless program that needs what contests need, under the limits of a judged one."""
    sandbox = Sandbox(isolation)
    try:
        limits = Limits()
        sandbox.load([SourceFile("probe.py", _PROBE)], limits=limits)
        report = sandbox.start("script", b"sound\n", limits=limits).finish()
        if report.output != b"sound\n":
            said = report.error.strip().rpartition("\n")[2] or f"exit code {report.exit_code}"
            raise SandboxUnavailable(f"{isolation} sandbox starts, but a harmless program fails in it: {said}")
    finally:
        sandbox.close()


def _work(state: _State) -> None:
    """A judge's life."""
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
            except BaseException as error:  # noqa: BLE001 - whoever waits for the verdict gets it
                job.future.set_exception(error)
    finally:
        grader.close()
