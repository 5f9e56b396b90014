"""Garbage collection is paused while items are collected; our modules are imported without assertion rewriting."""

from __future__ import annotations

import subprocess
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest

from pytest_modeleval import plain_imports
from pytest_modeleval.plain_imports import PlainFinder
from tests.support.suites import Suite, environment

CONFTEST = """
import gc, sys
import pytest

def pytest_collection_modifyitems(config):
    print("collected", gc.isenabled())
    names = [name for name in sys.modules if name.startswith("pytest_modeleval.")]
    for name in names:
        print("loader", type(sys.modules[name].__spec__.loader).__name__, name)

def pytest_runtestloop():
    print("loop", gc.isenabled())
"""
HEAVY = ("numpy", "scipy", "sympy", "pandas", "pyarrow", "datasets", "httpx")
PROGRAM = """
import gc, sys
import pytest
status = pytest.main(sys.argv[1:])
print("after", status, gc.isenabled())
print("finders", *(type(finder).__module__ for finder in sys.meta_path))
"""


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["--collect-only"], 0),
        (["--collect-only", "--eval-fast-path=off"], 0),
        (["--collect-only", "-k", "no and"], 4),
        (["--eval-limit", "nonsense"], 4),
    ],
    ids=["whole", "fast path off", "stopped while collecting", "stopped at once"],
)
def test_everything_is_given_back(suite: Suite, arguments: list[str], status: int) -> None:
    """After pytest.main, however it ended, garbage is collected again and our import hook is gone."""
    suite.write_rows(2)
    (suite.path / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "-s", *suite.arguments("http://localhost:1", *arguments, run=False)],
        cwd=suite.path,
        env=environment(suite.path),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert f"after {status} True" in done.stdout, done.stdout + done.stderr
    assert "pytest_modeleval" not in next(line for line in done.stdout.splitlines() if line.startswith("finders"))
    if status == 0:
        assert "collected False" in done.stdout or "--eval-fast-path=off" in arguments
        assert "loop True" in done.stdout


def test_modules_are_loaded_by_python(suite: Suite) -> None:
    """Python's own loader loads the modules of the package; pytest rewrites test modules, and what ran before us."""
    suite.write_rows(2)
    (suite.path / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    done = suite.run("http://localhost:1", "--collect-only", "-s", run=False)
    lines = [line.split()[1:] for line in done.out.splitlines() if line.startswith("loader")]
    loaders = {name: loader for loader, name in lines}
    assert len(loaders) > 100, done.out
    # These are imported before pytest has configured the plugin.
    early = {"pytest_modeleval.plugin", "pytest_modeleval.options"}
    assert {name for name, loader in loaders.items() if loader != "SourceFileLoader"} <= early


def test_test_modules_are_left_to_pytest() -> None:
    """The finder finds modules of the package, and neither test modules nor anything else."""
    finder, folder = PlainFinder(), [str(Path(plain_imports.__file__).parent)]
    found = finder.find_spec("pytest_modeleval.records", folder)
    assert found is not None
    assert type(found.loader) is SourceFileLoader
    for name in ("pytest_modeleval.shipped_benchmarks.quiz.test_quiz", "pytest_modeleval_more.records", "json"):
        assert finder.find_spec(name, folder) is None


def test_pages_whose_subsets_are_files_load_nothing_heavy(tmp_path: Path) -> None:
    """They are imported in every run with -k: a file may have the name that is asked for."""
    (tmp_path / "conftest.py").write_text(
        f"import sys\ndef pytest_collection_finish():\n"
        f"    print('heavy', *(name for name in {HEAVY!r} if name in sys.modules), 'end')\n"
        f"    print('ranking', 'benchmarks.ranking.dense' in sys.modules)\n",
        encoding="utf-8",
    )
    (tmp_path / "general_mcq").mkdir()
    row = '{"question": "?", "A": "x", "B": "y", "answer": "A"}\n'
    (tmp_path / "general_mcq" / "own.jsonl").write_text(row, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-s", "--collect-only", "-k", "general_mcq", "--model", "m"]
    done = subprocess.run(
        [*command, "--model-url", "http://localhost:1/v1", "--eval-data", "."],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert "heavy end" in done.stdout, done.stdout + done.stderr
    assert "ranking True" in done.stdout
