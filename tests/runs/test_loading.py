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
