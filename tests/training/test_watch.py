"""`modeleval watch`: each whole checkpoint once, in the order of the steps, through kills and failures."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from pytest_modeleval.cli import main
from pytest_modeleval.errors import EvaluationIncomplete, SettingsError
from pytest_modeleval.training import watch as module
from pytest_modeleval.training.checkpoints import Checkpoint
from pytest_modeleval.training.serving import filled, templates_of
from pytest_modeleval.training.watch import Watcher, WatchOrder
from tests.support.loopback import Answer, Hang, LoopbackServer
from tests.support.run_folders import quiz_run
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]


def checkpoints(root: Path, *steps: int) -> Path:
    """Whole checkpoints."""
    for step in steps:
        folder = root / f"checkpoint-{step}"
        folder.mkdir(parents=True)
        (folder / "trainer_state.json").write_text("{}", encoding="utf-8")
    return root


class ScriptedRuns:
    """Takes the place of ChildRun: writes the run folder, or raises what `fails` names for the checkpoint."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.commands: list[list[str]] = []
        self.fails: dict[str, list[BaseException]] = {}

    def __call__(self, command: list[str], *, run: Path, environment: dict[str, str], **_: Any) -> ScriptedRuns:
        self.asked.append(run.name)
        self.commands.append(command)
        self._run = run
        self._caller = json.loads(environment["MODELEVAL_CALLER"])
        return self

    def wait(self) -> Any:
        if self.fails.get(self._run.name):
            raise self.fails[self._run.name].pop()
        quiz_run(self._run, caller=self._caller)
        found = module._complete_run(self._run)
        assert found is not None
        return found.summary


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> ScriptedRuns:
    """Scripted runs."""
    scripted = ScriptedRuns()
    monkeypatch.setattr(module, "ChildRun", scripted)
    return scripted


@pytest.fixture
def look(tmp_path: Path, runs: ScriptedRuns) -> Callable[..., tuple[int, list[str]]]:
    """One `--once` over tmp_path/checkpoints; the status and the lines."""

    def once(**more: Any) -> tuple[int, list[str]]:
        lines: list[str] = []
        given = {"profile": "m", "arguments": ["-k", "quiz"], "is_once": True, **more}
        order = WatchOrder(root=tmp_path / "checkpoints", runs=tmp_path / "runs", **given)
        return Watcher(order, lines.append).run(), lines

    return once


