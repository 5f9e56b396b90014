"""`ModelEvalCallback` in a scripted training: what is logged, when, under which step; what the training never sees."""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_modeleval import EvaluationIncomplete, ModelEvalCallback
from pytest_modeleval.records import Kind
from pytest_modeleval.results import BenchmarkSummary, GateVerdict, RunSummary, Score
from pytest_modeleval.training import callback as module
from tests.support.loopback import Answer, LoopbackServer
from tests.support.waiting import until


@dataclass
class Control:
    """The Trainer's."""

    should_save: bool = False
    should_training_stop: bool = False
    should_log: bool = False


@dataclass
class Training:
    """A Trainer as its callbacks see it: ranks, steps, saves, and a handler that resets flags as the Trainer's does."""

    folder: Path
    save_steps: int = 10
    rank: int = 0
    state: Any = None
    control: Control = field(default_factory=Control)
    seen: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    callbacks: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.args = SimpleNamespace(output_dir=str(self.folder))
        self.state = SimpleNamespace(global_step=0, log_history=[], is_world_process_zero=self.rank == 0)

    @property
    def callback_handler(self) -> Training:
        """It is its own."""
        return self

    def add_callback(self, callback: Any) -> None:
        """As of the Trainer."""
        self.callbacks.append(callback)

    def on_log(self, _: Any, state: Any, control: Control, logs: dict[str, float]) -> None:
        """What TensorBoard and others are given."""
        control.should_log = False
        self.seen.append((state.global_step, logs))

    def event(self, name: str) -> None:
        """Call the callbacks."""
        for each in self.callbacks:
            getattr(each, name)(self.args, self.state, self.control, model=None)

    def run(self, steps: int, after: Callable[[int], None] = lambda _: None) -> None:
        """Train; a save writes an empty checkpoint. after: called after each step."""
        self.event("on_train_begin")
        for step in range(1, steps + 1):
            self.state.global_step = step
            self.control.should_log = True
            self.control.should_save = step % self.save_steps == 0
            self.event("on_step_end")
            assert self.control.should_log, "the loss of this step is still to be logged"
            if self.control.should_save:
                (self.folder / f"checkpoint-{step}").mkdir()
                self.event("on_save")
            after(step)
            if self.control.should_training_stop:
                break
        self.event("on_train_end")


def summary(score: float, *, gate: str = "passed") -> RunSummary:
    """A run of ten samples, one of them without a grade."""
    counts = {Kind.RIGHT: 5, Kind.WRONG: 4, Kind.SERVER_ERROR: 1}
    part = Score("part", 9, 10, score, score - 0.1, score + 0.1, "wilson", counts, completion_tokens=70)
    return RunSummary("m", True, (BenchmarkSummary("quiz", "1", "mean_acc", (part,)),), (GateVerdict("g", gate, "."),))


