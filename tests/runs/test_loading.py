"""Garbage collection is paused while items are collected, and on again afterwards."""

from __future__ import annotations

import subprocess
import sys

import pytest
from suites import Suite, environment

CONFTEST = """
import gc, sys
import pytest

def pytest_collection_modifyitems(config):
    print("collected", gc.isenabled())
    print("finders", *(type(finder).__module__ for finder in sys.meta_path))

def pytest_runtestloop():
    print("loop", gc.isenabled())
"""
PROGRAM = """
import gc, sys
import pytest
status = pytest.main(sys.argv[1:])
print("after", status, gc.isenabled())
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
    """After pytest.main, however it ended, garbage is collected again; no import hook of ours is ever installed."""
    suite.write_rows(2)
    (suite.path / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "-s", *suite.arguments("http://localhost:1", *arguments, run=False)],
        cwd=suite.path,
        env=environment(suite.path),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert f"after {status} True" in done.stdout, done.stdout + done.stderr
    if status == 0:
        assert "collected False" in done.stdout or "--eval-fast-path=off" in arguments
        assert "pytest_modeleval" not in next(line for line in done.stdout.splitlines() if line.startswith("finders"))
        assert "loop True" in done.stdout
