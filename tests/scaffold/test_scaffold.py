"""`modeleval new`: what it writes runs as it is, and it overwrites nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_modeleval.cli import main
from pytest_modeleval.errors import SettingsError
from pytest_modeleval.scaffold import write_benchmark
from tests.support.loopback import Answer, LoopbackServer
from tests.support.suites import Suite


def test_the_written_benchmark_runs(suite: Suite, server: LoopbackServer, capsys: pytest.CaptureFixture[str]) -> None:
    """Two rows asked, one answered right; the command printed names the page and its data."""

    def script(body: dict[str, Any], attempt: int) -> Answer:
        return Answer(text="ANSWER: 42")

    server.script = script
    assert main(["new", "capitals", "--into", str(suite.path)]) == 0
    page = suite.path / "capitals" / "test_capitals.py"
    assert f"pytest {page} --model embedded --eval-data={suite.path / 'capitals' / 'data'}" in capsys.readouterr().out
    given = [f"--eval-data={page.parent / 'data'}", f"--eval-run={suite.run_dir}", "-p", "no:cacheprovider"]
    result = suite.command("--model", "test-model", "--model-url", server.url, *given, str(page))
    assert result.status == 0, result.out + result.err
    assert result.subset("example")["score"] == 0.5


@pytest.mark.parametrize("name", ["Capitals", "my-quiz", "", "../x", "1st"])
def test_a_name_that_cannot_be_a_benchmark_is_refused(name: str, tmp_path: Path) -> None:
    """Nothing is written."""
    with pytest.raises(SettingsError, match="expected a lower-case word"):
        write_benchmark(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_is_left_alone(tmp_path: Path) -> None:
    """A second call refuses and changes nothing."""
    write_benchmark("quiz", tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(SettingsError, match="exists already"):
        write_benchmark("quiz", tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
