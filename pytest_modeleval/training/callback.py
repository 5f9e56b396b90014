"""`ModelEvalCallback`: evaluates the checkpoints of a training while it goes on. For transformers, TRL and ms-swift.

A callback by shape: neither transformers nor torch is imported here. All of it happens on rank 0: a thread waits for
the server and for the evaluation, which is a process of its own; results are logged by the training's own thread.
"""

from __future__ import annotations

import atexit
import contextlib
import copy
import itertools
import logging
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from pytest_modeleval.child_runs.call import start_evaluation
from pytest_modeleval.child_runs.order import Text
from pytest_modeleval.child_runs.process import ChildRun
from pytest_modeleval.errors import EvaluationIncomplete
from pytest_modeleval.training.step_result import StepResult, step_result, write_csv

Address = str | Sequence[str]
Serve = Callable[[Path], Address | AbstractContextManager[Address]]

FINISH_S = 3600.0
# How long the interpreter's end waits for a server to stop.
_CLOSE_S = 60.0
# Steps between two looks of all ranks at whether rank 0 wants to stop.
_STEPS_BETWEEN = 10
_MOST_PROBLEM = 1_000
_LOG = logging.getLogger("pytest_modeleval.training")


class ModelEvalCallback:
    """Evaluates checkpoints next to a training; pass it as one of `callbacks` of a Trainer.

    select: benchmarks, as of `evaluate`. model: the name under which the checkpoint is served, or a profile.
    serve: called with the folder of a checkpoint, in a thread; gives the address of a server that serves it, or a
    context manager that gives the address and stops the server. url: an address that always serves the newest weights.
    on: "save" evaluates every checkpoint that the Trainer saves. every_steps: saves and evaluates each so many steps.
    stop_on_regression: a gates file; where a gate fails, the training is stopped (control.should_training_stop).
    runs: the folder of the runs, one for each step; default: `modeleval-runs` in the output folder of the training.
    finish_s: how long the end of the training waits for evaluations that are not finished.
    prefix: of the names in the training's log.
    options: all further arguments of `evaluate`, such as limit, params, baseline, in_flight, max_ungraded.

    Results are logged with the step of their checkpoint: figure, low and high end of its interval, share of samples
    without a grade, tokens. An evaluation without a result is a warning in the log and a line in results.csv, never a
    number, and never an error of the training.
    """

    def __init__(
        self,
        select: str | Sequence[str],
        *,
        model: str,
        serve: Serve | None = None,
        url: Address | None = None,
        on: str = "save",
        every_steps: int | None = None,
        stop_on_regression: Text | None = None,
        runs: Text | None = None,
        finish_s: float = FINISH_S,
        prefix: str = "eval_modeleval/",
        **options: Any,
    ) -> None:
        if (serve is None) == (url is None):
            raise ValueError("ModelEvalCallback: expected either serve= or url=, one of them")
        if on != "save":
            raise ValueError(f'ModelEvalCallback: on: expected "save", found {on!r}; every_steps=N saves and evaluates')
        if every_steps is not None and every_steps < 1:
            raise ValueError(f"ModelEvalCallback: every_steps: expected 1 or more, found {every_steps}")
        if stop_on_regression is not None and "gates" in options:
            raise ValueError("ModelEvalCallback: expected stop_on_regression= or gates=, found both")
        self.results: list[StepResult] = []
        """What was logged, in the order of logging."""
        self._serve = serve if serve is not None else _constant(url)
        self._every_steps = every_steps
        self._stops = stop_on_regression is not None
        self._options = {"select": select, "model": model, **options}
        if stop_on_regression is not None:
            self._options["gates"] = stop_on_regression
        _check_options(self._options)
        self._runs = Path(runs).expanduser().absolute() if runs is not None else None
        self._finish_s = finish_s
        self._prefix = prefix
        self._handler: Any = None
        self._worker: Worker | None = None
        self._wants_stop = False

    def add_to(self, trainer: Any) -> ModelEvalCallback:
        """Add it to a Trainer, so that results also reach its other callbacks (TensorBoard, wandb, the console)."""
        trainer.add_callback(self)
        self._handler = trainer.callback_handler
        return self

    # Events of the Trainer. Nothing that goes wrong here reaches the training.

    def __getattr__(self, name: str) -> Any:
        if name.startswith("on_"):
            return _no_event
        raise AttributeError(name)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Log what is finished; save where it is time to."""
        with _logged("on_step_end"):
            if self._every_steps is not None and state.global_step % self._every_steps == 0:
                control.should_save = True
            if state.is_world_process_zero:
                self._log_finished(args, state, control)
            self._decide_stop(state, control)

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Queue the checkpoint that was just written."""
        del control
        with _logged("on_save"):
            step = int(state.global_step)
            if not state.is_world_process_zero or (self._every_steps is not None and step % self._every_steps):
                return
            checkpoint = Path(args.output_dir).absolute() / f"checkpoint-{step}"
            if self._worker is None:
                runs = self._runs or Path(args.output_dir).absolute() / "modeleval-runs"
                self._worker = Worker(self._serve, self._options, runs)
            self._worker.put(step, checkpoint)

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Wait for what is not finished, at most finish_s, and log it."""
        with _logged("on_train_end"):
            if self._worker is not None:
                if self._worker.pending:
                    _LOG.info(
                        "modeleval: waiting for %d evaluations, at most %.0f s", self._worker.pending, self._finish_s
                    )
                self._worker.close(self._finish_s)
                self._log_finished(args, state, control)
                self._worker = None

    # Inside

    def _decide_stop(self, state: Any, control: Any) -> None:
        if not self._stops:
            return
        if _is_distributed():
            if state.global_step % _STEPS_BETWEEN:
                return
            self._wants_stop = _agreed(self._wants_stop)
        if self._wants_stop:
            control.should_training_stop = True

    def _log_finished(self, args: Any, state: Any, control: Any) -> None:
        for result in self._worker.finished() if self._worker is not None else ():
            self.results.append(result)
            _LOG.log(logging.WARNING if result.problem else logging.INFO, "modeleval: %s", result.text())
            if result.failed_gates and self._stops:
                self._wants_stop = True
            self._log_values(result, args, state, control)
        if self._worker is not None:
            self._worker.write_csv(self.results)

    def _log_values(self, result: StepResult, args: Any, state: Any, control: Any) -> None:
        values = {self._prefix + name: value for name, value in result.values().items()}
        if not values:
            state.log_history.append({"modeleval_problem": result.text()[:_MOST_PROBLEM], "step": result.step})
            return
        state.log_history.append({**values, "step": result.step})
        if self._handler is not None:
            # The other callbacks log what they are given under the step of the state.
            of_then = copy.copy(state)
            of_then.global_step = result.step
            # A copy: the handler resets flags of this step that the training has not acted upon yet.
            self._handler.on_log(args, of_then, copy.copy(control), dict(values))


class Worker:
    """Evaluates checkpoints one after the other, in a thread of its own."""

    def __init__(self, serve: Serve, options: dict[str, Any], runs: Path) -> None:
        self._serve = serve
        self._options = options
        self._runs = runs
        self._orders: SimpleQueue[tuple[int, Path] | None] = SimpleQueue()
        self._results: SimpleQueue[StepResult] = SimpleQueue()
        self._given: list[tuple[int, Path]] = []
        self._count = 0
        self._child: ChildRun | None = None
        self._is_closed = False
        self._has_news = False
        self._thread = threading.Thread(target=self._work, name="modeleval", daemon=True)
        self._thread.start()
        atexit.register(self._stop, _CLOSE_S)

    @property
    def pending(self) -> int:
        """Checkpoints without a result."""
        return len(self._given) - self._count

    def put(self, step: int, checkpoint: Path) -> None:
        """Evaluate this one too."""
        self._given.append((step, checkpoint))
        self._orders.put((step, checkpoint))

    def finished(self) -> Iterator[StepResult]:
        """Results that were not given yet."""
        while True:
            try:
                result = self._results.get_nowait()
            except Empty:
                return
            self._count += 1
            self._has_news = True
            yield result

    def close(self, wait_s: float) -> None:
        """Wait for all, at most wait_s seconds; then stop the others, which have no result."""
        self._orders.put(None)
        self._thread.join(wait_s)
        self._stop(_CLOSE_S)
        atexit.unregister(self._stop)
        for step, checkpoint in self._given[self._count + self._results.qsize() :]:
            self._results.put(
                StepResult(step, checkpoint.name, problem=f"not finished {wait_s:.0f} s after the training")
            )

    def write_csv(self, results: Sequence[StepResult]) -> None:
        """All results so far, if there is one more."""
        if self._has_news:
            self._has_news = False
            self._runs.mkdir(parents=True, exist_ok=True)
            write_csv(self._runs / "results.csv", results)

    def _stop(self, wait_s: float) -> None:
        self._is_closed = True
        child = self._child
        if child is not None and not child.is_over:
            child.stop()
        # A server of `serve` is stopped by its context manager, in the thread.
        self._thread.join(wait_s)

    def _work(self) -> None:
        while not self._is_closed and (order := self._orders.get()) is not None:
            step, checkpoint = order
            try:
                result = self._evaluate(step, checkpoint)
            except EvaluationIncomplete as missing:
                result = StepResult(step, checkpoint.name, problem=str(missing), folder=missing.folder)
            except BaseException as error:  # noqa: BLE001 - handed over to the training's log
                result = StepResult(step, checkpoint.name, problem=f"{type(error).__name__}: {error}")
            if not self._is_closed:
                self._results.put(result)

    def _evaluate(self, step: int, checkpoint: Path) -> StepResult:
        if not checkpoint.is_dir():
            raise FileNotFoundError(f"expected the checkpoint {checkpoint}, found none (save_total_limit removed it?)")
        run = _new_folder(self._runs, step)
        served = self._serve(checkpoint)
        held = served if isinstance(served, AbstractContextManager) else contextlib.nullcontext(served)
        with held as url:
            self._child = start_evaluation(
                **self._options,
                url=url,
                run=run,
                caller={"program": "ModelEvalCallback", "step": step, "checkpoint": str(checkpoint)},
            )
            if self._is_closed:
                self._child.stop()
            return step_result(step, checkpoint.name, self._child.wait(), run)


def _new_folder(runs: Path, step: int) -> Path:
    """A folder without a run: a training that was started again has other weights at the same step."""
    names = (f"step-{step:08}" if number == 1 else f"step-{step:08}-{number}" for number in itertools.count(1))
    return next(runs / name for name in names if not (runs / name).exists())


def _constant(url: Address | None) -> Serve:
    assert url is not None
    return lambda _: url


def _check_options(options: dict[str, Any]) -> None:
    """Raises TypeError for an option that `evaluate` does not have: in the thread it would only be a warning."""
    import inspect  # noqa: PLC0415

    try:
        inspect.signature(start_evaluation).bind(**options)
    except TypeError as error:
        raise TypeError(f"ModelEvalCallback: {error}") from None
    taken = {"run", "url", "caller"} & options.keys()
    if taken:
        raise TypeError(f"ModelEvalCallback: {', '.join(sorted(taken))}: the callback sets it for each step")


def _no_event(*_: Any, **__: Any) -> None:
    """Nothing to do at this event."""


@contextlib.contextmanager
def _logged(event: str) -> Iterator[None]:
    """A fault of ours is a line in the log of the training."""
    try:
        yield
    except Exception:  # noqa: BLE001 - handed over to the training's log
        _LOG.exception("modeleval: %s failed; the training goes on without this evaluation", event)


def _distributed() -> Any:
    """torch.distributed where the training uses it; None otherwise."""
    torch = sys.modules.get("torch")
    found = getattr(torch, "distributed", None)
    return found if found is not None and found.is_available() and found.is_initialized() else None


def _is_distributed() -> bool:
    found = _distributed()
    return found is not None and found.get_world_size() > 1


def _agreed(wants_stop: bool) -> bool:
    """What rank 0 wants, on all ranks: a rank that stopped alone would leave the others waiting for it."""
    wanted = [wants_stop]
    _distributed().broadcast_object_list(wanted, src=0)
    return bool(wanted[0])
