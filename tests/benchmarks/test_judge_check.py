"""judge_check through the whole program: agreement, kappa, consistency, preference of place."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.loopback import Act, Answer, LoopbackServer
from tests.support.suites import Suite

ROWS = [
    {"input": f"Say {word}.", "output_1": f"good {word}", "output_2": f"bad {word}", "label": 1, "category": kind}
    for word, kind in (("one", "plain"), ("two", "plain"), ("three", "hard"), ("four", "hard"))
]


def place_of(body: dict[str, Any]) -> str:
    """Where the good answer stands."""
    prompt = str(body["messages"][-1]["content"])
    return "FIRST" if prompt.index("\ngood ") < prompt.index("\nbad ") else "SECOND"


def figures(suite: Suite, server: LoopbackServer, says: Callable[[dict[str, Any]], str]) -> dict[str, float]:
    """Measure -> value of a run in which the judge says this."""

    def script(body: dict[str, Any], attempt: int) -> Act:
        return Answer(text=says(body))

    server.script = script
    file = suite.path / "data" / "judge" / "own.jsonl"
    file.parent.mkdir(parents=True)
    file.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    result = suite.command(
        *("--model", "test-model", "--model-url", server.url, f"--eval-data={suite.path / 'data'}"),
        *("--eval-subset=judge_check=own", f"--eval-run={suite.run_dir}"),
    )
    assert result.status == 0, result.out + result.err
    assert result.summary is not None
    assert '"hard"' in json.dumps(result.summary)
    return {entry["name"]: entry["score"] for entry in result.summary["benchmarks"][0]["measures"]}


def test_a_good_judge(suite: Suite, server: LoopbackServer) -> None:
    """Agrees in both orders, and prefers no place."""
    found = figures(suite, server, lambda body: f"Clear.\nVERDICT: {place_of(body)}")
    assert found == pytest.approx({"agreement": 1.0, "kappa": 1.0, "consistency": 1.0, "first_place": 0.5})


def test_a_judge_that_goes_by_the_place(suite: Suite, server: LoopbackServer) -> None:
    """Half of its choices agree, which is chance."""
    found = figures(suite, server, lambda body: "VERDICT: FIRST")
    assert found == pytest.approx({"agreement": 0.5, "kappa": 0.0, "consistency": 0.0, "first_place": 1.0})


def test_a_judge_without_verdicts_in_one_order(suite: Suite, server: LoopbackServer) -> None:
    """Agrees only where it says something; its verdicts alone count for the place."""
    found = figures(suite, server, lambda body: "VERDICT: FIRST" if place_of(body) == "FIRST" else "Hard to say.")
    assert found == pytest.approx({"agreement": 0.5, "kappa": 0.0, "consistency": 0.0, "first_place": 1.0})


def test_llmbar_is_read(suite: Suite, server: LoopbackServer) -> None:
    """Three of its 419 pairs, in both orders."""
    data = os.environ.get("MODELEVAL_DATA")
    if not data or not (Path(data) / "judge" / "llmbar.jsonl").exists():
        pytest.skip("MODELEVAL_DATA names no folder with judge/llmbar.jsonl")
    server.script = lambda body, attempt: Answer(text="VERDICT: SECOND")
    result = suite.command(
        *("--model", "test-model", "--model-url", server.url, f"--eval-data={data}", "--eval-limit=3"),
        *("--eval-subset=judge_check=llmbar", f"--eval-run={suite.run_dir}"),
    )
    assert result.status == 0, result.out + result.err
    assert len(server.seen.bodies) == 6
    assert result.subset("llmbar")["num"] == 3
