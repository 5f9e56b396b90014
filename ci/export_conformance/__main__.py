"""Do EvalScope and Inspect read our exports, with the same scores and counts? `python ci/export_conformance [RUN ...]`.

Makes two virtual environments with the newest evalscope and inspect-ai (--venvs DIR, default .export-conformance in the
cache folder; about 1.5 GB), exports each run, lets the two programs read the exports with their own functions, and
compares. Without RUN it makes one: repeats, partial credit, thinking, tool calls, a conversation, a judge, ungraded
items and hostile names. Exit status 0 only if everything agrees.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from pytest_modeleval.cli import main as modeleval
from pytest_modeleval.exports.evalscope import DIGITS
from pytest_modeleval.exports.target import safe_name
from pytest_modeleval.results import BenchmarkSummary
from pytest_modeleval.runs.finished_run import FinishedRun, open_run
from tests.support.run_folders import varied_run

HERE = Path(__file__).resolve().parent
PACKAGES = {"evalscope": "evalscope[service]", "inspect": "inspect-ai"}


def interpreter(folder: Path, package: str) -> Path:
    """The interpreter of an environment with the package, made if it is not there."""
    python = folder / "bin" / "python"
    if (folder / "ready").exists():
        return python
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv:
        run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder))
        run(uv, "pip", "install", "--quiet", "--python", str(python), package)
    else:
        run(sys.executable, "-m", "venv", "--clear", str(folder))
        run(str(python), "-m", "pip", "install", "--quiet", package)
    (folder / "ready").touch()
    return python


def run(*command: str) -> str:
    """The output of a command. Raises SystemExit where it fails."""
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: status {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-3000:]}")
    return done.stdout


def read(python: Path, form: str, folder: Path) -> dict[str, Any]:
    """The export as the other program reads it."""
    output = run(str(python), str(HERE / f"read_{form}.py"), str(folder))
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
    return found


def values_of(finished: FinishedRun, benchmark: str) -> dict[str, list[float]]:
    """Subset -> the values of its items with a verdict, in order."""
    found: dict[str, list[float]] = {}
    for record in finished.samples.index():
        if record.benchmark == benchmark and record.kind.is_verdict:
            found.setdefault(record.subset, []).append(record.value)
    return found


def differs(name: str, ours: object, theirs: object) -> Iterator[str]:
    """A line where two values differ; floats to the digits that EvalScope keeps."""
    is_same = ours == theirs
    if isinstance(ours, float) and isinstance(theirs, int | float):
        is_same = math.isclose(ours, theirs, abs_tol=0.51 * 10**-DIGITS)
    if not is_same:
        yield f"{name}: ours {ours!r}, theirs {theirs!r}"


def compare_evalscope(entry: BenchmarkSummary, values: dict[str, list[float]], theirs: dict[str, Any]) -> Iterator[str]:
    """Scores and counts of subsets, of the benchmark, and the value of every sample."""
    scored = [score for score in entry.subsets if score.score is not None]
    yield from differs(f"{entry.benchmark} samples", sum(score.num for score in scored), theirs["num"])
    official = next((score.score for score in entry.aggregates if score.is_official), None)
    if official is not None:
        yield from differs(f"{entry.benchmark} score", official, theirs["score"])
    for score in scored:
        name = safe_name(score.subset)
        yield from differs(f"{entry.benchmark} {name} score", score.score, theirs["subsets"][name]["score"])
        yield from differs(f"{entry.benchmark} {name} samples", score.num, theirs["subsets"][name]["num"])
        yield from differs(f"{entry.benchmark} {name} values", values.get(score.subset, []), theirs["values"][name])


def compare_inspect(entry: BenchmarkSummary, values: dict[str, list[float]], theirs: dict[str, Any]) -> Iterator[str]:
    """Scores of subsets and aggregates, samples with and without a verdict, and the value of every sample."""
    for score in (*entry.subsets, *entry.aggregates):
        name = getattr(score, "subset", None) or getattr(score, "name", "")
        yield from differs(f"{entry.benchmark} {name} score", score.score, theirs["metrics"].get(name))
    graded = sum(len(found) for found in values.values())
    total = sum(score.items for score in entry.subsets)
    yield from differs(f"{entry.benchmark} scored", graded, theirs["scored"])
    yield from differs(f"{entry.benchmark} unscored", total - graded, theirs["unscored"])
    yield from differs(f"{entry.benchmark} errors", total - graded, theirs["errors"])
    # Inspect orders samples by repeat.
    ordered, found = ({name: sorted(part) for name, part in side.items()} for side in (values, theirs["values"]))
    yield from differs(f"{entry.benchmark} values", ordered, found)


COMPARE = {"evalscope": compare_evalscope, "inspect": compare_inspect}


def check(folder: Path, pythons: dict[str, Path], scratch: Path) -> list[str]:
    """Export a run in both formats; the differences that the two programs see."""
    finished = open_run(folder)
    problems = []
    for form, python in pythons.items():
        out = scratch / f"{safe_name(str(folder))}-{form}"
        if modeleval(["export", str(folder), "--to", form, "--out", str(out)]):
            return [f"{folder}: no export to {form}"]
        theirs = read(python, form, out)
        samples = 0
        for entry in finished.summary.benchmarks:
            name = safe_name(entry.benchmark) if form == "evalscope" else entry.benchmark
            values = values_of(finished, entry.benchmark)
            samples += sum(len(found) for found in values.values())
            if name not in theirs:
                problems.append(f"{form}: {name} is missing")
                continue
            problems += [f"{form}: {text}" for text in COMPARE[form](entry, values, theirs[name])]
        version = run(
            str(python),
            "-c",
            f"from importlib.metadata import version; print(version('{PACKAGES[form].partition('[')[0]}'))",
        )
        print(f"{form} {version.strip()}: {len(finished.summary.benchmarks)} benchmarks, {samples} graded samples read")
    return problems


def main() -> int:
    """Run the comparison; 0 if nothing differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="*", type=Path, metavar="RUN")
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    parser.add_argument("--venvs", type=Path, default=cache / ".export-conformance", metavar="DIR")
    given = parser.parse_args()
    given.venvs.mkdir(parents=True, exist_ok=True)
    pythons = {form: interpreter(given.venvs / form, package) for form, package in PACKAGES.items()}
    with tempfile.TemporaryDirectory() as scratch:
        runs = given.runs or [varied_run(Path(scratch) / "made")]
        problems = [f"{folder}: {text}" for folder in runs for text in check(folder, pythons, Path(scratch))]
    print("\n".join(problems) or "no difference")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
