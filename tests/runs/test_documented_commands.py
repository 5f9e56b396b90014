"""Every command of README and docs runs as it is written; where ci/test made a plain installation, in that one."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.loopback import Answer, LoopbackServer, Script

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
DATA = os.environ.get("MODELEVAL_DATA", "")
# The interpreter of an environment with nothing but the built wheel; ci/test makes it.
PLAIN_PYTHON = os.environ.get("MODELEVAL_PLAIN_PYTHON", sys.executable)
COMMAND = re.compile(r"(?:[A-Z_]+=\S+ )*(?:pytest|modeleval) (?!process)")
MOST_ROWS = 120  # enough for a gate to judge
BFCL_SUBSETS = ("simple_python", "simple_java", "simple_javascript", "multiple", "parallel", "parallel_multiple")
# What a command reads that an earlier run has to have written.
EARLIER_RUN = re.compile(r"runs/|\.json\b")
# Commands that this test does not run, by their beginning, each with the reason.
NOT_RUN = {
    "pytest test_capitals.py": "run with its page by tests/benchmarks/test_writing_a_benchmark.py",
    "pytest --model MiniMax-M2 -k aime25 --model-set": "launches a server on GPUs",
    "pytest test_school.py": "run with its page by tests/benchmarks/test_writing_a_benchmark.py",
    "pytest --model MiniMax-M2 --judge Qwen3-235B": "needs a second server and rows that are not shipped",
    "modeleval watch": "needs a training's checkpoints and a server for each; see tests/training/test_watch.py",
    "modeleval import-run": "run by tests/imports/test_documented_imports.py",
    "modeleval compare runs/monday": "run by tests/imports/test_documented_imports.py",
    "modeleval merge runs/monday": "run by tests/imports/test_documented_imports.py",
    "modeleval merge runs/tuesday": "run by tests/imports/test_documented_imports.py",
    "modeleval arena": "needs finished runs and a judge; see tests/runs/test_arena.py",
    "pytest --model NAME -k alpaca_eval": "needs a judge; see tests/benchmarks/test_pairwise_pages.py",
    "modeleval view": "serves until it is stopped; run by tests/view and tests/commands/test_view.py",
    "pytest --model Qwen3-235B -k judge_check": "needs labelled pairs; see tests/benchmarks/test_judge_check.py",
    "pytest --model my-model --eval-tasks": "needs packages of others; see ci/check_foreign_tasks.py",
    "pytest --model my-rag": "needs a pipeline and rows; its example is run by tests/runs/test_rag.py",
    "modeleval rag-questions": "needs documents and a model; see tests/rag",
    "pytest --model Qwen3-235B -k judge_statements": "needs labelled rows; see tests/benchmarks/test_rag_pages.py",
    "pytest --model embedded-embedder": "embeds a collection for minutes; see tests/runs/test_retrieval_runs.py",
    "pytest --model my-embedder": "needs a server of vectors; see tests/runs/test_retrieval_runs.py",
    "pytest --model my-reranker": "needs a server of relevance; see tests/runs/test_retrieval_runs.py",
    "pytest --model new --eval-role": "needs two servers; see tests/runs/test_perf.py",
    "pytest --model MiniMax-M2 -k simple_qa --judge": "needs a second server; see test_judge.py",
}
# Exit statuses other than 0, by the beginning of the command, each with the reason.
STATUS = {
    # Three shards are run, and the gate compares a run with itself.
    "modeleval merge runs/1": (0, 6),
    # A point is ungraded where this machine is too busy to measure it.
    "modeleval perf": (0, 6),
    "pytest --model NAME -k perf": (0, 6),
}

pytestmark = pytest.mark.skipif(not DATA, reason="MODELEVAL_DATA names no folder with rows")


def commands_of(page: Path) -> list[str]:
    """The commands in the blocks of a page, lines with a backslash joined, comments removed."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    found = []
    is_fenced = False
    for line in text.splitlines():
        if line.startswith("```"):
            is_fenced = not is_fenced
        stripped = line.strip().removeprefix("$ ")
        if (line.startswith("    ") or is_fenced) and COMMAND.match(stripped):
            found.append(shlex.join(shlex.split(stripped, comments=True)))
    return found


CASES = [pytest.param(page, id=page.name) for page in PAGES if commands_of(page)]


def substituted(command: str, url: str) -> list[str]:
    """The command with the placeholders of the documents filled in, and the embedded model replaced by a server."""
    words = []
    for word in shlex.split(command):
        if re.fullmatch(r"https?://\S+|URL", word):
            words.append(url)
        else:
            words.append({"NAME": "my-model", "embedded": "my-model", "fake": "my-model"}.get(word, word))
    if words[:2] != ["modeleval", "perf"] and "perf" in words:
        # The open loops of the documents take 20 seconds each.
        words += ["--eval-option", "perf.requests=10", "--eval-option", "perf.seconds=1"]
    if words[0] == "pytest" and "--model" in words and "--model-url" not in words:
        words += ["--model-url", url]
    return words


