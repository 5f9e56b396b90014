"""Benchmarks of an installed EvalScope; ci/check_foreign_tasks.py compares with its own runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.loopback import LoopbackServer
from tests.support.suites import Suite

pytest.importorskip("evalscope", reason="needs the extra evalscope")

CARD = """---
configs: [{config_name: IQ, data_files: [{split: test, path: iq.jsonl}]}, {config_name: EQ, data_files: [{split: test, path: iq.jsonl}]}]
---
"""  # noqa: E501 - YAML


def test_a_benchmark_runs_with_its_own_prompt_and_score(suite: Suite, server: LoopbackServer, tmp_path: Path) -> None:
    """Its prompt, its parser; figures of subsets, and over all."""
    rows = [{"question": f"[[{key}]]", "choices": ["x", "y"], "answer": "A", "level": 1} for key in "AB"]
    (tmp_path / "iq.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (tmp_path / "README.md").write_text(CARD, encoding="utf-8")
    where = [f"--model-url={server.url}", f"--eval-run={suite.run_dir}", "--model=test-model", "-p", "no:cacheprovider"]
    result = suite.command(*where, f"--eval-tasks=evalscope:iquiz@{tmp_path}")
    assert result.status == 0, result.out + result.err
    assert result.summary is not None
    benchmark = result.summary["benchmarks"][0]
    assert (benchmark["benchmark"], benchmark["metric"]) == ("evalscope_iquiz", "accuracy")
    assert [row["score"] for row in (*benchmark["subsets"], *benchmark["aggregates"])] == [0.5, 0.5, 0.5]
    assert "A) x" in server.seen.bodies[0]["messages"][-1]["content"]


@pytest.mark.parametrize(
    ("name", "reason"), [("humaneval", "runs programs"), ("mmmu", "images"), ("iquizz", "'iquiz'")]
)
def test_what_cannot_run_here_is_refused(suite: Suite, server: LoopbackServer, name: str, reason: str) -> None:
    """By name, before its data is looked for."""
    where = [f"--model-url={server.url}", "--model=test-model", "-p", "no:cacheprovider"]
    result = suite.command(*where, f"--eval-tasks=evalscope:{name}")
    assert result.status == 4, result.out + result.err
    assert reason in result.err
