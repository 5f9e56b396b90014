"""What is done to load and collect quickly ends with it: the hook for imports, and no garbage being looked for."""

from __future__ import annotations

import subprocess
import sys

import pytest
from suites import Suite, environment

CONFTEST = """
import gc, sys
import pytest

def loader(name):
    return type(sys.modules[name].__loader__).__name__

def pytest_collection_modifyitems(config):
    ours = [loader("pytest_modeleval." + name) for name in ("registration", "graders.choice")]
    print("collected", gc.isenabled(), *ours)
    print("benchmark", loader("test_quiz"))

def pytest_runtestloop():
    print("loop", gc.isenabled())
"""
PROGRAM = """
import gc, sys
import pytest
status = pytest.main(sys.argv[1:])
ours = [finder for finder in sys.meta_path if type(finder).__module__.startswith("pytest_modeleval")]
print("after", status, gc.isenabled(), ours)
"""


@pytest.mark.parametrize(
    ("arguments", "status"),
    [(["--collect-only"], 0), (["--collect-only", "-k", "no and"], 4), (["--eval-limit", "nonsense"], 4)],
    ids=["whole", "stopped while collecting", "stopped at once"],
)
def test_everything_is_given_back(suite: Suite, arguments: list[str], status: int) -> None:
    """After pytest.main, however it ended: garbage is looked for, and the package's finder is gone."""
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
    assert f"after {status} True []" in done.stdout, done.stdout + done.stderr
    if status == 0:
        assert "collected False SourceFileLoader SourceFileLoader" in done.stdout
        assert "benchmark AssertionRewritingHook" in done.stdout
        assert "loop True" in done.stdout