def prepare(folder: Path) -> None:
    """Files that the documents take for granted: gates, a baseline's place, runs to compare."""
    gates = '[[gate]]\nkind = "regression"\nbenchmark = "gsm8k"\n'
    (folder / "ci" / "baselines").mkdir(parents=True)
    for file in (folder / "gates.toml", folder / "ci" / "gates.toml"):
        file.write_text(gates, encoding="utf-8")


def script_of(data: Path) -> Script:
    """A server that knows the numbers of GSM8K and gives three of four of them."""
    file = max((data / "gsm8k").rglob("*.jsonl"), key=lambda each: each.name == "test.jsonl")
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    numbers = {row["question"].strip(): row["answer"].rpartition("####")[2].strip() for row in rows}

    def answer(body: dict[str, Any], _: int) -> Answer:
        prompt = str(body["messages"][-1]["content"])
        known = next((number for question, number in numbers.items() if question in prompt), "0")
        return Answer(text=f"ANSWER: {known if len(prompt) % 4 else 'unknown'}")

    return answer


def small_rows(folder: Path) -> Path:
    """The benchmarks that documents name, with few rows each."""
    data = folder.parent / "rows"
    for name in ("gsm8k", "aime25", "iquiz", "live_code_bench"):
        for file in sorted((Path(DATA) / name).rglob("*")):
            target = data / name / file.relative_to(Path(DATA) / name)
            target.parent.mkdir(parents=True, exist_ok=True)
            if file.suffix == ".jsonl":
                with file.open(encoding="utf-8") as source:
                    target.write_text(
                        "".join(line for line, _ in zip(source, range(MOST_ROWS), strict=False)), encoding="utf-8"
                    )
            elif file.is_file():
                shutil.copy(file, target)
    for subset in BFCL_SUBSETS:
        (data / "bfcl_v4").mkdir(exist_ok=True)
        shutil.copy(Path(DATA) / "bfcl_v4" / f"{subset}.jsonl", data / "bfcl_v4")
    shutil.copy(data / "live_code_bench" / "release_v1.jsonl", data / "live_code_bench" / "release_latest.jsonl")
    return data


def run(words: list[str], folder: Path, data: Path) -> subprocess.CompletedProcess[str]:
    """One command in a folder, with the entry points of the plain installation."""
    given = {}
    while "=" in words[0]:
        name, _, value = words.pop(0).partition("=")
        given[name] = value
    # The commands of the environment, not `python -m`, which would put the current folder on the path.
    program = str(Path(PLAIN_PYTHON).with_name(words[0]))
    options = ["-p", "no:cacheprovider"] if words[0] == "pytest" else []
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MODELEVAL_", "PYTEST_"))}
    environ = {**kept, "MODELEVAL_DATA": str(data), "MY_KEY": "a-key", "COLUMNS": "100", **given}
    return subprocess.run(
        [program, *words[1:], *options],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def make_earlier_runs(folder: Path, data: Path, url: str) -> None:
    """A run, blessed, and copies of it under the names of the documents."""
    words = substituted("pytest --model NAME -k gsm8k", url)
    blessed = run([*words, "--eval-run=runs/before", "--eval-bless=first.json"], folder, data)
    assert blessed.returncode == 0, blessed.stdout + blessed.stderr
    for name in ("after", "monday", "tuesday"):
        shutil.copytree(folder / "runs" / "before", folder / "runs" / name)
    shutil.copy(folder / "first.json", folder / "baseline.json")
    shutil.copy(folder / "first.json", folder / "ci" / "baselines" / "name.json")


@pytest.mark.parametrize("page", CASES)
def test_commands_of_a_page_run_in_order(page: Path, tmp_path: Path, server: LoopbackServer) -> None:
    """Outside of the checkout, in one folder for each page, each command ends with the promised status."""
    server.models = ("my-model", "MiniMax-M2")
    folder = tmp_path / "project"
    folder.mkdir()
    prepare(folder)
    data = small_rows(folder)
    server.script = script_of(data)
    commands = [command for command in commands_of(page) if not any(map(command.startswith, NOT_RUN))]
    if any(map(EARLIER_RUN.search, commands)):
        make_earlier_runs(folder, data, server.url)
    for command in commands:
        expected = next((status for start, status in STATUS.items() if command.startswith(start)), (0,))
        done = run(substituted(command, server.url), folder, data)
        assert done.returncode in expected, f"{command}\n{done.stdout}\n{done.stderr}"


def test_what_is_not_run_is_still_in_the_documents() -> None:
    """An exception that no command needs any more goes."""
    every = [command for page in PAGES for command in commands_of(page)]
    for start in [*NOT_RUN, *STATUS]:
        assert any(command.startswith(start) for command in every), start


def test_the_first_command_runs_inside_of_a_checkout(tmp_path: Path, server: LoopbackServer) -> None:
    """With a plain installation, at the top of a copy of the repository: the local benchmark is taken, once."""
    server.models = ("my-model",)
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            target = tmp_path / "checkout" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target)
    words = substituted("pytest --model embedded -k wiring", server.url)
    done = run([*words, "--collect-only", "-q"], tmp_path / "checkout", Path(DATA))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "90 tests collected" in done.stdout
