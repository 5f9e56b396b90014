"""Two replicas of one model in a whole run: groups with a common beginning stay together, and one may die."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.support.loopback import Answer, Drop, LoopbackServer, loopback
from tests.support.sglang_suites import arguments, left, main_processes, responses, seen, write_profile
from tests.support.suites import Suite, key_answer
from tests.support.waiting import until

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
GROUPS, EACH = 30, 8
# As general_mcq asks: a header with examples that the questions of a group share, then the question.
BENCHMARK = """
from pytest_modeleval import Request, Sample, benchmark
from pytest_modeleval.datasets import local
from pytest_modeleval.graders import grade_choice

def to_sample(row):
    return Sample(question=row.text("question"), choices=row.texts("choices"), target=row.text("answer"))

def to_request(sample):
    group = sample.question.split()[1]
    header = f"The following are questions about {group}. " + f"Example of {group}: this or that. " * 30
    return Request(messages=[{"role": "system", "content": header}, {"role": "user", "content": sample.question}])

@benchmark(name="quiz", version="1", dataset=local("quiz/{subset}"), subsets=SUBSETS, sample=to_sample,
           request=to_request, grade=grade_choice, defaults={"max_tokens": 64})
def test_quiz(grade):
    assert grade, grade.explanation
"""


def write_groups(suite: Suite) -> None:
    """Questions in groups; three of four are answered right by whoever reads the letter in [[X]]."""
    suite.write_benchmark(BENCHMARK)
    rows = []
    for index in range(GROUPS * EACH):
        target = "ABCD"[index % 3]
        question = f"About group{index // EACH} question {index} [[{target if index % 4 else 'D'}]]"
        rows.append({"question": question, "choices": ["one", "two", "three", "four"], "answer": target})
    suite.write_raw("".join(json.dumps(row) + "\n" for row in rows))


def asked(file: Path) -> Counter[tuple[str, int]]:
    """(group, port) -> how many requests of the group that replica got."""
    counts: Counter[tuple[str, int]] = Counter()
    for entry in seen(file):
        if "chat" in entry:
            counts[entry["chat"][-1]["content"].split()[1], entry["port"]] += 1
    return counts


def test_groups_stay_together_and_loads_are_even(suite: Suite) -> None:
    """Most requests of a group go to one replica, and both replicas are used evenly.

    The exact share is tested without a clock in tests/dispatch/test_balance.py; on a busy machine a replica is full
    more often, and its groups spill over.
    """
    write_groups(suite)
    file = suite.path / "seen.jsonl"
    write_profile(suite, replicas=2, latency_s=0.05, seen=str(file))
    result = suite.command(*arguments(suite, "--eval-in-flight", "32"))
    assert result.status == 0, result.out + result.err
    assert result.subset()["score"] == 0.75
    counts = asked(file)
    assert sum(counts.values()) == GROUPS * EACH
    ports = {port for _, port in counts}
    assert len(ports) == 2
    at_home = sum(max(counts[f"group{group}", port] for port in ports) for group in range(GROUPS))
    assert at_home >= 0.8 * GROUPS * EACH
    loads = [sum(count for (_, at), count in counts.items() if at == port) for port in ports]
    assert max(loads) <= 1.5 * min(loads)
    until(lambda: not left(suite))


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["single", "xdist"])
def test_one_of_ours_dies(suite: Suite, workers: list[str]) -> None:
    """Killed in mid-run: the run completes on the other one, with the exact score, each sample once in it."""
    write_groups(suite)
    write_profile(suite, replicas=2, latency_s=0.05, children=1)
    with suite.start(*arguments(suite, "--eval-in-flight", "16", *workers)) as process:
        until(lambda: responses(suite) > 40)
        os.kill(main_processes(suite)[0], signal.SIGKILL)
        out, err = process.communicate(timeout=300)
    assert process.returncode == 0, out + err
    summary = suite.summary()
    assert summary is not None
    (part,) = summary["benchmarks"][0]["subsets"]
    assert (part["score"], part["num"]) == (0.75, GROUPS * EACH)
    assert responses(suite) == GROUPS * EACH
    until(lambda: not left(suite))


def test_one_of_somebody_elses_dies(suite: Suite, server: LoopbackServer) -> None:
    """Of two --model-url one stops answering in mid-run: its requests go to the other, and none is ungraded."""
    write_groups(suite)
    with loopback(key_answer) as other:
        other.script = lambda body, attempt: (
            Drop() if len(other.seen.bodies) > 30 else Answer(text=key_answer(body, attempt).text)
        )
        result = suite.run(server.url, "--model-url", other.url, "--eval-in-flight", "16")
        assert result.status == 0, result.out
        assert result.subset()["score"] == 0.75
        assert result.subset()["num"] == GROUPS * EACH
        assert len(other.seen.bodies) < 80
