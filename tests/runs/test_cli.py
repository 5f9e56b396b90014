"""The command `modeleval` on runs of a scripted server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.loopback import Answer, LoopbackServer, Refuse
from tests.support.suites import Suite, key_answer


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


def _modeleval(*arguments: str | Path) -> tuple[int, str, str]:
    """Status, output and errors of the command. In a process of its own: pytester forgets modules that a test loads."""
    command = [sys.executable, "-m", "pytest_modeleval.cli", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    return done.returncode, done.stdout, done.stderr


def test_compare(runs: tuple[Path, Path, Path]) -> None:
    """Runs and baselines mix; flips are counted, and no difference is said plainly."""
    first, base, worse = runs
    status, out, _ = _modeleval("compare", base, worse)
    assert status == 0
    assert "10 newly wrong, 0 newly right of 100" in out
    status, out, _ = _modeleval("compare", first, base)
    assert status == 0
    assert "0 newly wrong, 0 newly right" in out


def test_compare_lists_flips_with_both_answers_and_takes_more_runs(runs: tuple[Path, Path, Path]) -> None:
    """Newly wrong ones stand with what was answered before and now; three sides make three pairs, ties are named."""
    first, base, worse = runs
    status, out, _ = _modeleval("compare", first, worse, base, "--flips", "2")
    assert status == 0
    assert "newly wrong, the first 2 of 10:" in out
    assert " part-0001: right 'B' -> wrong 'D'" in out
    assert [line[2:9] for line in out.splitlines() if " to " in line and "points" in line] == [
        "A to B:",
        "A to C:",
        "B to C:",
    ]
    assert "A to C: 0.0 points" in out
    assert "a tie: nothing here tells them apart" in out
    _, none, _ = _modeleval("compare", first, worse, "--flips", "0")
    assert "part-0001" not in none


def test_compare_loads_neither_pytest_nor_an_http_client(runs: tuple[Path, Path, Path]) -> None:
    """What the command needs is read from disk and counted; two runs of 14,042 samples have two seconds."""
    first, base, _ = runs
    program = (
        "import sys; from pytest_modeleval.cli import main; main(sys.argv[1:]);"
        "print(sorted({'pytest', '_pytest', 'httptools', 'aiohttp', 'httpx', 'jinja2'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", program, "compare", str(first), str(base)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_noise_and_plan(runs: tuple[Path, Path, Path]) -> None:
    """Two runs of one deployment give its flip rate; plan says what a sensitivity takes."""
    first, _, worse = runs
    status, out, _ = _modeleval("noise", first, worse)
    assert status == 0
    assert "0.1" in out
    status, out, _ = _modeleval("plan", "--drop", "0.05", "--flip-rate", "0.1")
    assert status == 0
    assert "5.0 points" in out


def test_an_unfinished_run_is_compared_as_one(
    runs: tuple[Path, Path, Path], suite: Suite, server: LoopbackServer
) -> None:
    """What has no verdict is in no comparison, and the run that lacks it is named with the number."""
    server.script = lambda body, attempt: (
        Refuse(400) if "Question 3 " in body["messages"][-1]["content"] else key_answer(body, attempt)
    )
    suite.run_dir = suite.path / "unfinished"
    suite.run(server.url)
    status, out, _ = _modeleval("compare", runs[0], suite.run_dir)
    assert status == 0
    first, second = out.splitlines()[:2]
    assert "without a verdict" not in first
    assert "; 1 of its items without a verdict)" in second
    assert "0 newly wrong, 0 newly right of 99" in out


def test_noise_wants_one_deployment(runs: tuple[Path, Path, Path], suite: Suite, server: LoopbackServer) -> None:
    """Runs that were asked otherwise differ by more than noise: status 4, and what differs."""
    suite.run_dir = suite.path / "hot"
    suite.run(server.url, "--eval-param", "temperature=0.7")
    status, out, err = _modeleval("noise", runs[0], suite.run_dir)
    assert status == 4, out
    assert "temperature" in err


def test_a_fault_of_ours_is_no_failed_gate(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Python would end with status 1 after an exception, which says that a gate failed."""
    from pytest_modeleval import cli

    def broken(given: object) -> list[str]:
        raise RuntimeError("broken")

    monkeypatch.setattr(cli, "_plan", broken)
    assert cli.main(["plan", "--drop", "0.1", "--flip-rate", "0.1"]) == 3
    assert "RuntimeError: broken" in capsys.readouterr().err

    def full(given: object) -> list[str]:
        raise OSError(28, "No space left on device", "summary.json")

    monkeypatch.setattr(cli, "_plan", full)
    assert cli.main(["plan", "--drop", "0.1", "--flip-rate", "0.1"]) == 4
    assert "summary.json" in capsys.readouterr().err


@pytest.mark.parametrize("more", [["--margin", "-1"], ["--margin", "nan"], ["--margin", "1"], ["--samples", "0"]])
def test_a_plan_wants_sound_figures(more: list[str]) -> None:
    """A margin that is none, no samples at all: one line, status 4."""
    status, _, err = _modeleval("plan", "--drop", "0.05", "--flip-rate", "0.1", *more)
    assert status == 4
    assert f"modeleval plan: {more[0]}: expected" in err
    assert "Traceback" not in err


def test_mistakes(tmp_path: Path) -> None:
    """A folder that is no run, a share that is none: one line, status 4."""
    status, _, err = _modeleval("compare", tmp_path, tmp_path)
    assert status == 4
    assert "expected a run folder" in err
    assert "Traceback" not in err
    assert _modeleval("plan", "--drop", "5", "--flip-rate", "0.1")[0] == 4
    status, _, err = _modeleval()
    assert (status, "--help" in err) == (4, True)
