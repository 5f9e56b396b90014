"""Does an evaluation next to a training change the training? `python ci/check_training.py`.

Trains a small random model with transformers' Trainer on the CPU, fifty steps and five checkpoints, three times: alone;
with ModelEvalCallback, every checkpoint served by a scripted server of its own; and the same with the server of the
third checkpoint killed in mid-evaluation. Losses and weights must be equal to the last bit; all five checkpoints must
have a result under their own step, with a score that the server's script implies; the killed one must be a line in the
training's log and no number. Exit status 0 only then.

Makes an environment with torch (CPU), transformers and accelerate (--venv DIR, about 1 GB), or uses --python PATH.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import itertools
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

STEPS, EVERY, ROWS, KILLED = 50, 10, 40, 30
PAGE = f"""
from pytest_modeleval import Request, Sample, benchmark
from pytest_modeleval.datasets import inline
from pytest_modeleval.graders import grade_choice

ROWS = [{{"question": f"Question {{number}}: which letter?"}} for number in range({ROWS})]

@benchmark(name="quiz", version="1", dataset=inline(lambda: {{"part": ROWS}}), subsets=["part"],
           sample=lambda row: Sample(question=row.text("question"), choices=("one", "two"), target="A"),
           request=lambda sample: Request(messages=[{{"role": "user", "content": sample.question}}]),
           grade=grade_choice)
def test_quiz(grade):
    assert grade, grade.explanation
"""


def expected_score(step: int) -> float:
    """What the server of a checkpoint answers rightly: its questions below the step."""
    return min(step, ROWS) / ROWS


def serve(checkpoint: Path, port: int) -> None:
    """The scripted server of a checkpoint, in a process of its own."""
    from tests.support.loopback import Answer, LoopbackServer  # noqa: PLC0415 - of this process only

    step = json.loads((checkpoint / "trainer_state.json").read_bytes())["global_step"]

    answered = itertools.count()

    def answer(body: dict[str, Any], _: int) -> Answer:
        if step == KILLED and os.environ.get("KILLED_IN_MID_EVALUATION") and next(answered) == ROWS // 2:
            os.kill(os.getpid(), signal.SIGKILL)
        number = int(str(body["messages"][-1]["content"]).split("Question ")[1].split(":")[0])
        return Answer(f"ANSWER: {'A' if number < step else 'B'}", delay_s=0.05)

    LoopbackServer(answer, models=("tiny",), port=port).start()
    threading.Event().wait()


@contextlib.contextmanager
def served(checkpoint: Path) -> Iterator[str]:
    """Start the server of a checkpoint; the address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen([sys.executable, __file__, "--serve", str(checkpoint), str(port)], cwd=ROOT)
    try:
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.kill()
        server.wait()


def train(mode: str, folder: Path) -> None:
    """One training; prints a JSON object."""
    import torch  # noqa: PLC0415 - in the environment of the trainings only
    from transformers import (  # noqa: PLC0415
        GPT2Config,
        GPT2LMHeadModel,
        Trainer,
        TrainingArguments,
        set_seed,
    )

    from pytest_modeleval import ModelEvalCallback  # noqa: PLC0415

    logging.basicConfig(level=logging.INFO, format="%(name)s %(levelname)s %(message)s")
    set_seed(7)
    model = GPT2LMHeadModel(GPT2Config(n_layer=2, n_embd=32, n_head=2, vocab_size=64, n_positions=32))
    rows = [{"input_ids": (ids := torch.randint(0, 64, (16,))), "labels": ids} for _ in range(200)]
    arguments = TrainingArguments(
        output_dir=str(folder / "out"),
        max_steps=STEPS,
        save_steps=EVERY,
        logging_steps=1,
        per_device_train_batch_size=4,
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        seed=7,
        learning_rate=3e-3,
    )
    trainer = Trainer(model=model, args=arguments, train_dataset=rows)
    callback = None
    if mode == "killed":
        os.environ["KILLED_IN_MID_EVALUATION"] = "1"
    if mode != "alone":
        project = folder / "project"
        project.mkdir()
        (project / "test_quiz.py").write_text(PAGE, encoding="utf-8")
        callback = ModelEvalCallback(
            "test_quiz",
            model="tiny",
            serve=served,
            project=project,
            in_flight=4,
            args=["--eval-sample-timeout=5", "--eval-idle-timeout=2", "-p", "no:cacheprovider"],
        ).add_to(trainer)
    started = time.monotonic()
    trainer.train()
    weights = (folder / "out" / f"checkpoint-{STEPS}" / "model.safetensors").read_bytes()
    history = trainer.state.log_history
    print(
        json.dumps(
            {
                "losses": [entry["loss"] for entry in history if "loss" in entry],
                "weights": hashlib.sha256(weights).hexdigest(),
                "scores": {
                    entry["step"]: entry["eval_modeleval/quiz"] for entry in history if "eval_modeleval/quiz" in entry
                },
                "problems": {result.step: result.problem for result in callback.results if result.problem}
                if callback
                else {},
                "seconds": round(time.monotonic() - started, 1),
            }
        )
    )


