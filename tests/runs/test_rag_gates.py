"""RAG on Cranfield with a judge of known error rate, whole program: corrected measures, and gates over judged ones."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.loopback import LoopbackServer
from tests.support.rag_judge import RagJudge
from tests.support.rag_world import World
from tests.support.suites import Result, Suite

CRANFIELD = Path(os.environ.get("MODELEVAL_DATA", "")) / "cranfield"
pytestmark = pytest.mark.skipif(not (CRANFIELD / "corpus.jsonl").exists(), reason="needs Cranfield in MODELEVAL_DATA")
FLOOR = """
[[gate]]
kind = "floor"
benchmark = "rag"
measure = "faithfulness"
floor = 0.2
"""
JUDGE_GATE = """
[[gate]]
kind = "judge"
judged = "rag"
benchmark = "judge_statements"
min = 0.7
record = "judge.json"
"""


@pytest.fixture
def judge() -> Iterator[LoopbackServer]:
    """A judge that misses 10 % of what is true and passes 15 % of what is false."""
    served = LoopbackServer(RagJudge(miss=0.1, false_alarm=0.15, seed=1), models=("referee",))
    served.start()
    yield served
    served.stop()


def run(suite: Suite, judge: LoopbackServer, *more: str) -> Result:
    """A run of the benchmark rag."""
    return suite.command(
        *("--model", "my-rag", "--model-set", "rag.fixture=rag", "-k", "rag and not judge_statements"),
        *("--eval-data=data", f"--eval-run={suite.run_dir}", "--judge", "referee", "--judge-url", judge.url, *more),
    )


def measures(result: Result) -> dict[str, dict[str, Any]]:
    """Measure -> its row."""
    assert result.summary is not None, result.out + result.err
    (benchmark,) = [entry for entry in result.summary["benchmarks"] if entry["benchmark"] == "rag"]
    return {row["name"]: row for row in benchmark["measures"]}


def test_a_known_judge_gives_the_planted_truth_and_lets_gates_judge(suite: Suite, judge: LoopbackServer) -> None:
    """With the judge's record: gates judge, and the corrected intervals hold what a judge without errors finds."""
    (suite.path / "test_quiz.py").unlink()
    world = World(CRANFIELD, 25)
    world.write(suite.path)
    measured = suite.command(
        *("--model", "referee", "--model-url", judge.url, "--eval-data=data", "-k", "judge_statements"),
        *(f"--eval-run={suite.path / 'judge-run'}", "--eval-bless=judge.json"),
    )
    assert measured.status in (0, 1), measured.out + measured.err
    (suite.path / "gates.toml").write_text(FLOOR + JUDGE_GATE, encoding="utf-8")
    result = run(suite, judge, "--eval-gates=gates.toml", "--eval-option=rag.judge_record=judge.json")
    assert result.status == 0, result.out + result.err
    assert {gate["verdict"] for gate in (result.summary or {})["gates"]} == {"passed"}
    found = measures(result)
    for name, truth in world.truth().items():
        row = found[f"{name}_corrected"]
        assert row["low"] <= truth <= row["high"], name
        assert row["interval"] == "Rogan-Gladen"
    assert found["ndcg@k"]["num"] == 25
