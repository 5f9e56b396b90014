"""Whole program: the three things that may have made LiveCodeBench 0 of 10, replayed and told apart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from loopback import Answer, LoopbackServer
from suites import Suite

from pytest_modeleval.graders.code_pool import JudgePool
from pytest_modeleval.sandbox import SandboxUnavailable

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "live_code_bench"
ADDS = "print(sum(map(int, input().split())))"
BUFFERED = "import sys\nfor line in sys.stdin.buffer:\n    print(sum(map(int, line.split())))"
REPLIES = {
    "cut_thinking": Answer(f"<think>Perhaps\n```python\n{ADDS}\n```\nbut wait", finish="length"),
    "sample_input_first": Answer(f"For the input\n```\n1 2\n```\nthis works:\n```python\n{ADDS}\n```"),
    "unusual_reading": Answer(f"```python\n{BUFFERED}\n```"),
    "no_code": Answer("I would add the numbers."),
    "wrong": Answer("```python\nprint(4)\n```"),
}


def row(name: str) -> dict[str, Any]:
    """One problem of our own in upstream's form; its statement carries the name of the reply that it gets."""
    tests = [{"input": "1 2\n", "output": "3", "testtype": "stdin"}]
    return {
        "question_title": name,
        "question_content": f"Add the numbers of the line. [[{name}]]",
        "platform": "atcoder",
        "question_id": name,
        "contest_id": "own",
        "contest_date": "2024-01-01T00:00:00",
        "starter_code": "",
        "difficulty": "easy",
        "public_test_cases": json.dumps(tests),
        "private_test_cases": "[]",
        "metadata": "{}",
    }


def test_causes_of_a_zero_are_told_apart(suite: Suite, server: LoopbackServer) -> None:
    """Cut thinking is truncated, a sample input before the code and unusual reading are right, none a silent 0."""
    pool = JudgePool(1)
    try:
        pool.walls()
    except SandboxUnavailable as error:
        pytest.skip(str(error))
    finally:
        pool.close()
    data = suite.path / "data" / "live_code_bench" / "release_latest.jsonl"
    data.parent.mkdir(parents=True)
    data.write_text("".join(json.dumps(row(name)) + "\n" for name in REPLIES))

    def script(body: dict[str, Any], _attempt: int) -> Answer:
        prompt = body["messages"][-1]["content"]
        return next(reply for name, reply in REPLIES.items() if f"[[{name}]]" in prompt)

    server.script = script
    arguments = suite.arguments(server.url)[:-1]
    result = suite.command(*arguments, "--rootdir", str(BENCHMARK.parents[1]), str(BENCHMARK))
    score = result.subset("release_latest")
    counts = {kind: count for kind, count in score["counts"].items() if count}
    assert counts == {"right": 2, "wrong": 1, "no_answer": 1, "truncated": 1}, result.out + result.err
    assert score["num"] == 5
    lines = [
        json.loads(line)
        for path in suite.run_dir.glob("journal*.jsonl")
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    causes = {line["sample"].rpartition("-")[2]: line.get("cause") for line in lines if line["type"] == "grade"}
    assert causes["cut_thinking"] == "unclosed_thinking"
    assert causes["no_code"] == "no_code"
    assert causes["wrong"] == "wrong_answer"
