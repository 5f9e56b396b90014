"""`modeleval watch`: evaluates each new whole checkpoint once, one after the other, and goes on after a crash.

Whether a checkpoint is done says its run folder: one that was killed is resumed, one that is complete is read.
watch.json holds what no run folder says: the arguments, evaluations without a result, and what TensorBoard was given.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pytest_modeleval._support.atomic_file import atomic_write_json
from pytest_modeleval._support.bounded_file import read_bounded
from pytest_modeleval._support.file_lock import HeldLock, try_file_lock
from pytest_modeleval.child_runs.order import passed_environment
from pytest_modeleval.child_runs.process import ChildRun
from pytest_modeleval.child_runs.result import EvaluatedRun
from pytest_modeleval.errors import EvaluationIncomplete, RunFolderError, SettingsError
from pytest_modeleval.runs.finished_run import FinishedRun, open_run
from pytest_modeleval.store.run_file import read_run
from pytest_modeleval.training.checkpoints import QUIET_S, Checkpoint, find_checkpoints, why_incomplete, written_ns
from pytest_modeleval.training.serving import filled
from pytest_modeleval.training.step_result import EventFile, StepResult, step_result, write_csv

STATE_FILE, LOCK_FILE, CSV_FILE = "watch.json", "watch.lock", "results.csv"
# Statuses of the command, as those of pytest.
OK, GATE_FAILED, INCOMPLETE = 0, 1, 6
_MOST_STATE_BYTES = 64_000_000
# Of an evaluation without a result; a later start of the command tries again.
_TRIES = 2


@dataclass(frozen=True, slots=True)
class WatchOrder:
    """What the command was asked for."""

    root: Path
    """The folder of the checkpoints."""

    profile: str

    runs: Path
    """The folder of the runs, one for each checkpoint."""

    arguments: Sequence[str]
    """Options of pytest."""

    templates: Sequence[str] = ()
    """--model-set with {checkpoint}, {step}, {name}; empty for a server that follows the training by itself."""

    every_s: float = 30.0
    quiet_s: float = QUIET_S
    is_once: bool = False
    event_folder: Path | None = None


@dataclass(slots=True)
class State:
    """watch.json."""

    path: Path
    arguments: list[str]
    problems: dict[str, str] = field(default_factory=dict)
    """Checkpoint -> why its last evaluation has no result."""

    logged: list[str] = field(default_factory=list)
    """Checkpoints that TensorBoard was given."""

    def save(self) -> None:
        """Write it."""
        fields = {"schema": 1, "arguments": self.arguments, "problems": self.problems, "logged": self.logged}
        atomic_write_json(self.path, fields)


def read_state(path: Path, arguments: Sequence[str]) -> State:
    """The state of an earlier watch with the same arguments. Raises SettingsError for others, or a damaged file."""
    asked = list(arguments)
    if not path.exists():
        return State(path, asked)
    try:
        found = json.loads(read_bounded(path, _MOST_STATE_BYTES))
        state = State(path, list(found["arguments"]), dict(found["problems"]), list(found["logged"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingsError(
            f"{path}: expected the state of a watch, found something else: {error}; remove it"
        ) from None
    if state.arguments != asked:
        raise SettingsError(
            f"{path.parent} was made with other arguments ({' '.join(state.arguments)} there, {' '.join(asked)} here), "
            "so its scores would not be comparable; name another folder with --runs DIR"
        )
    return state


class Watcher:
    """A watch. report: prints a line."""

    def __init__(self, order: WatchOrder, report: Callable[[str], object]) -> None:
        self._order = order
        self._report = report
        order.runs.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(order.runs / LOCK_FILE)
        self._state = read_state(order.runs / STATE_FILE, [order.profile, *order.templates, *order.arguments])
        self._state.save()
        self._events = EventFile(order.event_folder) if order.event_folder is not None else None
        self._tries: dict[str, int] = {}
        self._results: dict[str, StepResult] = {}
        self._written: dict[str, int] = {}
        self._waits: dict[str, str] = {}

    def run(self) -> int:
        """Evaluate until Ctrl-C; with is_once what is there now. The exit status."""
        try:
            while True:
                self._look()
                if self._order.is_once:
                    return self._status()
                time.sleep(self._order.every_s)
        finally:
            if self._events is not None:
                self._events.close()
            self._lock.release()

    def _look(self) -> None:
        for checkpoint in find_checkpoints(self._order.root):
            if self._is_done(checkpoint):
                continue
            problem = why_incomplete(checkpoint, quiet_s=self._order.quiet_s)
            if problem:
                if self._waits.get(checkpoint.name, "").partition(":")[0] != problem[:20]:
                    self._report(f"{checkpoint.name} is not whole yet: {problem}")
                self._waits[checkpoint.name] = problem[:20]
                continue
            self._waits.pop(checkpoint.name, None)
            self._keep(checkpoint, self._result(checkpoint))

    def _is_done(self, checkpoint: Checkpoint) -> bool:
        found = self._results.get(checkpoint.name)
        written = written_ns(checkpoint)
        if self._written.setdefault(checkpoint.name, written) != written:
            # A training that was started again has written it anew.
            self._written[checkpoint.name] = written
            self._tries.pop(checkpoint.name, None)
            return False
        return found is not None and (not found.problem or self._tries.get(checkpoint.name, 0) >= _TRIES)

    def _result(self, checkpoint: Checkpoint) -> StepResult:
        folder = self._folder(checkpoint)
        if (stored := _complete_run(folder)) is not None:
            return step_result(checkpoint.step, checkpoint.name, stored.summary, folder)
        self._tries[checkpoint.name] = self._tries.get(checkpoint.name, 0) + 1
        self._report(f"{checkpoint.name}: evaluating step {checkpoint.step}")
        try:
            return step_result(checkpoint.step, checkpoint.name, self._evaluated(checkpoint, folder), folder)
        except EvaluationIncomplete as missing:
            return StepResult(checkpoint.step, checkpoint.name, problem=str(missing), folder=missing.folder)

    def _folder(self, checkpoint: Checkpoint) -> Path:
        """The folder of the run of this checkpoint; a new one where the checkpoint was written again since."""
        for number in itertools.count(1):
            folder = self._order.runs / (checkpoint.name if number == 1 else f"{checkpoint.name}-{number}")
            run = read_run(folder)
            if run is None or (run.get("caller") or {}).get("written_ns") == self._written[checkpoint.name]:
                return folder
        raise AssertionError

    def _evaluated(self, checkpoint: Checkpoint, folder: Path) -> EvaluatedRun:
        order = self._order
        caller = {
            "program": "modeleval watch",
            "step": checkpoint.step,
            "checkpoint": str(checkpoint.path),
            "written_ns": self._written[checkpoint.name],
        }
        options = [f"--model={order.profile}", *filled(order.templates, checkpoint), f"--eval-run={folder}"]
        return ChildRun(
            ["--color=no", *options, *order.arguments],
            folder=Path.cwd(),
            environment=passed_environment(caller),
            run=folder,
            model=f"{order.profile} ({checkpoint.name})",
            progress=None,
        ).wait()

    def _keep(self, checkpoint: Checkpoint, result: StepResult) -> None:
        name = checkpoint.name
        self._results[name] = result
        self._report(f"{name}: {result.text()}")
        if result.problem:
            self._state.problems[name] = result.problem
        else:
            self._state.problems.pop(name, None)
        if self._events is not None and name not in self._state.logged and not result.problem:
            self._events.write(result)
            self._state.logged.append(name)
        self._state.save()
        write_csv(self._order.runs / CSV_FILE, self._all_results())

    def _all_results(self) -> Iterator[StepResult]:
        """Those of this watch, and the problems of earlier ones. Complete runs were read when they were met."""
        yield from self._results.values()

    def _status(self) -> int:
        results = self._results.values()
        if any(result.failed_gates for result in results):
            return GATE_FAILED
        return INCOMPLETE if self._waits or any(result.problem for result in results) else OK


def _locked(path: Path) -> HeldLock:
    held = try_file_lock(path)
    if held is None:
        raise SettingsError(
            f"{path.parent} is in use by another `modeleval watch`; end that, or name another --runs DIR"
        )
    return held


def _complete_run(folder: Path) -> FinishedRun | None:
    """The run in the folder, if it is complete."""
    try:
        found = open_run(folder)
    except RunFolderError:
        return None
    return found if found.run.get("complete") and found.summary.benchmarks else None
