"""Whole runs of the benchmark rag on Cranfield with a scripted judge of known error rates, a few seeds.

    python ci/run_rag.py --cranfield DIR [--seeds 3] [--questions 100 20] [--miss 0.1] [--false-alarm 0.2]

Each seed measures the judge (judge_statements, blessed), then runs rag with that record. Printed is for each judged
measure what a judge without errors finds, the plain and the corrected figure with their intervals, and at the end how
many hold it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.support.loopback import LoopbackServer
from tests.support.rag_judge import RagJudge
from tests.support.rag_world import World
from tests.support.suites import environment


def measures(world: World, judge: RagJudge, folder: Path) -> dict[str, Any]:
    """Measure -> its row in summary.json, of one run."""
    world.write(folder)
    server = LoopbackServer(judge, models=("referee",))
    server.start()

    def run(*options: str) -> None:
        command = [sys.executable, "-m", "pytest", "-q", "--eval-data=data", *options]
        done = subprocess.run(command, cwd=folder, env=environment(folder), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(done.stdout[-2_000:] + done.stderr[-2_000:])

    try:
        run(
            *("--model", "referee", "--model-url", server.url, "-k", "judge_statements", "--eval-run=judge"),
            "--eval-bless=judge.json",
        )
        run(
            *("--model", "my-rag", "--model-set", "rag.fixture=rag", "-k", "rag and not judge", "--eval-run=run"),
            *("--judge", "referee", "--judge-url", server.url, "--eval-option=rag.judge_record=judge.json"),
        )
    finally:
        server.stop()
    summary = json.loads((folder / "run" / "summary.json").read_text(encoding="utf-8"))
    (found,) = [entry for entry in summary["benchmarks"] if entry["benchmark"] == "rag"]
    return {row["name"]: row for row in found["measures"]}


def shown(row: dict[str, Any]) -> str:
    """The figure and its interval."""
    return f"{row['score']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"


def main() -> int:
    """Every seed, printed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cranfield", type=Path, required=True, help="corpus.jsonl, queries.jsonl and qrels.jsonl")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--questions", type=int, nargs="+", default=[100, 20])
    parser.add_argument("--miss", type=float, default=0.1, help="share of true statements that the judge misses")
    parser.add_argument("--false-alarm", type=float, default=0.2, help="share of false ones that it passes")
    given = parser.parse_args()
    plain = corrected = total = 0
    for count in given.questions:
        world = World(given.cranfield, count)
        for seed in range(given.seeds):
            with tempfile.TemporaryDirectory() as folder:
                judge = RagJudge(miss=given.miss, false_alarm=given.false_alarm, seed=seed)
                rows = measures(world, judge, Path(folder))
            for name, truth in world.truth().items():
                one, other = rows[name], rows[f"{name}_corrected"]
                total += 1
                plain += one["low"] <= truth <= one["high"]
                corrected += other["low"] <= truth <= other["high"]
                print(f"{count:4} {seed:2} {name:18} true {truth:.3f}  plain {shown(one)}  corrected {shown(other)}")
    print(f"intervals that hold the true share: plain {plain}, corrected {corrected} of {total}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
