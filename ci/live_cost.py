"""What a run costs more while somebody looks at it with `modeleval view`, and how far the page is behind.

    python ci/live_cost.py [--samples 2000] [--pairs 3] [--delay 0.25]

A run against a scripted server on loopback, alone, with the command and headless Chromium at its list of samples, and
beside a process that computes as much as these two and knows nothing of the run, in turn: two threads of one core take
longer for the same work, and only what the page costs beyond that is the page's. Prints the CPU seconds of the run's
process and their ratios; and the delay of the page: how long ago the first grade was made that the page does not count
yet, looked up several times a second from the journal's own times. Needs chromium and chromedriver.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import psutil

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from bench_reports import Used, measured, reply, write_project  # noqa: E402

from tests.support.browsers import chromium  # noqa: E402
from tests.support.loopback import Answer, loopback  # noqa: E402

# What the page says, and when: on a busy machine the answer to the browser's driver takes a while.
_COUNT = "return [document.getElementById('sample-count')?.textContent || '', Date.now() / 1000]"
_LIVE = "return fetch('/api/runs').then(r => r.json()).then(j => j.runs.filter(r => r.live).map(r => r.key))"
_LOOK_S = 0.1
T = TypeVar("T")


def script(delay_s: float, body: dict[str, Any], _: int) -> Answer:
    """A reply after a while."""
    found = reply(body, 1)
    return Answer(text=found.text, tokens=found.tokens, delay_s=delay_s)


def run(folder: Path, name: str, delay_s: float) -> Used:
    """The run."""
    with loopback(partial(script, delay_s)) as server:
        at = ("--model", "test-model", "--model-url", server.url, "--eval-data", "data", "--eval-run", f"runs/{name}")
        return measured(
            folder, "-m", "pytest", "-p", "no:cacheprovider", "-q", *at, "--eval-in-flight=16", "test_quiz.py"
        )


_BURN = """
import sys, time
share = float(sys.argv[1])
while True:
    end = time.perf_counter() + 0.02 * share
    while time.perf_counter() < end:
        pass
    time.sleep(0.02 * max(0.0, 1.0 - share))
"""


def busy_s() -> float:
    """CPU seconds of all processes of the machine since it started."""
    times = psutil.cpu_times()
    return float(times.user + times.system + times.nice + times.softirq)


def others(use: Callable[[], T]) -> tuple[T, float]:
    """What `use` gives, and the CPU seconds that the machine spent meanwhile."""
    before = busy_s()
    found = use()
    return found, busy_s() - before


def beside(folder: Path, name: str, delay_s: float, load: float) -> Used:
    """The run beside processes that keep so many cores busy."""
    shares = [min(1.0, load - core) for core in range(math.ceil(load))]
    burners = [subprocess.Popen([sys.executable, "-c", _BURN, str(share)]) for share in shares]
    try:
        return run(folder, name, delay_s)
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


def watched(folder: Path, name: str, delay_s: float) -> tuple[Used, list[float]]:
    """The run with a page at it; and the delays of the page in seconds."""
    delays: list[float] = []
    over = threading.Event()
    command = [sys.executable, "-m", "pytest_modeleval.cli", "view", str(folder / "runs"), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder) as server, chromium() as browser:
        try:
            assert server.stdout is not None
            found = re.search(r"http://\S+/", server.stdout.readline())
            assert found is not None
            looking = threading.Thread(
                target=look, args=(browser, found.group(), folder / "runs" / name, over.is_set, delays)
            )
            looking.start()
            used = run(folder, name, delay_s)
            over.set()
            looking.join()
        finally:
            server.terminate()
    return used, delays


def look(browser: Any, url: str, folder: Path, is_over: Callable[[], bool], delays: list[float]) -> None:
    """Open the run as soon as it is in the list, and compare the page with the journal until the run is over."""
    journal = folder / "journal.jsonl"
    while not is_over() and not (journal.exists() and b'"grade"' in journal.read_bytes()):
        time.sleep(_LOOK_S)
    browser.get(url)
    keys: list[str] = []
    while not is_over() and not keys:
        keys = browser.execute_script(_LIVE)
    browser.get(f"{url}runs/{''.join(keys)}/#samples")
    while not is_over() and not browser.execute_script(_COUNT)[0]:
        time.sleep(_LOOK_S)
    while not is_over():
        text, now = browser.execute_script(_COUNT)
        shown = re.search(r"of ([\d,]+)", text)
        count = int(shown[1].replace(",", "")) if shown else 0
        times = grade_times(journal)
        delays.append(max(0.0, now - times[count]) if count < len(times) else 0.0)
        time.sleep(_LOOK_S)


def grade_times(journal: Path) -> list[float]:
    """When each grade was made, in the order of the journal; a line that is being written is left out."""
    lines = journal.read_bytes().splitlines()
    grades = (line for line in lines if line.startswith(b'{"type":"grade"') and line.endswith(b"}"))
    return [datetime.fromisoformat(json.loads(line)["time"]).timestamp() for line in grades]


def delay_text(ordered: list[float]) -> str:
    """Quantiles of the delays."""
    p95 = ordered[int(0.95 * (len(ordered) - 1))]
    median = statistics.median(ordered)
    return f"page behind: median {median:.2f} s, p95 {p95:.2f} s, most {ordered[-1]:.2f} s, {len(ordered)} looks"


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=2_000)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--delay", type=float, default=0.25, metavar="S", help="seconds until a reply (0.25)")
    given = parser.parse_args()
    ratios = []
    with tempfile.TemporaryDirectory(prefix="live-cost-") as name:
        folder = Path(name)
        write_project(folder, given.samples)
        for pair in range(given.pairs):
            alone, all_s = others(partial(run, folder, f"alone-{pair}", given.delay))
            (with_page, delays), all_watched_s = others(partial(watched, folder, f"watched-{pair}", given.delay))
            load = max(0.0, (all_watched_s - all_s) / with_page.wall_s)
            control = beside(folder, f"beside-{pair}", given.delay, load)
            ratios.append((with_page.cpu_s / alone.cpu_s, control.cpu_s / alone.cpu_s))
            print(f"alone    {alone}\nwatched  {with_page}  ratio {ratios[-1][0]:.3f}")
            print(f"beside   {control}  ratio {ratios[-1][1]:.3f} at {load:.2f} cores of other work")
            if delays:
                print(delay_text(sorted(delays)))
    page, control_ratio = (statistics.median(column) for column in zip(*ratios, strict=True))
    print(
        f"CPU of the run, medians of {len(ratios)}: watched to alone {page:.3f}, beside other work {control_ratio:.3f}"
    )


if __name__ == "__main__":
    main()
