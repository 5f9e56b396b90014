"""Is the mean of a run beyond a limit? The test behind floors and ceilings. Pure.

A ceiling is a floor under what is left of 1; a quantile is a share of items above the limit. So there is one test of
a mean against a limit, in three strengths: exact where every question has one right/wrong answer, a bound that holds
for any values between 0 and 1 where it does not, and betting where questions differ in weight or come in clusters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from pytest_modeleval.gates import power
from pytest_modeleval.gates.betting import betting_p
from pytest_modeleval.gates.evidence import Pairs, QuestionValue, question_weights
from pytest_modeleval.gates.exact_tests import Floats, at_most, bounded_mean
from pytest_modeleval.gates.gate import Gate
from pytest_modeleval.gates.measurement import Detectable, Measurement, cannot_judge
from pytest_modeleval.metrics import Question, mean_interval, wilson

# A mean that lies this close to its limit is at it: sums of decimal fractions miss it by rounding.
_ROUNDING = 1e-12


def measure_mean(
    gate: Gate,
    values: Mapping[Question, QuestionValue],
    limit: float,
    *,
    is_floor: bool,
    shares: Mapping[str, float] | None = None,
) -> Measurement:
    """The mean over questions, tested against a floor or ceiling.

    shares: subset -> weight of its questions together; None where every question counts the same.
    """
    keys = sorted(question for question, found in values.items() if found.value is not None)
    if not keys:
        return cannot_judge(gate, f"{gate.scope}: no question has a verdict")
    numbers = np.asarray([values[key].value for key in keys], dtype=np.float64)
    units = Pairs(
        keys=tuple(keys),
        values=numbers,
        drops=np.zeros(len(keys)),
        weights=question_weights(keys, shares),
        clusters=tuple(values[key].cluster for key in keys),
        is_single=all(values[key].is_single for key in keys),
        unpaired=0,
        before=None,
        after=None,
    )
    mean = float(np.mean(numbers * units.weights))
    p, detectable = mean_test(numbers, units, limit, is_floor=is_floor)
    low, high = _interval(numbers, units)
    return Measurement(
        gate=gate,
        seen=mean,
        low=low,
        high=high,
        n=len(keys),
        p=p if gate.is_confident else None,
        is_beyond=(limit - mean if is_floor else mean - limit) > _ROUNDING,
        beyond=max(0.0, limit - mean if is_floor else mean - limit),
        detectable=detectable,
        detectable_early=lambda planned, alpha: power.detectable_shortfall_early(
            planned, limit, alpha=alpha, is_floor=is_floor
        ),
    )


def mean_test(numbers: Floats, units: Pairs, limit: float, *, is_floor: bool) -> tuple[float, Detectable]:
    """P-value of a mean beyond its limit, and level -> how far beyond it must truly be to be found.

    numbers: question values from 0 to 1; units: their weights and clusters.
    """
    n = len(numbers)
    upward, floor = (numbers, limit) if is_floor else (1.0 - numbers, 1.0 - limit)
    if units.is_plain and units.is_single:
        return (
            float(at_most(round(float(upward.sum())), n, floor)),
            lambda alpha: power.detectable_shortfall(n, limit, alpha=alpha, is_floor=is_floor),
        )
    if units.is_plain:
        return (
            bounded_mean(float(upward.sum()), n, floor),
            lambda alpha: power.detectable_shortfall_of_mean(upward, floor, alpha=alpha),
        )
    short, weights = replace(units, drops=np.round(floor - upward, 12)).units()
    spread, _ = replace(units, drops=upward - float(np.mean(upward * units.weights))).units()
    return (
        betting_p(np.round(short, 12), float(weights.max()) * max(1.0 - floor, 1e-9)),
        lambda alpha: power.detectable_drop_of_units(spread, weights, alpha=alpha, is_betting=True),
    )


def _interval(numbers: Floats, units: Pairs) -> tuple[float | None, float | None]:
    """The 95 % interval of the mean, by the rules of metrics; none for weighted questions."""
    if units.is_plain and units.is_single:
        return wilson(float(numbers.sum()), len(numbers))
    if bool(np.ptp(units.weights) > 1e-9):
        return None, None
    found = mean_interval(numbers.tolist(), units.clusters if units.is_clustered else None)
    return (found.low, found.high) if found is not None else (None, None)
