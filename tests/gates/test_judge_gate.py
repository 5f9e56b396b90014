"""The gate kind "judge": who is trusted, what is withheld, and what a wrong table says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from pytest_modeleval.errors import SettingsError
from pytest_modeleval.gates import (
    CANNOT_JUDGE,
    FAILED,
    PASSED,
    Evidence,
    GateFile,
    judge,
    judge_obstacles,
    measure_mistakes,
    obstacles,
    parse_gates,
    planned_scopes,
    unknown_targets,
)
from pytest_modeleval.metrics import mean, ratio, score_subset
from pytest_modeleval.records import ItemKey, Kind, MeasureValue, Outcome
from pytest_modeleval.results import Baseline, BenchmarkSummary, ExperimentIdentity, GateVerdict, RunSummary

FLOOR = '[[gate]]\nkind = "floor"\nbenchmark = "quiz"\nfloor = 0.9\n'
LATENCY = '[[gate]]\nkind = "ceiling"\nbenchmark = "quiz"\nof = "truncated"\nceiling = 0.5\n'
GATES = FLOOR + LATENCY + '[[gate]]\nkind = "judge"\njudged = "quiz"\nmin = 0.8\nrecord = "judge.json"\n'
JUDGE_GATE = "judge_check agreement of the judge of quiz"
IDENTITIES = {"quiz": ExperimentIdentity("quiz", "1", params={"role judge": "referee (0123456789ab)"})}


def pairs(right: int, half: int, wrong: int) -> dict[ItemKey, Outcome]:
    """Labelled pairs with 2, 1 and 0 agreeing choices of 2."""
    found: dict[ItemKey, Outcome] = {}
    for number, k in enumerate([2] * right + [1] * half + [0] * wrong):
        key = ItemKey("judge_check", "llmbar", f"{number:04}")
        measures: Mapping[str, MeasureValue] = {"agreement": (k, 2), "kappa": k - 1.0, "consistency": (int(k != 1), 1)}
        found[key] = Outcome(key, Kind.RIGHT if k else Kind.WRONG, k / 2, measures=measures)
    return found


def record(outcomes: Mapping[ItemKey, Outcome], identity: str = "0123456789abcdef") -> Baseline:
    """A blessed run of judge_check."""
    facts = {"served": "referee", "identity": identity} if identity else {}
    return Baseline("judge.json", "referee", "2026-01-01T00:00:00Z", {}, {}, outcomes, facts=facts)


def evidence(outcomes: Mapping[ItemKey, Outcome] | None = None, *, asks_judge: bool = True) -> Evidence:
    """A run in which quiz scores 30 of 100; with judge_check if there are outcomes of it."""
    made = {
        key: Outcome(key, Kind.RIGHT if number < 30 else Kind.WRONG, float(number < 30))
        for number in range(100)
        for key in [ItemKey("quiz", "s", f"{number:04}")]
    }
    measures = [ratio("agreement"), mean("kappa", low=-1.0), ratio("consistency")]
    parts = [
        BenchmarkSummary("quiz", "1", "mean_acc", (score_subset("s", list(made.values()), 100, metric="mean_acc"),))
    ]
    identities = dict(IDENTITIES)
    if outcomes is not None:
        score = score_subset("llmbar", list(outcomes.values()), len(outcomes), metric="mean_acc", measures=measures)
        parts.append(BenchmarkSummary("judge_check", "1", "mean_acc", (score,)))
        params = dict(IDENTITIES["quiz"].params) if asks_judge else {}
        identities["judge_check"] = ExperimentIdentity("judge_check", "1", params=params)
    return Evidence(
        RunSummary("m", True, tuple(parts)),
        {**made, **(outcomes or {})},
        identities,
        measures={"judge_check": measures},
    )


def verdicts(gates: GateFile, found: Evidence, stored: Baseline | None = None) -> dict[str, GateVerdict]:
    """Name -> verdict."""
    records = {gate.name: stored for gate in gates.gates if gate.record and stored is not None}
    return {gate.name: gate for gate in judge(gates, found, None, records=records)}


def test_a_good_judge_lets_its_gates_judge() -> None:
    """Passed by a sentence of its own; the gates over its verdicts judge, at the alpha that they had without it."""
    found = verdicts(parse_gates(GATES), evidence(), record(pairs(380, 20, 19)))
    assert found[JUDGE_GATE].verdict == PASSED
    assert "judge_check agreement 0.9308 (95 % 0." in found[JUDGE_GATE].reason
    assert "is above 0.8 (one-sided p" in found[JUDGE_GATE].reason
    assert found["quiz floor"].verdict == FAILED
    assert "Holm over 2 gates" in found["quiz floor"].reason


@pytest.mark.parametrize(
    ("stored", "why"),
    [
        (record(pairs(200, 100, 119)), "0.5967 (95 %"),
        (record(pairs(16, 0, 2)), "is not shown to be above 0.8"),
        (
            record(pairs(380, 20, 19), "ffff"),
            "measured referee (ffff), the judge of this run is referee (0123456789ab)",
        ),
        (record(pairs(380, 20, 19), ""), "does not say which model was measured"),
    ],
    ids=["poor", "few pairs", "another judge", "unknown judge"],
)
def test_a_judge_that_is_not_trusted_withholds_its_gates(stored: Baseline, why: str) -> None:
    """Each says that it cannot judge, and why; what does not come from the judge is judged; nothing fails."""
    found = verdicts(parse_gates(GATES), evidence(), stored)
    for name in (JUDGE_GATE, "quiz floor"):
        assert found[name].verdict == CANNOT_JUDGE
        assert why in found[name].reason
    assert found["quiz floor"].reason.startswith("quiz: the judge is not trusted: judge_check agreement")
    assert found["quiz truncated ceiling"].verdict == PASSED


def test_a_benchmark_of_the_same_run_is_evidence_if_it_asks_the_judge() -> None:
    """Not where it asks the model under test, as judge_check does."""
    gates = parse_gates(GATES.replace('record = "judge.json"', 'benchmark = "judge_check"\nmeasure = "consistency"'))
    name = JUDGE_GATE.replace("agreement", "consistency")
    good = pairs(380, 20, 19)
    assert verdicts(gates, evidence(good))[name].verdict == PASSED
    assert verdicts(gates, evidence(good))["quiz floor"].verdict == FAILED
    unasked = verdicts(gates, evidence(good, asks_judge=False))
    assert "it asks the model under test, not the judge" in unasked[name].reason
    assert unasked["quiz floor"].verdict == CANNOT_JUDGE
    assert "nothing of it is in this run" in verdicts(gates, evidence())[name].reason


def test_a_judge_at_the_limit_is_trusted_seldom() -> None:
    """At alpha 0.05, over 80 draws of 200 pairs with a true agreement of 0.8 (or kappa of 0.6)."""
    rng = np.random.default_rng(5)
    text = GATES.replace("min = 0.8", "min = 0.8\nalpha = 0.05")
    for gates in (parse_gates(text), parse_gates(text.replace("min = 0.8", 'min = 0.6\nmeasure = "kappa"'))):
        trusted = 0
        for _ in range(40):
            drawn = rng.multinomial(200, (0.64, 0.32, 0.04))
            outcomes = pairs(*map(int, drawn))
            (gate,) = (gate for gate in gates.gates if gate.record)
            only = replace(gates, gates=(gate,))
            trusted += verdicts(only, evidence(), record(outcomes))[gate.name].verdict == PASSED
        assert trusted <= 6


def test_what_stands_in_the_way_is_known_before_the_first_request() -> None:
    """A line for the judge gate; the benchmark of the record need not be in the run."""
    gates = parse_gates(GATES)
    keys = [ItemKey("quiz", "s", f"{number:04}") for number in range(100)]
    scopes = planned_scopes(gates, keys, None, metrics={}, identities={}, aggregates={})
    assert obstacles(scopes) == []
    (found,) = judge_obstacles(gates, {JUDGE_GATE: record(pairs(200, 100, 119))}, IDENTITIES)
    assert "gates over scores of quiz cannot judge either" in found.reason
    (missing,) = judge_obstacles(gates, {JUDGE_GATE: record(pairs(380, 20, 19))}, {})
    assert "no benchmark of quiz has a judge in this run; give --judge NAME" in missing.reason
    assert not unknown_targets(gates, {"quiz": (["s"], [])})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {'record = "judge.json"': ""},
            "record: expected the baseline of a judge_check run of the judge, or benchmark",
        ),
        ({"min = 0.8": ""}, "a judge gate needs min = ..."),
        ({"min = 0.8": "min = 80"}, "min: expected a number below 1 for agreement, found 80"),
        ({"min = 0.8": 'min = 0.8\nmeasure = "first_place"'}, "measure: expected agreement, kappa, consistency"),
        ({'judged = "quiz"': "judged = []"}, "the name of a benchmark, or a list of names"),
        ({"min = 0.8": "min = 0.8\ndetect = 0.1"}, "detect: a judge gate has none"),
    ],
)
def test_mistakes_are_refused_with_their_line(change: dict[str, str], message: str) -> None:
    """What is missing or of no use in the table."""
    text = GATES
    for old, new in change.items():
        text = text.replace(old, new)
    with pytest.raises(SettingsError) as caught:
        parse_gates(text)
    assert message in str(caught.value)


def test_names_that_do_not_exist_are_refused() -> None:
    """A judged benchmark that there is none of; a measure of which less is better."""
    (unknown,) = unknown_targets(parse_gates(GATES.replace('judged = "quiz"', 'judged = ["quiz", "quizz"]')), QUIZ)
    assert "no benchmark is called 'quizz'" in unknown
    text = GATES.replace('record = "judge.json"', 'benchmark = "own"\nmeasure = "faults"')
    (worse,) = measure_mistakes(parse_gates(text), {"own": [ratio("faults", is_higher_better=False)]})
    assert "better the lower it is" in worse


QUIZ: dict[str, tuple[list[str], list[str]]] = {"quiz": (["s"], [])}
