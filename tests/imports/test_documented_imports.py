"""The commands of the pages about other tools run as they are written, one after another."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from pytest_modeleval.cli import main
from tests.imports.outputs import graded_outputs
from tests.imports.test_inspect_logs import json_log
from tests.imports.test_lm_eval_outputs import lm_eval_outputs
from tests.runs.test_documented_commands import ROOT, commands_of

PAGES = ("imports", "from-evalscope", "from-lm-eval", "from-inspect")


def test_commands_run_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Imports, a comparison, and a gate over two imported runs."""
    monkeypatch.chdir(tmp_path)
    graded_outputs(tmp_path / "outputs" / "20261126_213000", wrong=5)
    graded_outputs(tmp_path / "outputs" / "20261127_213000", wrong=5)
    lm_eval_outputs(tmp_path / "results")
    (tmp_path / "logs").mkdir()
    json_log(tmp_path / "logs")
    gate = '[[gate]]\nkind = "floor"\nbenchmark = "evalscope_quiz"\nfloor = 0.5\n'
    (tmp_path / "gates.toml").write_text(gate, encoding="utf-8")
    commands = [command for name in PAGES for command in commands_of(ROOT / "docs" / f"{name}.md")]
    commands = [command for command in commands if command.startswith("modeleval ") and " view " not in command]
    for command in commands:
        assert main(shlex.split(command)[1:]) == 0, command
    assert len(commands) == 8