class Child:
    """A run that ends when `release` is set, with what `ends` says."""

    def __init__(self, ends: Callable[[], RunSummary], release: threading.Event) -> None:
        self._ends, self._release = ends, release
        self.is_over = False

    def wait(self) -> RunSummary:
        assert self._release.wait(300)
        self.is_over = True
        return self._ends()

    def stop(self) -> None:
        self._release.set()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Runs are scripted: orders are collected; "ends" is called at the end of each, after "release" is set."""
    script: dict[str, Any] = {"orders": [], "ends": lambda: summary(0.5), "release": threading.Event()}
    script["release"].set()

    def start(**order: Any) -> Child:
        script["orders"].append(order)
        return Child(script["ends"], script["release"])

    monkeypatch.setattr(module, "start_evaluation", start)
    monkeypatch.setattr(module, "_check_options", lambda _: None)
    yield script
    script["release"].set()


def test_results_are_logged_under_the_step_they_belong_to(tmp_path: Path, started: dict[str, Any]) -> None:
    """Two checkpoints, finished later: figure, interval, ungraded share, tokens; served one after the other."""
    started["release"].clear()
    open_servers: list[str] = []

    @contextlib.contextmanager
    def serve(checkpoint: Path) -> Iterator[str]:
        assert not open_servers, "one server at a time"
        open_servers.append(checkpoint.name)
        yield f"http://{checkpoint.name}/v1"
        open_servers.clear()

    training = Training(tmp_path)
    evaluating = ModelEvalCallback("quiz", model="m", serve=serve, limit=3).add_to(training)
    training.run(25, lambda step: started["release"].set() if step == 24 else None)
    values = {"quiz": 0.5, "quiz/low": 0.4, "quiz/high": 0.6, "quiz/ungraded": 0.1, "quiz/tokens": 70.0}
    expected = {f"eval_modeleval/{name}": value for name, value in values.items()}
    assert training.seen == [(10, expected), (20, expected)]
    assert training.state.log_history == [{**expected, "step": 10}, {**expected, "step": 20}]
    assert [order["url"] for order in started["orders"]] == ["http://checkpoint-10/v1", "http://checkpoint-20/v1"]
    assert started["orders"][1]["run"] == tmp_path / "modeleval-runs" / "step-00000020"
    assert started["orders"][1]["caller"]["step"] == 20
    assert started["orders"][1]["limit"] == 3
    assert open_servers == []
    lines = (tmp_path / "modeleval-runs" / "results.csv").read_text(encoding="utf-8").splitlines()
    assert lines[1].startswith("10,checkpoint-10,quiz,,0.5,0.4,0.6,9,0.1,70,,")
    assert [result.step for result in evaluating.results] == [10, 20]


def test_a_training_that_starts_again_reuses_no_answer(tmp_path: Path, started: dict[str, Any]) -> None:
    """The step of an earlier start has a folder already: another one is taken, and results.csv keeps other steps."""
    runs = tmp_path / "modeleval-runs"
    for last in (20, 10):
        training = Training(tmp_path)
        ModelEvalCallback("quiz", model="m", url="http://m/v1").add_to(training)
        training.run(last)
        for order in started["orders"]:
            order["run"].mkdir(parents=True, exist_ok=True)
        for checkpoint in tmp_path.glob("checkpoint-*"):
            checkpoint.rmdir()
    names = [order["run"].name for order in started["orders"]]
    assert names == ["step-00000010", "step-00000020", "step-00000010-2"]
    lines = (runs / "results.csv").read_text(encoding="utf-8").splitlines()
    assert [line.split(",")[0] for line in lines] == ["step", "10", "20"]
    assert "step-00000010-2" in lines[1]


def test_a_failing_evaluation_is_a_line_in_the_log(
    tmp_path: Path, started: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """No result, a fault of `serve`, a checkpoint that is gone: warnings, no number, and the training ends as usual."""
    missing = EvaluationIncomplete("m", exit_status=6, advice="", lines=["the server is gone"])

    def ends() -> RunSummary:
        raise missing

    def serve(checkpoint: Path) -> str:
        if checkpoint.name == "checkpoint-20":
            raise RuntimeError("no free port")
        if checkpoint.name == "checkpoint-30":
            raise SystemExit(3)
        return "http://m/v1"

    started["ends"] = ends
    training = Training(tmp_path)
    evaluating = ModelEvalCallback("quiz", model="m", serve=serve).add_to(training)
    with caplog.at_level(logging.WARNING, "pytest_modeleval.training"):
        training.run(40, lambda step: (tmp_path / "checkpoint-40").rmdir() if step == 40 else None)
    assert training.state.global_step == 40
    assert training.seen == []
    assert not any(key.startswith("eval_") for entry in training.state.log_history for key in entry)
    problems = {result.step: result.problem for result in evaluating.results}
    assert "the server is gone" in problems[10]
    assert problems[20] == "RuntimeError: no free port"
    assert problems[30] == "SystemExit: 3"
    assert "step 10: no result" in caplog.text
    assert "step 20: no result: RuntimeError: no free port" in caplog.text


def test_the_end_waits_no_longer_than_it_may(tmp_path: Path, started: dict[str, Any]) -> None:
    """What is not finished then is stopped, and named."""
    started["release"].clear()
    training = Training(tmp_path)
    evaluating = ModelEvalCallback("quiz", model="m", url="http://m/v1", finish_s=0).add_to(training)
    training.run(20)
    assert [(found.step, found.problem) for found in evaluating.results] == [
        (10, "not finished 0 s after the training"),
        (20, "not finished 0 s after the training"),
    ]


def test_a_failed_gate_stops_the_training_where_that_is_asked(tmp_path: Path, started: dict[str, Any]) -> None:
    """stop_on_regression sets should_training_stop; gates alone do not; every_steps saves by itself."""
    started["ends"] = lambda: summary(0.1, gate="failed")
    cases: list[tuple[str, dict[str, Any], int]] = [
        ("a", {"stop_on_regression": "g.toml"}, 25),
        ("b", {"gates": "g.toml"}, 60),
    ]
    for name, options, last in cases:
        (tmp_path / name).mkdir()
        training = Training(tmp_path / name, save_steps=1000)
        evaluating = ModelEvalCallback("quiz", model="m", url="http://m/v1", every_steps=20, **options).add_to(training)

        def settle(step: int, evaluating: ModelEvalCallback = evaluating) -> None:
            # The result of step 20 is there before step 25 ends.
            if step == 24:
                until(lambda: not evaluating._worker._results.empty())  # type: ignore[union-attr]

        training.run(60, settle)
        assert training.state.global_step == last
        assert evaluating.results[0].failed_gates == ("g",)
        assert started["orders"][-1]["gates"] == "g.toml"


def test_only_rank_0_evaluates_and_all_ranks_stop_together(
    tmp_path: Path, started: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another rank starts nothing; it stops at a step where all ranks ask rank 0."""
    asked: list[int] = []
    training = Training(tmp_path, rank=1)

    def broadcast(flags: list[bool], **_: int) -> None:
        asked.append(training.state.global_step)
        flags[0] = training.state.global_step >= 20

    distributed = SimpleNamespace(
        is_available=lambda: True,
        is_initialized=lambda: True,
        get_world_size=lambda: 2,
        broadcast_object_list=broadcast,
    )
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(distributed=distributed))
    ModelEvalCallback("quiz", model="m", url="http://m/v1", stop_on_regression="g.toml").add_to(training)
    training.run(60)
    assert started["orders"] == []
    assert asked == [10, 20]
    assert training.state.global_step == 20


