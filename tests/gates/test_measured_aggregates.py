"""Gates over a measure of an aggregate: the figure of the table, its weights, and false alarms below alpha."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from pytest_modeleval.gates import Evidence, judge, measure_mistakes, parse_gates
from pytest_modeleval.metrics import Aggregate, f_score, macro, mean, ratio, score_subset, weighted, with_parts
from pytest_modeleval.metrics.scaled_aggregates import combine_in_scale
from pytest_modeleval.records import ItemKey, Kind, MeasureValue, Outcome
from pytest_modeleval.results import (
    CANNOT_JUDGE,
    FAILED,
    PASSED,
    Baseline,
    BenchmarkSummary,
    ExperimentIdentity,
    GateVerdict,
    RunSummary,
)

STEPS = ratio("steps")
MARK = mean("mark", low=1.0, high=9.0)
F = f_score("f", of=("correct", "attempted"))
ALL = (STEPS, MARK, F)
IDENTITY = ExperimentIdentity("b", "1")
Rows = Mapping[str, Sequence[Mapping[str, MeasureValue]]]


def _outcomes(rows: Rows) -> dict[ItemKey, Outcome]:
    return {
        (key := ItemKey("b", subset, f"{number:04}")): Outcome(key, Kind.RIGHT, 1.0, measures=dict(row))
        for subset, found in rows.items()
        for number, row in enumerate(found)
    }


def _verdict(text: str, now: Rows, then: Rows | None = None, aggregate: Aggregate | None = None) -> GateVerdict:
    made = _outcomes(now)
    declared = with_parts([aggregate or macro("ALL")], list(now))
    inside = {name: [outcome for key, outcome in made.items() if key.subset == name] for name in now}
    scores = [score_subset(name, found, len(found), metric="mean_acc") for name, found in inside.items()]
    whole = combine_in_scale(declared, scores, list(now), STEPS.scale)
    summary = RunSummary("m", True, (BenchmarkSummary("b", "1", "mean_acc", tuple(scores), whole),))
    before = Baseline("base.json", "m", "2026-01-01", {"b": IDENTITY}, {"b": "mean_acc"}, _outcomes(then or {}))
    gates = parse_gates(f'[[gate]]\nbenchmark = "b"\naggregate = "ALL"\n{text}')
    (found,) = judge(
        gates,
        Evidence(summary, made, {"b": IDENTITY}, {"b": declared}, {"b": ALL}),
        before if then is not None else None,
    )
    return found


def _steps(rng: np.random.Generator, sizes: Mapping[str, int], shares: Mapping[str, float]) -> Rows:
    """1 to 4 instructions for each prompt, of unequal ease."""
    made: dict[str, list[dict[str, MeasureValue]]] = {}
    for subset, count in sizes.items():
        share = shares[subset]
        ease = rng.beta(4 * share, 4 * (1 - share), count)
        ns = np.random.default_rng(count).integers(1, 5, count)
        made[subset] = [
            {"steps": (int(rng.binomial(n, p)), int(n)), "mark": 1.0 + 8.0 * float(p)}
            for n, p in zip(ns, ease, strict=True)
        ]
    return made


SIZES = {"large": 60, "small": 20}
SHARES = {"large": 0.9, "small": 0.6}


def test_the_figure_is_the_mean_of_the_subsets_figures() -> None:
    """Macro: each subset counts the same whatever its size; weighted: by the declared weights."""
    rows: Rows = {"large": [{"steps": (2, 2)}] * 30, "small": [{"steps": (1, 2)}] * 10}
    found = _verdict('kind = "floor"\nmeasure = "steps"\nfloor = 0.7\ntest = "point"', rows)
    assert (found.score, found.verdict, found.n) == (0.75, PASSED, 40)
    found = _verdict(
        'kind = "floor"\nmeasure = "steps"\nfloor = 0.7\ntest = "point"',
        rows,
        aggregate=weighted("ALL", {"large": 1, "small": 3}),
    )
    assert (found.score, found.verdict) == (0.625, FAILED)


@pytest.mark.parametrize("measure", ["steps", "mark"])
def test_false_alarms_stay_below_alpha(measure: str) -> None:
    """Over 100 runs at the limit, and 100 unchanged pairs: at most alpha and three standard errors."""
    limit = 0.75 if measure == "steps" else 1.0 + 8.0 * 0.75
    floor = f'kind = "floor"\nmeasure = "{measure}"\nfloor = {limit}\nalpha = 0.1'
    regression = f'kind = "regression"\nmeasure = "{measure}"\nalpha = 0.1'
    alarms = [0, 0]
    for seed in range(100):
        rng = np.random.default_rng(seed)
        now, then = _steps(rng, SIZES, SHARES), _steps(rng, SIZES, SHARES)
        alarms[0] += _verdict(floor, now).verdict == FAILED
        alarms[1] += _verdict(regression, now, then).verdict == FAILED
    assert max(alarms) / 100 <= 0.1 + 3 * (0.1 * 0.9 / 100) ** 0.5


def test_a_fall_in_the_small_subset_is_found() -> None:
    """A third of the weight of each of its instructions would not fail the gate over all questions."""
    rng = np.random.default_rng(1)
    then = _steps(rng, SIZES, SHARES)
    now = {**then, "small": [{**row, "steps": (0, row["steps"][1])} for row in then["small"]]}  # type: ignore[index]
    found = _verdict('kind = "regression"\nmeasure = "steps"\nalpha = 0.05', now, then)
    assert found.verdict == FAILED, found.reason
    assert "b ALL steps 0." in found.reason


def test_what_has_no_test_is_refused() -> None:
    """An F over an aggregate, before the first request; a part without values cannot be judged."""
    gates = parse_gates('[[gate]]\nbenchmark = "b"\naggregate = "ALL"\nkind = "floor"\nmeasure = "f"\nfloor = 0.5')
    (said,) = measure_mistakes(gates, {"b": ALL})
    assert "has no test over an aggregate; name a subset" in said
    rows: Rows = {"large": [{"steps": (1, 2)}] * 30, "small": [{}] * 10}
    found = _verdict('kind = "floor"\nmeasure = "steps"\nfloor = 0.7', rows)
    assert found.verdict == CANNOT_JUDGE
    found = _verdict('kind = "regression"\nmeasure = "steps"', rows, rows)
    assert found.verdict == CANNOT_JUDGE
