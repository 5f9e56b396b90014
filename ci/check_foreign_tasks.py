"""Tasks of lm-eval, Inspect and EvalScope, run by their own package and by --eval-tasks on one scripted server.

    python ci/check_foreign_tasks.py lm_eval --data DIR [--most 40] [--env DIR]

Values of every document are compared to the last digit, figures of tasks and groups to 1e-12, and the CPU time of both
processes is printed. Each package has an environment of its own with this project in it, made where it is missing.
Status 1 where anything differs.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from foreign_tasks.server import MODEL

HERE = Path(__file__).parent
ROOT = HERE.parent
REQUIREMENTS = {
    "lm_eval": ["lm-eval[api]==0.4.13"],
    "inspect": ["inspect-ai==0.3.285", "inspect-evals==0.26.0", "openai"],
    "evalscope": ["evalscope==1.14.1"],
}


@dataclass
class Run:
    """A finished run of ours."""

    cpu_s: float
    outcomes: dict[tuple[str, str, str], Mapping[str, Any]] = field(default_factory=dict)
    """(benchmark, subset, sample) -> the last outcome of the journal."""
    summary: Mapping[str, Any] = field(default_factory=dict)
    responses: int = 0

    def measures(self, benchmark: str, subset: str, number: int) -> Mapping[str, Any]:
        outcome = self.outcomes.get((benchmark, subset, f"{subset}-{number:04d}"))
        return (outcome or {}).get("measures") or {}


@dataclass
class Comparison:
    """What was compared, and what differs."""

    compared: int = 0
    differences: list[str] = field(default_factory=list)

    def value(self, where: str, theirs: float, ours: float | None, *, tolerance: float = 0.0) -> None:
        """tolerance: relative."""
        self.compared += 1
        if ours is None or not abs(theirs - ours) <= tolerance * max(1.0, abs(theirs)):
            self.differences.append(f"{where}: theirs {theirs!r}, ours {ours!r}")


def environment(package: str, folder: Path) -> Path:
    """The interpreter of the package's environment, made where it is missing."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run(["uv", "venv", "-q", "--python", sys.executable, str(folder)], check=True)
        wanted = [*REQUIREMENTS[package], "-e", str(ROOT)]
        subprocess.run(["uv", "pip", "install", "-q", "--python", str(python), *wanted], check=True)
    return python


@contextmanager
def server(keys: Mapping[str, str], folder: Path) -> Iterator[str]:
    """A running scripted server: its address with /v1."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    file = folder / "keys.json"
    file.write_text(json.dumps(keys), encoding="utf-8")
    process = subprocess.Popen([sys.executable, str(HERE / "foreign_tasks" / "server.py"), str(port), str(file)])
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(200):
            try:
                urllib.request.urlopen(f"{url}/health", timeout=5).close()
                break
            except OSError:
                time.sleep(0.05)
        yield f"{url}/v1"
    finally:
        process.terminate()
        process.wait(10)


def timed(command: Sequence[str], *, cwd: Path, log: Path, accepted: Sequence[int] = (0,)) -> float:
    """CPU seconds of a command and its children. Raises CalledProcessError for a status that is not accepted."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    # No plugin but ours: theirs has none either. The data caches are the check's own.
    env = {
        **os.environ,
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "MODELEVAL_CACHE": str(cwd / "cache"),
        "HF_HUB_OFFLINE": "1",
    }
    env["OPENAI_API_KEY"] = "none"
    with log.open("w", encoding="utf-8") as out:
        found = subprocess.run(command, cwd=cwd, stdout=out, stderr=subprocess.STDOUT, env=env, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if found.returncode not in accepted:
        print(log.read_text(encoding="utf-8")[-4000:], file=sys.stderr)
        raise subprocess.CalledProcessError(found.returncode, command)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def run_ours(python: Path, url: str, tasks: str, folder: Path, name: str, *more: str) -> Run:
    """One run of --eval-tasks."""
    run = folder / name
    command = [str(python), "-m", "pytest", "-q", "-p", "pytest_modeleval.plugin", "-p", "no:cacheprovider"]
    where = [f"--model={MODEL}", f"--model-url={url}", f"--eval-tasks={tasks}", f"--eval-run={run}"]
    cpu_s = timed([*command, *where, *more], cwd=folder, log=folder / f"{name}.log", accepted=(0, 1))
    made = Run(cpu_s, summary=json.loads((run / "summary.json").read_text(encoding="utf-8")))
    for line in (run / "journal.jsonl").read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if entry["type"] == "grade":
            made.outcomes[entry["benchmark"], entry["subset"], entry["sample"]] = entry
        made.responses += entry["type"] == "response"
    return made


def figures(summary: Mapping[str, Any]) -> dict[tuple[str, str], float]:
    """(subset or aggregate, metric) -> its score."""
    found: dict[tuple[str, str], float] = {}
    for benchmark in summary["benchmarks"]:
        for measure in benchmark.get("measures") or ():
            found[measure["subset"], measure["name"]] = measure["score"]
        for subset in benchmark["subsets"]:
            found.setdefault((subset["subset"], benchmark["metric"]), subset["score"])
        for aggregate in benchmark.get("aggregates") or ():
            found[aggregate["name"], benchmark["metric"]] = aggregate["score"]
    return found


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", choices=sorted(REQUIREMENTS))
    parser.add_argument("--data", type=Path, required=True, help="benchmark rows in the fields of their hubs")
    parser.add_argument("--env", type=Path, help="the environment of the package (default: below the cache folder)")
    parser.add_argument("--most", type=int, default=40, help="rows of each task (default 40)")
    parser.add_argument("--keep", type=Path, help="a folder for the files of the check, which are kept")
    given = parser.parse_args()
    python = environment(
        given.package, given.env or Path.home() / ".cache" / "pytest-modeleval" / f"env-{given.package}"
    )
    module = __import__(f"foreign_tasks.compare_{given.package}", fromlist=["compare"])
    with tempfile.TemporaryDirectory() as made:
        folder = (given.keep or Path(made)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        found: Comparison = module.compare(python, folder, given.data.resolve(), given.most)
    for line in found.differences[:40]:
        print(line)
    print(f"{found.compared:,} values compared, {len(found.differences):,} differ")
    return 1 if found.differences or not found.compared else 0


if __name__ == "__main__":
    sys.modules["check_foreign_tasks"] = sys.modules["__main__"]
    sys.exit(main())