def test_wrong_arguments_are_errors_before_the_training() -> None:
    """Both or none of serve and url, a misspelt option of evaluate, what the callback sets itself."""
    with pytest.raises(ValueError, match="either serve= or url="):
        ModelEvalCallback("quiz", model="m")
    with pytest.raises(TypeError, match="'limt'"):
        ModelEvalCallback("quiz", model="m", url="u", limt=3)
    with pytest.raises(TypeError, match="caller, run: the callback sets it"):
        ModelEvalCallback("quiz", model="m", url="u", run="x", caller={})
    with pytest.raises(ValueError, match="every_steps: expected 1 or more, found 0"):
        ModelEvalCallback("quiz", model="m", url="u", every_steps=0)
    with pytest.raises(AttributeError):
        ModelEvalCallback("quiz", model="m", url="u").no_event  # noqa: B018


def test_a_real_evaluation_in_a_scripted_training(tmp_path: Path, server: LoopbackServer) -> None:
    """The child process, its run folder with the step in run.json, and a score in the history."""
    server.script = lambda *_: Answer("no idea")
    training = Training(tmp_path)
    ModelEvalCallback("wiring", model="test-model", url=server.url, subsets=["letters"], limit=4).add_to(training)
    training.run(10)
    (logged,) = training.state.log_history
    assert logged["step"] == 10
    assert logged["eval_modeleval/wiring"] == 0.0
    found = json.loads((tmp_path / "modeleval-runs" / "step-00000010" / "run.json").read_bytes())
    assert found["caller"]["program"] == "ModelEvalCallback"
    assert found["caller"]["step"] == 10
