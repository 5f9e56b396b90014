"""An index over benchmarks: declared in conftest.py, stated below the table, kept by merge, shown by compare."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from tests.support.loopback import LoopbackServer
from tests.support.suites import BENCHMARK, Suite, environment

CONFTEST = """
from pytest_modeleval import Index

def pytest_modeleval_indexes():
    return [Index("ours", {"quiz": 1, "second": 3}), Index("wider", {"quiz": 1, "elsewhere": 1})]
"""


def _modeleval(suite: Suite, *arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pytest_modeleval.cli", *map(str, arguments)],
        cwd=suite.path,
        env=environment(suite.path),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _run(suite: Suite, url: str, folder: str, *more: str) -> dict[str, Any]:
    result = suite.run(url, *more, "--eval-run", folder, "test_second.py", run=False)
    assert result.status == 0, result.out + result.err
    found: dict[str, Any] = json.loads((suite.path / folder / "summary.json").read_text())
    return {**found, "out": " ".join(result.out.split())}


def test_an_index_in_every_report(suite: Suite, server: LoopbackServer) -> None:
    """The weighted mean of the parts' scores; partial with bounds; the same of merged shards; compared with itself."""
    suite.write_rows(40)
    (suite.path / "conftest.py").write_text(CONFTEST)
    second = BENCHMARK.replace('name="quiz"', 'name="second"').replace("test_quiz", "test_second")
    (suite.path / "test_second.py").write_text(second.replace("SUBSETS", '["part"]'))
    whole = _run(suite, server.url, "whole")
    scores = {entry["benchmark"]: entry["subsets"][0]["score"] for entry in whole["benchmarks"]}
    ours, wider = whole["indexes"]
    assert ours["score"] == (scores["quiz"] + 3 * scores["second"]) / 4
    assert ours["identity"] == "quiz 1 mean_acc, second 1 mean_acc x 3"
    assert ours["low"] < ours["score"] < ours["high"]
    assert (wider["score"], wider["partial"], wider["missing"]) == (None, True, ["elsewhere"])
    assert (wider["at_least"], wider["at_most"]) == (scores["quiz"] / 2, scores["quiz"] / 2 + 0.5)
    assert f"Index ours: {ours['score']:.4f} (95 % " in whole["out"]
    assert "Index wider is partial: 1 of 2 benchmarks (quiz), without elsewhere; the whole is between " in whole["out"]
    for number in ("1", "2"):
        _run(suite, server.url, f"shard{number}", f"--eval-shard={number}/2")
    _modeleval(suite, "merge", "shard1", "shard2", "--into", "merged")
    assert json.loads((suite.path / "merged" / "summary.json").read_text())["indexes"] == [ours, wider]
    said = _modeleval(suite, "compare", "whole", "merged").partition("index ours\n")[2].splitlines()
    assert said[0] == f"  A  {ours['score']:.4f}  quiz 1 mean_acc, second 1 mean_acc x 3"
    assert said[2].startswith("  A to B: 0.0 points (95 % -")


def test_a_wrong_index_is_refused_before_the_first_request(suite: Suite, server: LoopbackServer) -> None:
    """Status 4, the expected form, nothing asked."""
    suite.write_rows(2)
    (suite.path / "conftest.py").write_text(CONFTEST.replace('"quiz": 1, "second": 3', '"quiz": 1, "second": 0'))
    result = suite.run(server.url)
    assert result.status == 4, result.out
    assert "index ours: expected the name of a benchmark and a positive weight, found 'second': 0" in result.err
    assert not server.seen.prompts
