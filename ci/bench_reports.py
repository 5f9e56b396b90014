"""What reports cost at the size of MMLU: JUnit, pytest-html, report.html, and `modeleval compare` on two runs.

    python ci/bench_reports.py [--samples 14042] [--keep DIR]

Runs a benchmark of 57 subsets against a scripted server on loopback: plain, with --junitxml, with --html, and once
more with other answers, each in a process of its own. Prints CPU and wall seconds, peak memory and file sizes; how long
headless Chromium takes to open the pages (skipped without chromium and chromedriver); and what compare takes. All in
one go on one machine, so that figures can be set against each other.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import random
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.support.loopback import Answer, loopback  # noqa: E402
from tests.support.suites import BENCHMARK, environment  # noqa: E402

SUBSETS = [f"topic_{number:02d}" for number in range(57)]
WORDS = ["energy", "market", "theory", "court", "cell", "number", "law", "river", "polymer", "treaty", "neuron", "tax"]
REPLY = "Each choice is looked at in turn, and it is said why it does or does not hold here. " * 15


@dataclass(frozen=True)
class Used:
    """What one process took."""

    status: int
    wall_s: float
    cpu_s: float
    peak_mb: float

    def __str__(self) -> str:
        """One line."""
        return f"{self.wall_s:6.2f} s wall  {self.cpu_s:6.2f} s CPU  {self.peak_mb:4.0f} MB  status {self.status}"


def measured(folder: Path, *arguments: str) -> Used:
    """Run python with these arguments in the folder; its output goes to output.txt."""
    begun = time.perf_counter()
    with (folder / "output.txt").open("ab") as output:
        env = {**environment(folder), "PYTHONPATH": str(ROOT)}
        actions = [(os.POSIX_SPAWN_DUP2, output.fileno(), 1), (os.POSIX_SPAWN_DUP2, output.fileno(), 2)]
        here = Path.cwd()
        os.chdir(folder)
        pid = os.posix_spawn(sys.executable, [sys.executable, *arguments], env, file_actions=actions)
        os.chdir(here)
        _, status, used = os.wait4(pid, 0)
    return Used(
        os.waitstatus_to_exitcode(status),
        time.perf_counter() - begun,
        used.ru_utime + used.ru_stime,
        used.ru_maxrss / 1024,
    )


def write_project(folder: Path, samples: int) -> None:
    """The benchmark and its rows."""
    rows = random.Random(1)
    (folder / "data" / "quiz").mkdir(parents=True)
    (folder / "test_quiz.py").write_text(BENCHMARK.replace("SUBSETS", repr(SUBSETS)))
    number = 0
    for place, subset in enumerate(SUBSETS):
        lines = []
        for _ in range(samples // len(SUBSETS) + (place < samples % len(SUBSETS))):
            text = " ".join(rows.choices(WORDS, k=80))
            row = {"question": f"Question {number}: {text}", "choices": ["one", "two", "three", "four"]}
            lines.append(json.dumps({**row, "answer": "ABCD"[number % 4]}) + "\n")
            number += 1
        (folder / "data" / "quiz" / f"{subset}.jsonl").write_text("".join(lines))


def reply(body: dict[str, Any], seed: int) -> Answer:
    """Three in four right, and 6 % other than in a run with another seed."""
    number = int(body["messages"][-1]["content"].split()[1].rstrip(":"))
    is_right = random.Random(f"all {number}").random() < 0.75
    own = random.Random(f"{seed} {number}").random()
    if own > 0.995:
        return Answer(text=REPLY, tokens=300)
    letter = "ABCD"[(number + (is_right == (own < 0.06))) % 4]
    return Answer(text=f"{REPLY}\nANSWER: {letter}", tokens=300)


def _script(seed: int, body: dict[str, Any], attempt: int) -> Answer:
    return reply(body, seed)


def opened(pages: list[Path]) -> None:
    """Open each page three times in one browser, and print the quickest."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        print("pages are not opened: chromium and chromedriver are not installed")
        return
    if importlib.util.find_spec("selenium") is None:
        print("pages are not opened: selenium is not installed (pip install --group test)")
        return
    from tests.support.browsers import chromium as browser  # noqa: PLC0415 - selenium

    with browser() as running:
        for page in pages:
            times = []
            for _ in range(3):
                running.get("about:blank")
                begun = time.perf_counter()
                running.get(page.as_uri())
                running.execute_script("return document.body.offsetHeight")
                times.append(time.perf_counter() - begun)
            print(f"{page.name:<24} opens in {min(times):.2f} s, {page.stat().st_size / 1e6:.1f} MB")


def main() -> None:
    """Write the files, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=14_042)
    parser.add_argument("--keep", type=Path, default=None, metavar="DIR", help="work there, and leave all files")
    given = parser.parse_args()
    folder = given.keep or Path(tempfile.mkdtemp(prefix="bench-reports-"))
    folder.mkdir(parents=True, exist_ok=True)
    write_project(folder, given.samples)
    try:
        ways: list[tuple[str, int, tuple[str, ...]]] = [
            ("plain", 1, ()),
            ("junit", 1, ("--junitxml", "junit.xml", "-W", "error")),
            ("pytest-html", 1, ("--html", "pytest-html.html", "--self-contained-html")),
            ("another", 2, ()),
        ]
        for name, seed, options in ways:
            with loopback(partial(_script, seed)) as server:
                at = ("--model", "test-model", "--model-url", server.url, "--eval-data", "data", "--eval-run", name)
                used = measured(folder, "-m", "pytest", "-p", "no:cacheprovider", "-q", *at, *options, "test_quiz.py")
            print(f"{name:<12} {used}")
        junit = folder / "junit.xml"
        print(f"junit.xml {junit.stat().st_size / 1e6:.1f} MB, {junit.read_text().count('<testcase '):,} cases")
        opened([folder / "pytest-html.html", folder / "plain" / "report.html"])
        for _ in range(3):
            print(f"{'compare':<12} {measured(folder, '-m', 'pytest_modeleval.cli', 'compare', 'plain', 'another')}")
    finally:
        if given.keep is None:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
