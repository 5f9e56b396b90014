"""Gates over win rates: of two models they are means of points, and gates hold them against limits and baselines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from pytest_modeleval.arena.games import Games, recorded
from pytest_modeleval.gates import Evidence, judge, parse_gates
from pytest_modeleval.metrics import Measure, bradley_terry, score_subset
from pytest_modeleval.records import ItemKey, Kind, Outcome
from pytest_modeleval.results import Baseline, BenchmarkSummary, ExperimentIdentity, GateVerdict, RunSummary

IDENTITY = {"b": ExperimentIdentity("b", "1")}
WON, LOST, TIED, PLACE = Games(1.0, 1.0), Games(-1.0, -1.0), Games(1.0, 0.0), Games(1.0, -1.0)


def outcomes(pairs: Sequence[Games]) -> dict[ItemKey, Outcome]:
    """A question for each pair."""
    keys = [ItemKey("b", "s", f"{number:04}") for number in range(len(pairs))]
    return {
        key: Outcome(key, Kind.RIGHT, 1.0, measures=recorded(games)) for key, games in zip(keys, pairs, strict=True)
    }


def verdict(gate: str, measure: Measure, now: Sequence[Games], then: Sequence[Games] = ()) -> GateVerdict:
    """Of a gate over the measure."""
    made = outcomes(now)
    score = score_subset("s", list(made.values()), len(made), metric="mean_acc")
    summary = RunSummary("m", True, (BenchmarkSummary("b", "1", "mean_acc", (score,)),))
    before = Baseline("base", "m", "2026-01-01", IDENTITY, {"b": "mean_acc"}, outcomes(then)) if then else None
    gates = parse_gates(f'[[gate]]\nbenchmark = "b"\nmeasure = "win_rate"\nalpha = 0.05\n{gate}')
    (found,) = judge(gates, Evidence(summary, made, IDENTITY, measures={"b": [measure]}), before)
    return found


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([WON] * 70 + [LOST] * 20 + [TIED] * 10, "passed"),
        ([WON] * 30 + [LOST] * 60 + [TIED] * 10, "failed"),
        ([WON] * 10 + [LOST] * 2 + [PLACE] * 60, "cannot judge"),
    ],
    ids=["better", "worse", "withheld"],
)
def test_a_floor_of_a_win_rate(pairs: list[Games], expected: str) -> None:
    """Judged beyond chance; where the judge goes by the place there is nothing to judge."""
    found = verdict('kind = "floor"\nfloor = 0.5', bradley_terry("win_rate"), pairs)
    assert found.verdict == expected, found.reason


def test_a_fall_against_a_baseline_is_paired() -> None:
    """Question by question; a mean of several players, or strong wins, by permutation."""
    rng = np.random.default_rng(1)
    then = [WON if won else LOST for won in rng.random(150) < 0.7]
    now = [LOST if number % 5 == 0 else games for number, games in enumerate(then)]
    for measure in (bradley_terry("win_rate"), bradley_terry("win_rate", strong=3)):
        assert verdict('kind = "regression"', measure, now, then).verdict == "failed"
        assert verdict('kind = "regression"', measure, then, now).verdict == "passed"


def test_other_win_rates_have_no_test_against_a_limit() -> None:
    """Said so; bare numbers may be compared."""
    pairs = [WON] * 70 + [LOST] * 20
    found = verdict('kind = "floor"\nfloor = 0.5', bradley_terry("win_rate", strong=3), pairs)
    assert found.verdict == "cannot judge"
    assert (
        verdict('kind = "floor"\nfloor = 0.5\ntest = "point"', bradley_terry("win_rate", strong=3), pairs).verdict
        == "passed"
    )
