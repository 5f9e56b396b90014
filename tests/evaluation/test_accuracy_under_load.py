"""Graded samples under load: their figure, and the pairing with the point of the lowest load."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_modeleval.evaluation.accuracy_under_load import with_accuracy
from pytest_modeleval.stress.loads import Load
from pytest_modeleval.stress.plan import PointPlan, benchmarks_of, graded_part
from pytest_modeleval.stress.point import PointResult
from pytest_modeleval.stress.workloads import Workload

PLAN = PointPlan(
    name="chat-16-4@c16",
    workload=Workload.parse("chat-16-4"),
    load=Load(concurrency=16),
    requests=1,
    seconds=1.0,
    accuracy="gsm8k:10",
    reference="chat-16-4@c1",
)
RESULT = PointResult(
    point=PLAN.name, workload="chat-16-4", load="c16", seconds=1.0, steady_s=1.0, sent=1, complete=1, concurrency=16
)


def test_verdicts_are_paired_with_those_of_the_lowest_load() -> None:
    """Samples with a verdict at both points; six lost and none gained has the p-value 2 / 2**6."""
    reference = {f"q{number}": True for number in range(9)}
    verdicts = {f"q{number}": number >= 6 for number in range(1, 10)} | {"q0": False}
    found = with_accuracy(RESULT, PLAN, verdicts, reference)
    assert found.facts["accuracy"] == {
        "benchmark": "gsm8k",
        "planned": 10,
        "right": 4,
        "num": 10,
        "reference": "chat-16-4@c1",
        "pairs": 9,
        "lost": 6,
        "gained": 0,
        "p": pytest.approx(2 / 2**6),
    }
    figure = found.figures["accuracy"]
    assert (figure.value, figure.num) == (0.4, 10)
    assert figure.low is not None
    assert figure.high is not None
    assert figure.low < 0.4 < figure.high


def test_without_a_reference_there_is_no_pairing_and_without_verdicts_no_figure() -> None:
    """The lowest point itself; a point where every graded request failed."""
    lowest = with_accuracy(RESULT, replace(PLAN, reference=""), {"q": True}, {})
    assert "p" not in lowest.facts["accuracy"]
    none = with_accuracy(RESULT, PLAN, {}, {"q": True}).figures["accuracy"]
    assert none.value is None
    assert "no reply to a sample of gsm8k has a verdict" in none.missing


def test_benchmarks_that_a_load_uses_are_known_before_it() -> None:
    """Of the workload and of the accuracy; what is malformed is refused."""
    assert benchmarks_of(workload="chat-16-4 bench:mmlu", accuracy="gsm8k:5") == {
        "mmlu": (1000, False),
        "gsm8k": (5, True),
    }
    assert benchmarks_of(workload="bench:gsm8k-9", accuracy="gsm8k:5") == {"gsm8k": (1000, True)}
    for text in ("gsm8k", "gsm8k:0", "gsm8k:1001", "gsm-8k:5", ":5"):
        with pytest.raises(ValueError, match="such as gsm8k:50"):
            graded_part(text)
