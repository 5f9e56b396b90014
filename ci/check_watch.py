"""Is each checkpoint evaluated once, through kills? `python ci/check_watch.py`.

Ten checkpoints, each served by a scripted server that `modeleval watch` launches from a profile and stops. It is
killed (kill -9) in the middle of the third and of the seventh, and started again with the same command. The servers
count every request: a question may be asked twice only if it was in flight when the watch was killed. Exit status 0
only then, with a row of results.csv for each checkpoint and the score that its server's script implies.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "ci")]

from check_training import PAGE, ROWS  # noqa: E402 - of this folder

STEPS = range(4, 44, 4)
KILLED = (12, 28)
IN_FLIGHT = 4
PROFILE = f"""
[tiny.launch]
argv = ["{{python}}", {json.dumps(str(Path(__file__).resolve()))}, "--serve", "{{port}}"]
ready_path = "/v1/models"
ready_s = 300
stop_s = 1
"""


def serve(port: int) -> None:
    """The scripted server of the checkpoint in CHECKPOINT; a line in COUNTS for each request."""
    from tests.support.loopback import Answer, LoopbackServer  # noqa: PLC0415 - of this process only

    checkpoint = Path(os.environ["CHECKPOINT"])
    step = json.loads((checkpoint / "trainer_state.json").read_bytes())["global_step"]
    counts = os.open(os.environ["COUNTS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def answer(body: dict[str, Any], _: int) -> Answer:
        number = int(str(body["messages"][-1]["content"]).split("Question ")[1].split(":")[0])
        os.write(counts, f"{step} {number}\n".encode())
        return Answer(f"ANSWER: {'A' if number < step else 'B'}", delay_s=0.1)

    LoopbackServer(answer, models=("tiny",), port=port).start()
    threading.Event().wait()


def asked(counts: Path) -> Counter[tuple[int, int]]:
    """(step, question) -> requests."""
    lines = counts.read_text(encoding="ascii").splitlines() if counts.exists() else []
    return Counter((int(step), int(number)) for step, number in map(str.split, lines))


def watch(folder: Path, kill_at: int | None) -> int:
    """Run the command; kill it in the middle of the step kill_at. Its exit status."""
    command = [sys.executable, "-m", "pytest_modeleval.cli", "watch", "checkpoints", "--once", "--profile", "tiny"]
    command += ["--set", "launch.env.CHECKPOINT={checkpoint}", "--set", f"launch.env.COUNTS={folder / 'counts'}"]
    command += ["-k", "test_quiz", "--eval-in-flight", str(IN_FLIGHT), "-p", "no:cacheprovider"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    running = subprocess.Popen(command, cwd=folder, env=environment)
    while running.poll() is None:
        if kill_at is not None and sum(step == kill_at for step, _ in asked(folder / "counts").elements()) > ROWS // 2:
            running.kill()
        time.sleep(0.05)
    return running.returncode


def faults(folder: Path, status: int) -> Iterator[str]:
    """What is not as it should be."""
    found = asked(folder / "counts")
    if status:
        yield f"the last watch ended with status {status}"
    if set(found) != {(step, number) for step in STEPS for number in range(ROWS)}:
        yield "a question was not asked of each checkpoint"
    for step in STEPS:
        twice = sum(count - 1 for (of, _), count in found.items() if of == step)
        if twice > (IN_FLIGHT if step in KILLED else 0):
            yield f"step {step}: {twice} questions were asked again"
    rows = list(
        csv.DictReader((folder / "modeleval-runs" / "watch-checkpoints" / "results.csv").open(encoding="utf-8"))
    )
    if [(int(row["step"]), float(row["score"])) for row in rows] != [(step, min(step, ROWS) / ROWS) for step in STEPS]:
        yield f"results.csv: found {[(row['step'], row['score']) for row in rows]}"


def main() -> int:
    """Watch, kill, watch, kill, watch."""
    if sys.argv[1:2] == ["--serve"]:
        serve(int(sys.argv[2]))
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "test_quiz.py").write_text(PAGE, encoding="utf-8")
        (folder / "models.toml").write_text(PROFILE, encoding="utf-8")
        for step in STEPS:
            checkpoint = folder / "checkpoints" / f"checkpoint-{step}"
            checkpoint.mkdir(parents=True)
            (checkpoint / "trainer_state.json").write_text(json.dumps({"global_step": step}), encoding="ascii")
        statuses = [watch(folder, kill_at) for kill_at in (*KILLED, None)]
        found = list(faults(folder, statuses[-1]))
        requests = asked(folder / "counts")
    print(f"statuses {statuses}; {len(requests)} questions, {requests.total()} requests")
    print("\n".join(f"FAULT: {fault}" for fault in found) or "each checkpoint was evaluated once")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
