"""docs/from-evalscope.md: the calls of Python run as they are written, against a scripted server.

Its commands of pytest are run by test_documented_commands.py.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.runs.test_documented_commands import BFCL_SUBSETS, DATA, ROOT, commands_of, small_rows
from tests.support.loopback import Answer, LoopbackServer

PAGE = ROOT / "docs" / "from-evalscope.md"
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)
# What every benchmark of the tutorial asks: subset -> questions, with the rows that are there.
ASKED: dict[str, dict[str, int]] = {
    "iquiz": {"IQ": 10, "EQ": 10},
    "aime25": {"AIME2025-I": 5},
    "live_code_bench": {"release_latest": 10},
    "bfcl": dict.fromkeys(BFCL_SUBSETS, 3),
}


@pytest.mark.skipif(not DATA, reason="MODELEVAL_DATA names no folder with rows")
def test_the_calls_of_the_tutorial_run(
    tmp_path: Path, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each gives a complete result of the named subsets and numbers of questions, with the parameters it names."""
    server.models = ("MiniMaxAI/MiniMax-M2",)
    server.script = lambda *_: Answer("ANSWER: A")
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    monkeypatch.setenv("MODELEVAL_DATA", str(small_rows(project)))
    blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    names: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block.replace("http://localhost:8000/v1", server.url), str(PAGE), "exec"), names)
    for name, asked in ASKED.items():
        found = names[name]
        assert found.exit_status == 0
        assert {score.subset: score.planned for score in found.benchmarks[0].subsets} == asked
    assert {names["aime25"].run["benchmarks"]["aime25"]["params"][key] for key in ("temperature", "max_tokens")} == {
        0,
        65536,
    }
    (overall,) = (row for row in names["bfcl"].benchmarks[0].aggregates if row.name == "OVERALL")
    assert overall.is_partial
    assert "OVERALL" in capsys.readouterr().out


def test_every_benchmark_of_the_tutorial_is_there_twice() -> None:
    """Each call of Python stands below a command of pytest with the same options."""
    text = PAGE.read_text(encoding="utf-8")
    commands = [command for command in commands_of(PAGE) if command.startswith("pytest")]
    blocks = BLOCK.findall(text)
    assert len(commands) == len(blocks) == len(ASKED)
    for command, block in zip(commands, blocks, strict=True):
        for option, argument in (("--eval-limit", "limit"), ("--eval-in-flight", "in_flight")):
            given = re.search(rf"{option} (\d+)", command)
            assert (f"{argument}={given[1]}" if given else argument + "=") in block or not given
        for subset in re.findall(r"--eval-subset \w+=(\S+)", command):
            assert all(f'"{name}"' in block for name in subset.split(","))
