"""The command `modeleval` on runs of a scripted server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

# Here, because pytester forgets modules that were first imported during a test, and numpy cannot be loaded twice.
import numpy as np  # noqa: F401
import pytest
from loopback import Answer, LoopbackServer
from suites import Suite, key_answer

from pytest_modeleval.cli import main


def _worse(body: dict[str, Any], attempt: int) -> Answer:
    """Right answers become wrong for every tenth question."""
    number = int(str(body["messages"][-1]["content"]).split()[1])
    return Answer(text="ANSWER: D") if number % 10 == 1 else key_answer(body, attempt)


@pytest.fixture
def runs(suite: Suite, server: LoopbackServer) -> tuple[Path, Path, Path]:
    """A run, the same run as a baseline, and a worse run."""
    suite.write_rows(100)
    suite.run(server.url, "--eval-bless", "base.json")
    first = suite.run_dir
    suite.run_dir = suite.path / "worse"
    server.script = _worse
    suite.run(server.url)
    return first, suite.path / "base.json", suite.run_dir


def test_compare(runs: tuple[Path, Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    """Runs and baselines mix; flips are counted, and no difference is said plainly."""
    first, base, worse = runs
    assert main(["compare", str(base), str(worse)]) == 0
    out = capsys.readouterr().out
    assert "10 newly wrong, 0 newly right of 100" in out
    assert main(["compare", str(first), str(base)]) == 0
    assert "0 newly wrong, 0 newly right" in capsys.readouterr().out


def test_noise_and_plan(runs: tuple[Path, Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    """Two runs of one deployment give its flip rate; plan says what a sensitivity takes."""
    first, _, worse = runs
    assert main(["noise", str(first), str(worse)]) == 0
    assert "0.1" in capsys.readouterr().out
    assert main(["plan", "--drop", "0.05", "--flip-rate", "0.1"]) == 0
    assert "5.0 points" in capsys.readouterr().out


def test_mistakes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder that is no run: one line, status 4."""
    assert main(["compare", str(tmp_path), str(tmp_path)]) == 4
    assert "expected a run folder" in capsys.readouterr().err
    assert main(["plan", "--drop", "5", "--flip-rate", "0.1"]) == 4
