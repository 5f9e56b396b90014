"""`modeleval perf` is one line for pytest: the same run, the same exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.perf.points import OPTIONS
from pytest_modeleval.cli import main
from pytest_modeleval.commands import perf
from tests.support.loopback import Answer, LoopbackServer


def _perf(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, in a folder."""
    command = [sys.executable, "-m", "pytest_modeleval.cli", "perf", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)


def test_every_option_of_the_benchmark_is_one_of_the_command() -> None:
    """With dashes for underscores."""
    assert {f"{option.name.replace('_', '-')}" for option in OPTIONS} == perf._OPTIONS.keys()


def test_options_become_those_of_pytest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours are options of the benchmark; all others follow as they are, in their order, -k last."""
    called: list[list[str]] = []

    def note(_: str, command: list[str]) -> None:
        called.append(command)
        raise SystemExit(0)

    monkeypatch.setattr(os, "execv", note)
    given = ["--points", "c1 c8", "-n", "2", "--warm-up", "-1", "--eval-gates=g.toml", "-k", "c8"]
    with pytest.raises(SystemExit):
        main(["perf", "--model", "m", *given])
    (command,) = called
    assert command == [
        *[sys.executable, "-m", "pytest", "perf"],
        "-k",
        "perf",
        "--eval-option=perf.points=c1 c8",
        "--eval-option=perf.warm_up=-1",
        *["--model", "m", "-n", "2", "--eval-gates=g.toml", "-k", "c8"],
    ]


def test_a_server_is_measured_without_a_test_file(tmp_path: Path, server: LoopbackServer) -> None:
    """In any folder, whose own tests stay out; the run folder is that of pytest; a mistake ends with its status."""
    (tmp_path / "perf").mkdir()
    (tmp_path / "perf" / "test_perf.py").write_text("def test_perf():\n    raise AssertionError\n")
    server.script = lambda body, attempt: Answer("a b c d", tokens=4)
    given = ["--workload", "chat-16-4", "--points", "c1 c2", "--requests", "12", "--max-lag-ms", "5000 20000"]
    at = ["--model", "test-model", "--model-url", server.url, "--eval-run=runs/perf", "-p", "no:cacheprovider"]
    done = _perf(tmp_path, *given, *at)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "chat-16-4@c2: 1" in done.stdout
    summary = json.loads((tmp_path / "runs" / "perf" / "summary.json").read_text())
    assert [point["point"] for point in summary["benchmarks"][0]["points"]] == ["chat-16-4@c1", "chat-16-4@c2"]
    refused = _perf(tmp_path, "--model", "test-model", "--model-url", server.url, "--points", "many")
    assert refused.returncode == 4
    assert "expected a load" in refused.stdout + refused.stderr


def test_other_commands_refuse_what_they_do_not_know(capsys: pytest.CaptureFixture[str]) -> None:
    """Only perf passes options on."""
    with pytest.raises(SystemExit) as ended:
        main(["plan", "--drop", "0.1", "--flip-rate", "0.1", "--model", "m"])
    assert ended.value.code == 4
    assert "unrecognized arguments: --model m" in capsys.readouterr().err
