"""A small project for whole-program tests: a benchmark of its own, rows, and ways to run pytest on them."""

from __future__ import annotations

import atexit
import functools
import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.fork_server import ForkServer
from tests.support.loopback import Answer

BENCHMARK = """
from pytest_modeleval import Request, Sample, benchmark
from pytest_modeleval.datasets import local
from pytest_modeleval.graders import grade_choice

def to_sample(row):
    return Sample(question=row.text("question"), choices=row.texts("choices"), target=row.text("answer"))

def to_request(sample):
    return Request(messages=[{"role": "user", "content": sample.question}])

@benchmark(name="quiz", version="1", dataset=local("quiz/{subset}"), subsets=SUBSETS, sample=to_sample,
           request=to_request, grade=grade_choice, defaults={"max_tokens": 64})
def test_quiz(grade):
    assert grade, grade.explanation
"""


def key_answer(body: dict[str, Any], attempt: int) -> Answer:
    """The letter in the last [[X]] of the prompt, as the asked form wants it."""
    found = re.findall(r"\[\[([A-Z])\]\]", str(body["messages"][-1]["content"]))
    return Answer(text=f"ANSWER: {found[-1] if found else 'A'}")


@dataclass(frozen=True)
class Result:
    """One finished run of pytest. summary: summary.json of its run folder, None if it wrote none."""

    status: int
    out: str
    err: str
    summary: dict[str, Any] | None

    def subset(self, name: str = "part") -> dict[str, Any]:
        """One subset of the first benchmark."""
        assert self.summary is not None, self.out + self.err
        found: dict[str, Any] = next(
            entry for entry in self.summary["benchmarks"][0]["subsets"] if entry["subset"] == name
        )
        return found


class Suite:
    """A project folder with a benchmark `quiz` of `count` rows; every fourth answer of key_answer is wrong."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.path = pytester.path
        self.run_dir = self.path / "run"
        self.write_benchmark()

    def write_benchmark(self, source: str = BENCHMARK, *, subsets: tuple[str, ...] = ("part",)) -> Path:
        """Put the test module in place."""
        file = self.path / "test_quiz.py"
        file.write_text(source.replace("SUBSETS", repr(list(subsets))), encoding="utf-8")
        return file

    def write_rows(self, count: int, *, subset: str = "part") -> Path:
        """Rows whose prompt holds the letter that key_answer replies; it is the target for three in four."""
        rows = []
        for index in range(count):
            target = "ABCD"[index % 3]
            said = target if index % 4 else "D"
            question = f"Question {index} of {subset} [[{said}]]"
            rows.append({"question": question, "choices": ["one", "two", "three", "four"], "answer": target})
        return self.write_raw("".join(json.dumps(row) + "\n" for row in rows), subset=subset)

    def write_raw(self, text: str, *, subset: str = "part") -> Path:
        """Any text as the data file."""
        file = self.path / "data" / "quiz" / f"{subset}.jsonl"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def shorten_waits(self) -> None:
        """Wait a fiftieth of the time before an attempt is repeated, for runs in which much fails on purpose."""
        (self.path / "conftest.py").write_text(
            "from pytest_modeleval.dispatch import retry_policy\n\n"
            "retry_policy.FIRST_DELAY_S /= 50\nretry_policy.MAX_DELAY_S /= 50\n",
            encoding="utf-8",
        )

    def arguments(self, url: str | None, *more: str, run: bool = True) -> list[str]:
        """The command line after `pytest`."""
        where = [f"--eval-run={self.run_dir}"] if run else []
        at = ["--model", "test-model", "--model-url", url] if url is not None else []
        return ["-p", "no:cacheprovider", *at, f"--eval-data={self.path / 'data'}", *where, *more, "test_quiz.py"]

    def run(self, url: str | None, *more: str, run: bool = True) -> Result:
        """Run pytest in a process of its own and wait for it."""
        return self.command(*self.arguments(url, *more, run=run))

    def command(self, *arguments: str, env: dict[str, str] | None = None) -> Result:
        """Run pytest with exactly these arguments: forked, or in a new interpreter if it is to be another one."""
        if any(name.startswith("PYTHON") for name in env or ()):
            return self.python("-m", "pytest", *arguments, env=env)
        status, out, err = fork_server().run(list(arguments), cwd=self.path, env=environment(self.path, env))
        return Result(status, out, err, self.summary())

    def python(self, *arguments: str, env: dict[str, str] | None = None) -> Result:
        """Run the interpreter with these arguments, in the surroundings of a run."""
        with self._started(*arguments, env=env) as process:
            out, err = process.communicate(timeout=600)
        return Result(process.returncode, out, err, self.summary())

    def start(self, *arguments: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
        """Begin a run and do not wait."""
        return self._started("-m", "pytest", *arguments, env=env)

    def _started(self, *arguments: str, env: dict[str, str] | None) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=self.path,
            env=environment(self.path, env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def summary(self) -> dict[str, Any] | None:
        """summary.json of the run folder; the newest one where the run folder was left to the plugin."""
        found = sorted([self.run_dir, *self.path.glob("modeleval-runs/*/*")], key=lambda path: path.name)
        files = [path / "summary.json" for path in found if (path / "summary.json").exists()]
        loaded: dict[str, Any] | None = json.loads(files[-1].read_text()) if files else None
        return loaded


@functools.cache
def fork_server() -> ForkServer:
    """The fork server of this process."""
    server = ForkServer(environment(Path()))
    atexit.register(server.close)
    return server


def without_times(summary: dict[str, Any] | None) -> dict[str, Any]:
    """A summary without what a clock measured: all that two runs of one experiment have in common."""
    assert summary is not None
    times = ("first_token_s", "total_s", "tokens_per_s")
    requests = [
        {name: value for name, value in entry.items() if name not in times} for entry in summary.get("requests") or ()
    ]
    return {**summary, "requests": requests}


def environment(home: Path, more: dict[str, str] | None = None) -> dict[str, str]:
    """The environment of a run: 80 columns, no colours, a cache of its own, nothing of ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MODELEVAL_", "PYTEST_"))}
    for name in ("CI", "FORCE_COLOR", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "BUILD_NUMBER"):
        kept.pop(name, None)
    # Compiled once, not in every run; and hypothesis, which these projects do not use, takes seconds to load.
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    kept["PYTEST_ADDOPTS"] = without_plugins()
    return {**kept, "COLUMNS": "80", "NO_COLOR": "1", "MODELEVAL_CACHE": str(home / "cache"), **(more or {})}


def without_plugins(*wanted: str) -> str:
    """PYTEST_ADDOPTS that leaves out the plugins which these projects do not use, but for the wanted ones."""
    unused = (
        *("hypothesispytest", "randomly", "rerunfailures", "timeout", "pytest_cov", "asyncio", "pytest_mock"),
        *("anyio", "benchmark", "repeat", "sugar", "allure_pytest", "rich"),
    )
    return " ".join(f"-p no:{name}" for name in unused if name not in wanted)


def kill_group(process: subprocess.Popen[str], number: int = signal.SIGKILL) -> None:
    """Send a signal to everything the process started in its group, as a terminal or a machine would."""
    os.killpg(process.pid, number)