def trained(python: Path, mode: str, folder: Path) -> tuple[dict[str, Any], str]:
    """What one training printed, and its log."""
    (folder / mode).mkdir(parents=True)
    done = subprocess.run(
        [str(python), __file__, "--train", mode, str(folder / mode)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    if done.returncode:
        raise SystemExit(f"the training {mode} ended with status {done.returncode}:\n{done.stderr[-4000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found, done.stderr


def interpreter(folder: Path) -> Path:
    """The interpreter of an environment with torch, made if it is not there."""
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
        if uv is None:
            raise SystemExit(
                "expected the command uv, found none: pip install uv, or name an interpreter with --python"
            )
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)], check=True)
        packages = ["torch", "transformers", "accelerate", "-e", str(ROOT)]
        backend = [] if os.environ.get("UV_FIND_LINKS") else ["--torch-backend", "cpu"]
        subprocess.run([uv, "pip", "install", "--quiet", "--python", str(python), *packages, *backend], check=True)
        (folder / "ready").touch()
    return python


def faults(alone: dict[str, Any], beside: dict[str, Any], killed: dict[str, Any], log: str) -> Iterator[str]:
    """What is not as it should be."""
    steps = range(EVERY, STEPS + 1, EVERY)
    for name, found in (("with evaluations", beside), ("with a killed server", killed)):
        if found["losses"] != alone["losses"]:
            yield f"the losses {name} differ from those of the training alone"
        if found["weights"] != alone["weights"]:
            yield f"the weights {name} differ from those of the training alone"
    wanted = {str(step): expected_score(step) for step in steps}
    if beside["scores"] != wanted or beside["problems"]:
        yield f"expected the scores {wanted}, found {beside['scores']}, {str(beside['problems'])[:2000]}"
    del wanted[str(KILLED)]
    if killed["scores"] != wanted or list(killed["problems"]) != [str(KILLED)]:
        yield f"expected the scores {wanted} and a problem, found {killed['scores']}, {str(killed['problems'])[:2000]}"
    if f"step {KILLED}: no result" not in log:
        yield f"the log of the training does not say that step {KILLED} has no result"


def main() -> int:
    """Run the three trainings and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--python", type=Path, help="an interpreter with torch, transformers, accelerate and this package"
    )
    parser.add_argument(
        "--venv", type=Path, default=Path("~/.cache/modeleval-check-training").expanduser(), metavar="DIR"
    )
    parser.add_argument("--train", nargs=2, metavar=("MODE", "DIR"), help=argparse.SUPPRESS)
    parser.add_argument("--serve", nargs=2, metavar=("CHECKPOINT", "PORT"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.train:
        train(given.train[0], Path(given.train[1]))
        return 0
    if given.serve:
        serve(Path(given.serve[0]), int(given.serve[1]))
        return 0
    python = given.python or interpreter(given.venv)
    with tempfile.TemporaryDirectory() as name:
        alone, _ = trained(python, "alone", Path(name))
        beside, _ = trained(python, "beside", Path(name))
        killed, log = trained(python, "killed", Path(name))
    found = list(faults(alone, beside, killed, log))
    print(
        f"{STEPS} steps, losses {alone['losses'][0]:.4f} to {alone['losses'][-1]:.4f}, weights {alone['weights'][:12]}"
    )
    print(f"evaluated: {beside['scores']} in {beside['seconds']} s (alone {alone['seconds']} s)")
    print("\n".join(line for line in log.splitlines() if "no result" in line)[:300])
    print("\n".join(f"FAULT: {fault}" for fault in found) or "equal to the last bit; each result under its step")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
