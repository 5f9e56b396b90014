"""Measures the speed of grading programs, as ratios in one run: 100 programs x 20 tests, next to a process per test.

    python ci/bench_code_grading.py [--programs 100] [--tests 20] [--json FILE]

Prints, for programs that do next to nothing: programs per CPU second of each grader (CPU of all processes), and the CPU
and wall time that ours adds per test. For programs that compute about 40 ms per test: wall time against the tests' own
CPU time divided by the cores in use, and CPU time of all processes against it. The two need opposite programs, so they
are measured separately.
The others: `process` starts a new interpreter per test without isolation; `sandboxed process` does so inside bubblewrap
(where it is installed), the cost of a process per test with the same isolation as ours.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pytest_modeleval.graders.code.grader_pool import GraderPool, default_workers
from pytest_modeleval.graders.code.output_comparison import same_output
from pytest_modeleval.graders.code.prelude import CONTEST_PRELUDE
from pytest_modeleval.graders.code.problem import Case, Problem, ProgramStatus
from pytest_modeleval.sandbox import Limits

LIGHT = (
    "import sys\nfrom collections import defaultdict\ncount = defaultdict(int)\n"
    "for word in sys.stdin.read().split():\n    count[{number} % 7] += int(word)\nprint(count[{number} % 7])"
)
HEAVY = LIGHT + "\nx = 1\nfor i in range({turns}):\n    x = x * i % 1000003"
# A contest judge has these ready for every program; the others import them in each process.
IMPORTS = (
    "import sys, math, re, heapq, bisect, itertools, functools, collections, random, string, json, datetime, typing\n"
)


@dataclass(frozen=True)
class Measured:
    """CPU seconds of all processes, and wall seconds."""

    cpu_s: float
    wall_s: float


def measured(work: Callable[[], object]) -> Measured:
    """What one piece of work takes, its child processes included once they have ended."""
    begun, cpu = time.perf_counter(), _cpu()
    work()
    return Measured(_cpu() - cpu, time.perf_counter() - begun)


def _cpu() -> float:
    return sum(
        used.ru_utime + used.ru_stime
        for used in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )


def cases(tests: int) -> tuple[Case, ...]:
    """Small sums."""
    return tuple(Case(f"{n} {n + 1}\n", str(2 * n + 1)) for n in range(tests))


def grade_with_ours(sources: list[str], tests: int, workers: int, *, has_prelude: bool = True) -> None:
    """All programs, by a pool that is started and ended inside the measurement."""
    prelude = CONTEST_PRELUDE if has_prelude else ()
    problem = Problem(limits=Limits(), cases=partial(cases, tests), prelude=prelude)
    pool = GraderPool(workers, packages=())
    try:
        results = [future.result() for future in [pool.submit(problem, source) for source in sources]]
    finally:
        pool.close()
    wrong = [result for result in results if result.status is not ProgramStatus.PASSED]
    if wrong:
        raise SystemExit(f"a right program was not passed: {wrong[0]}")


def grade_by_process(sources: list[str], tests: int, workers: int, *, prefix: list[str]) -> None:
    """All programs, one fresh interpreter per test."""
    python = os.path.realpath(sys.executable)

    def one(source: str) -> bool:
        for case in cases(tests):
            done = subprocess.run(
                [*prefix, python, "-c", IMPORTS + source],
                input=case.stdin,
                capture_output=True,
                text=True,
                timeout=20,
                check=True,
            )
            if not same_output(done.stdout, case.expected):
                return False
        return True

    with ThreadPoolExecutor(workers) as threads:
        if not all(threads.map(one, sources)):
            raise SystemExit("a right program was not passed")


def bubblewrap() -> list[str]:
    """A plain sandbox for one process; [] without bubblewrap."""
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        return []
    shown = {"/usr", os.path.realpath(sys.base_prefix)}
    words = [
        bwrap,
        "--unshare-all",
        "--as-pid-1",
        "--die-with-parent",
        "--clearenv",
        "--tmpfs",
        "/tmp",
        "--proc",
        "/proc",
    ]
    for path in sorted(shown):
        words += ["--ro-bind", path, path]
    for name in ("lib", "lib64", "bin"):
        if Path("/", name).is_symlink():
            words += ["--symlink", str(Path("/", name).readlink()), f"/{name}"]
    return [*words, "--"]


def in_process_cpu_s(source: str, tests: int) -> float:
    """CPU seconds that the tests of one program take by themselves, in a process that is there already."""
    code = (
        "import io, sys, time\nsource, tests = sys.argv[1], int(sys.argv[2])\ncode = compile(source, 's', 'exec')\n"
        "begun = time.process_time()\nfor n in range(tests):\n    sys.stdin = io.StringIO(f'{n} {n + 1}')\n"
        "    exec(code, {'__name__': '__main__'})\nprint(time.process_time() - begun, file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, source, str(tests)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stderr)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=int, default=100)
    parser.add_argument("--tests", type=int, default=20)
    parser.add_argument("--turns", type=int, default=600_000, help="loop turns of the heavy programs")
    parser.add_argument("--heavy-programs", type=int, default=20)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    workers = default_workers()
    light = [LIGHT.format(number=number) for number in range(chosen.programs)]
    heavy = [HEAVY.format(number=number, turns=chosen.turns) for number in range(chosen.heavy_programs)]
    runs = chosen.programs * chosen.tests
    own_light_s = in_process_cpu_s(light[0], chosen.tests) * chosen.programs
    ours = measured(lambda: grade_with_ours(light, chosen.tests, workers))
    bare = measured(lambda: grade_by_process(light, chosen.tests, workers, prefix=[]))
    walled = measured(lambda: grade_by_process(light, chosen.tests, workers, prefix=bubblewrap()))
    own_heavy_s = sum(in_process_cpu_s(source, chosen.tests) for source in heavy)
    slow = measured(lambda: grade_with_ours(heavy, chosen.tests, workers))
    figures = {
        "cores": workers,
        "programs": chosen.programs,
        "tests": chosen.tests,
        "ours_programs_per_cpu_s": chosen.programs / ours.cpu_s,
        "process_programs_per_cpu_s": chosen.programs / bare.cpu_s,
        "sandboxed_process_programs_per_cpu_s": chosen.programs / walled.cpu_s if bubblewrap() else None,
        "ratio_to_process": bare.cpu_s / ours.cpu_s,
        "ratio_to_sandboxed_process": walled.cpu_s / ours.cpu_s if bubblewrap() else None,
        "cpu_overhead_per_test_ms": 1000 * (ours.cpu_s - own_light_s) / runs,
        "wall_overhead_per_test_ms": 1000 * (ours.wall_s * workers - own_light_s) / runs,
        "heavy_own_cpu_s": own_heavy_s,
        "heavy_wall_s": slow.wall_s,
        # Wall time says little on a machine with other load; this ratio does not depend on it.
        "heavy_cpu_to_own_cpu": slow.cpu_s / own_heavy_s,
        "heavy_wall_to_own_cpu_per_core": slow.wall_s / (own_heavy_s / workers),
        "load_average": os.getloadavg()[0],
    }
    for name, value in figures.items():
        print(f"{name:40} {value:.3f}" if isinstance(value, float) else f"{name:40} {value}")
    if chosen.json:
        chosen.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
