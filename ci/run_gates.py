"""Do the gates keep their promises through the real command? Whole runs of pytest against a scripted server.

    python ci/run_gates.py [--pairs 200] [--early 20] [--flips 0.05] [--seed 1] [--only WORD ...]

- pairs: each run is judged against the one before it, which is no worse; none may fail, at alpha 0.001.
- planted: a drop of 15 points must end with status 1, every time.
- refused: a missing baseline, and one that was asked otherwise, must end with status 6 and say what to do.
- early: with --eval-stop-early a true drop of 10 points among 1,319 samples must fail every time and ask at most 40 %
  of them (median); no drop, with a margin of 3 points, must never fail.

A share of 2 x flips of the questions is answered by coin, so that two runs of the unchanged server differ in that share
of their answers. Ends with status 1 if a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.support.loopback import Answer, LoopbackServer, loopback
from tests.support.suites import BENCHMARK, environment

ROOT = Path(__file__).resolve().parent.parent
SAMPLES, LARGE = 120, 1319
GATE = 'alpha = {alpha}\n[[gate]]\nname = "drop"\nkind = "regression"\nbenchmark = "quiz"\nmargin = {margin}\n'
MOST_ASKED = 0.4


@dataclass
class World:
    """What the scripted model does. run: changes the coins; drop: share of the questions that are lost outright."""

    seed: int
    flips: float
    run: int = 0
    drop: float = 0.0

    def answer(self, body: dict[str, Any], _attempt: int) -> Answer:
        """Four in five are right; some by coin; some lost."""
        text = str(body["messages"][-1]["content"])
        fixed = random.Random(f"{self.seed} {text}")
        is_right, is_coin = fixed.random() < 0.8, fixed.random() < 2 * self.flips
        if is_coin:
            is_right = random.Random(f"{self.seed} {self.run} {text}").random() < 0.5
        # Of all questions, right or wrong: so that the score drops by that many points, more are lost than that.
        score = 0.8 * (1 - 2 * self.flips) + self.flips
        if random.Random(f"lost {self.seed} {self.run} {text}").random() < self.drop / score:
            is_right = False
        found = re.findall(r"\[\[([A-Z])\]\]", text)
        return Answer(text=f"ANSWER: {found[-1] if is_right else 'D'}")


@dataclass
class Project:
    """A folder with a benchmark and rows. runs: how many were made."""

    path: Path
    server: LoopbackServer
    runs: int = 0
    folder: Path = field(default_factory=Path)

    def prepare(self, samples: int, *, alpha: float, margin: float) -> None:
        """Write the module, the rows and the gate."""
        rows = self.path / "data" / "quiz" / "part.jsonl"
        rows.parent.mkdir(parents=True, exist_ok=True)
        lines = [
            {
                "question": f"Question {number} [[{'ABC'[number % 3]}]]",
                "choices": ["one", "two", "three", "four"],
                "answer": "ABC"[number % 3],
            }
            for number in range(samples)
        ]
        rows.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        (self.path / "test_quiz.py").write_text(BENCHMARK.replace("SUBSETS", "['part']"), encoding="utf-8")
        (self.path / "gates.toml").write_text(GATE.format(alpha=alpha, margin=margin), encoding="utf-8")

    def command(self, *more: str) -> tuple[int, str, dict[str, Any]]:
        """One real run: exit status, what it printed, its summary."""
        self.runs += 1
        self.folder = self.path / f"run-{self.runs}"
        arguments = ["--model", "test-model", "--model-url", self.server.url, "--eval-data", "data"]
        arguments += ["--eval-run", str(self.folder), "-p", "no:cacheprovider", "-q", *more, "test_quiz.py"]
        paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *arguments],
            cwd=self.path,
            env=environment(self.path, {"PYTHONPATH": paths}),
            capture_output=True,
            text=True,
            check=False,
        )
        summary = self.folder / "summary.json"
        found = json.loads(summary.read_text()) if summary.exists() else {}
        return done.returncode, done.stdout + done.stderr, found


JUDGE = ("--eval-gates", "gates.toml", "--eval-baseline")


def pairs(project: Project, world: World, count: int) -> Iterator[bool]:
    """Unchanged pairs, then planted drops, then what cannot be compared."""
    project.prepare(SAMPLES, alpha=0.001, margin=0.0)
    world.drop, world.run = 0.0, 0
    status, out, _ = project.command("--eval-bless", "base-0.json")
    if status:
        print(out)
        yield False
        return
    statuses, flips = Counter[int](), []
    for number in range(1, count + 1):
        world.run = number
        bless = ("--eval-bless", f"base-{number}.json")
        status, _, summary = project.command(*JUDGE, f"base-{number - 1}.json", *bless)
        statuses[status] += 1
        gate = summary["gates"][0]
        flips.append((gate["newly_wrong"] + gate["newly_right"]) / gate["n"])
    print(
        f"unchanged pairs: {statuses[0]} of {count} green at alpha 0.001, {SAMPLES} samples each"
        f" (statuses {dict(statuses)}; answers that differ: {sum(flips) / max(1, len(flips)):.3f})",
        flush=True,
    )
    yield statuses[0] == count


def planted(project: Project, world: World, count: int) -> Iterator[bool]:
    """Drops of 15 points among 1,319 samples, at alpha 0.001."""
    project.prepare(LARGE, alpha=0.001, margin=0.0)
    world.drop, world.run = 0.0, 0
    project.command("--eval-bless", "large.json")
    world.drop = 0.15
    statuses = Counter[int]()
    for number in range(1, count + 1):
        world.run = number
        statuses[project.command(*JUDGE, "large.json")[0]] += 1
    print(f"planted drops of 15 points: status 1 in {statuses[1]} of {count} (statuses {dict(statuses)})", flush=True)
    yield statuses[1] == count


def refused(project: Project, world: World) -> Iterator[bool]:
    """Baselines that are missing, or were asked otherwise."""
    project.prepare(SAMPLES, alpha=0.001, margin=0.0)
    world.drop, world.run = 0.0, 0
    project.command("--eval-bless", "small.json")
    for what, options, words in (
        ("a missing baseline", [*JUDGE, "none.json"], "--eval-bless"),
        ("another temperature", [*JUDGE, "small.json", "--eval-param", "temperature=0.7"], "temperature 0.0 there"),
    ):
        status, out, _ = project.command(*options)
        is_said = words in " ".join(out.split())
        print(f"{what}: status {status}, {'says what to do' if is_said else 'does not say what to do'}", flush=True)
        yield status == 6 and is_said


def early(project: Project, world: World, count: int) -> Iterator[bool]:
    """What stopping early asks of 1,319 samples."""
    for margin, drop in ((0.0, 0.1), (0.03, 0.1), (0.03, 0.0)):
        project.prepare(LARGE, alpha=0.01, margin=margin)
        world.drop, world.run = 0.0, 0
        project.command("--eval-bless", "large.json")
        world.drop = drop
        shares, statuses = [], Counter[int]()
        for number in range(1, count + 1):
            world.run = number
            status, out, summary = project.command(*JUDGE, "large.json", "--eval-stop-early")
            statuses[status] += 1
            if "saved" not in summary:
                print(out)
            shares.append(summary["saved"]["asked"] / summary["saved"]["of"])
        print(
            f"stopping early, margin {margin:g}, true drop {drop:g}: asked {100 * median(shares):.1f} % (median of"
            f" {count}; {100 * min(shares):.1f} to {100 * max(shares):.1f} %), statuses {dict(statuses)}",
            flush=True,
        )
        if drop:
            yield statuses[1] == count and median(shares) <= MOST_ASKED
        else:
            yield statuses[0] == count


def main() -> int:
    """Print a line for each bar; status 1 if one is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=200, help="unchanged pairs")
    parser.add_argument("--planted", type=int, default=5, help="runs with a planted drop")
    parser.add_argument("--early", type=int, default=20, help="runs of each case that stops early")
    parser.add_argument("--flips", type=float, default=0.05, help="answers that differ between unchanged runs")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=[], help="some of: pairs planted refused early")
    options = parser.parse_args()
    start = time.monotonic()
    world = World(options.seed, options.flips)
    with tempfile.TemporaryDirectory() as folder, loopback(world.answer) as server:
        project = Project(Path(folder), server)
        parts = {
            "pairs": lambda: pairs(project, world, options.pairs),
            "planted": lambda: planted(project, world, options.planted),
            "refused": lambda: refused(project, world),
            "early": lambda: early(project, world, options.early),
        }
        held = [bar for name, part in parts.items() if not options.only or name in options.only for bar in part()]
        seconds = time.monotonic() - start
        print(f"{project.runs} runs, seed {options.seed}, {seconds:.0f} s: {held.count(False)} bars missed")
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