def test_ten_checkpoints_are_evaluated_once_through_two_kills(
    tmp_path: Path, runs: ScriptedRuns, look: Callable[..., tuple[int, list[str]]]
) -> None:
    """A kill is an exception that nothing catches; what is complete is read, not run; results.csv has one row each."""
    steps = range(100, 1100, 100)
    checkpoints(tmp_path / "checkpoints", *steps)
    names = [f"checkpoint-{step}" for step in steps]
    runs.fails = {names[3]: [KeyboardInterrupt()], names[7]: [KeyboardInterrupt()]}
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            look()
    assert look()[0] == 0
    assert runs.asked == [*names[:4], *names[3:8], *names[7:]]
    assert look()[0] == 0
    assert len(runs.asked) == 12, "nothing is run a second time"
    with (tmp_path / "runs" / "results.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows if row["figure"] == "easy"] == list(steps)
    assert float(rows[0]["low"]) < float(rows[0]["score"]) < float(rows[0]["high"])
    assert "--eval-run=" + str(tmp_path / "runs" / names[0]) in runs.commands[0]


def test_a_checkpoint_without_a_result_does_not_stop_the_watch(
    tmp_path: Path, runs: ScriptedRuns, look: Callable[..., tuple[int, list[str]]]
) -> None:
    """It is named, tried again by the next start, and never a number; one that is not whole waits."""
    checkpoints(tmp_path / "checkpoints", 1, 2)
    (tmp_path / "checkpoints" / "checkpoint-3").mkdir()
    runs.fails = {"checkpoint-1": [EvaluationIncomplete("m", exit_status=4, advice="", lines=["no GPU"])]}
    status, lines = look()
    assert status == 6
    assert any("checkpoint-1: step 1: no result" in line and "no GPU" in line for line in lines)
    assert any("checkpoint-3 is not whole yet: it is empty" in line for line in lines)
    rows = list(csv.DictReader((tmp_path / "runs" / "results.csv").read_text(encoding="utf-8").splitlines()))
    assert rows[0]["step"] == "1"
    assert not rows[0]["score"]
    assert "no GPU" in rows[0]["problem"]
    assert look()[0] == 6
    assert runs.asked == ["checkpoint-1", "checkpoint-2", "checkpoint-1"]
    (tmp_path / "checkpoints" / "checkpoint-3").rmdir()
    assert look()[0] == 0


def test_a_checkpoint_that_was_written_again_is_evaluated_again(
    tmp_path: Path, runs: ScriptedRuns, look: Callable[..., tuple[int, list[str]]]
) -> None:
    """A training that was started again has other weights under the same name: never the old score for them."""
    root = checkpoints(tmp_path / "checkpoints", 1, 2)
    look()
    os.utime(root / "checkpoint-2" / "trainer_state.json", ns=(1, 1))
    assert look()[0] == 0
    assert look()[0] == 0
    assert runs.asked == ["checkpoint-1", "checkpoint-2", "checkpoint-2-2"]
    rows = list(csv.DictReader((tmp_path / "runs" / "results.csv").read_text(encoding="utf-8").splitlines()))
    assert [Path(row["run"]).name for row in rows if row["figure"] == "easy"] == ["checkpoint-1", "checkpoint-2-2"]


def test_other_arguments_and_a_second_watch_are_refused(
    tmp_path: Path, look: Callable[..., tuple[int, list[str]]]
) -> None:
    """Scores of one folder are comparable, and one process at a time writes it."""
    checkpoints(tmp_path / "checkpoints", 1)
    look()
    with pytest.raises(SettingsError, match="was made with other arguments"):
        look(arguments=["-k", "gsm8k"])
    (tmp_path / "runs" / "watch.json").write_text("{", encoding="utf-8")
    with pytest.raises(SettingsError, match="expected the state of a watch"):
        look()
    held = module._locked(tmp_path / "runs" / "watch.lock")
    with pytest.raises(SettingsError, match="in use by another"):
        look()
    held.release()


def test_tensorboard_is_given_each_result_once_under_its_step(
    tmp_path: Path, look: Callable[..., tuple[int, list[str]]]
) -> None:
    """Scores, ends of intervals, shares and tokens; a second start adds nothing."""
    pytest.importorskip("tensorboardX", reason="tensorboardX (the extra tensorboard) is not installed")
    from tensorboardX.proto.event_pb2 import Event

    checkpoints(tmp_path / "checkpoints", 5, 9)
    for _ in range(2):
        assert look(event_folder=tmp_path / "events")[0] == 0
    seen: list[tuple[str, int]] = []
    for file in (tmp_path / "events").iterdir():
        data = file.read_bytes()
        # Records: length, checksum, event, checksum.
        while data:
            length = int.from_bytes(data[:8], "little")
            event = Event.FromString(data[12 : 12 + length])
            seen += [(value.tag, event.step) for value in event.summary.value]
            data = data[16 + length :]
    assert sorted(step for tag, step in seen if tag == "modeleval/quiz/easy") == [5, 9]
    assert ("modeleval/quiz/easy/ungraded", 9) in seen


def test_a_profile_serves_a_checkpoint_by_the_flag_of_its_program(tmp_path: Path) -> None:
    """SGLang and vLLM are known; for others a template names {checkpoint}; a server that runs already is not used."""
    checkpoint = Checkpoint(Path("/out/checkpoint-7"), 7)
    assert list(filled(templates_of("Qwen3-8B", ["restart=2"], project=tmp_path), checkpoint)) == [
        "--model-set=restart=2",
        "--model-set=launch.flags.model-path=/out/checkpoint-7",
        "--model-set=launch.flags.served-model-name=Qwen3-8B",
        "--model-set=urls=[]",
    ]
    assert "launch.flags.model={checkpoint}" in templates_of("MiniMax-M2-vllm", [], project=tmp_path)
    given = templates_of("embedded", ["launch.env.STEP={step}-{name}", "launch.env.W={checkpoint}"], project=tmp_path)
    assert "--model-set=launch.env.STEP=7-checkpoint-7" in list(filled(given, checkpoint))
    with pytest.raises(SettingsError, match=r"--set launch.flags.NAME=\{checkpoint\}"):
        templates_of("embedded", [], project=tmp_path)
    with pytest.raises(SettingsError, match="expected a profile that launches a server, found 'nothing'"):
        templates_of("nothing", [], project=tmp_path)


def test_mistakes_of_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence, status 4."""
    for words, said in (
        (["none"], "expected the folder of the checkpoints"),
        ([str(tmp_path), "--every", "-1"], "--every: expected seconds"),
        ([str(tmp_path), "--eval-run=x"], "the watch sets it for each checkpoint"),
    ):
        assert main(["watch", *words, "--profile", "m"]) == 4
        assert said in capsys.readouterr().err


def test_a_killed_watch_resumes_the_run_of_its_checkpoint(tmp_path: Path, server: LoopbackServer) -> None:
    """The whole program: kill -9 in mid-evaluation, started again; no answered question is asked twice."""
    checkpoints(tmp_path / "checkpoints", 10, 20)
    server.script = lambda *_: Answer() if sum(server.seen.prompts.values()) <= 2 else Hang()
    command = [
        sys.executable,
        "-m",
        "pytest_modeleval.cli",
        "watch",
        "checkpoints",
        "--once",
        "--profile",
        "test-model",
    ]
    command += ["--model-url", server.url, "--eval-subset=wiring=letters", "--eval-limit", "4", "--eval-in-flight", "1"]
    command += ["-p", "no:cacheprovider", "-p", "modeleval"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    first = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL)
    until(lambda: sum(server.seen.prompts.values()) == 3)
    (child,) = psutil.Process(first.pid).children()
    first.send_signal(signal.SIGKILL)
    first.wait()
    until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
    server.script = lambda *_: Answer()
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    # Four questions for each of two checkpoints, and the one that hung when the watch was killed.
    assert sorted(server.seen.prompts.values()) == [2, 2, 2, 3]
    runs = tmp_path / "modeleval-runs" / "watch-checkpoints"
    steps = [json.loads((runs / f"checkpoint-{step}" / "run.json").read_bytes())["caller"]["step"] for step in (10, 20)]
    assert steps == [10, 20]
