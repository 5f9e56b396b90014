"""A gate over a measure that a judge decides is refused unless a judge gate is about its benchmark."""

from __future__ import annotations

import pytest

from pytest_modeleval.gates import measure_mistakes, parse_gates
from pytest_modeleval.metrics import judged_mean, mean

KNOWN = {"rag": [judged_mean("faithfulness"), mean("ndcg@k")]}
GATE = '[[gate]]\nkind = "floor"\nbenchmark = "rag"\nmeasure = "{}"\nfloor = 0.5\n'
JUDGE = '[[gate]]\nkind = "judge"\njudged = "{}"\nbenchmark = "judge_statements"\nmin = 0.8\nrecord = "judge.json"\n'


@pytest.mark.parametrize(
    ("text", "is_refused"),
    [
        (GATE.format("faithfulness"), True),
        (GATE.format("ndcg@k"), False),
        (GATE.format("faithfulness") + JUDGE.format("rag"), False),
        (GATE.format("faithfulness") + JUDGE.format("simple_qa"), True),
    ],
)
def test_a_judged_measure_needs_a_judge_gate(text: str, is_refused: bool) -> None:
    """The sentence says what to add; it is known before the first request."""
    found = measure_mistakes(parse_gates(text), KNOWN)
    assert bool(found) is is_refused
    if found:
        assert (
            'add one with kind = "judge" and judged = "rag", over a run of judge_check or judge_statements' in found[0]
        )
