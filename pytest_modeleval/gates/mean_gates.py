"""Floors under scores; ceilings over shares, seconds and tokens. Pure.

A ceiling is a floor under what is left of 1; a quantile is a share of items above the limit. So there is one test of
a mean against a limit, in three strengths: exact where every question has one right/wrong answer, a bound that holds
for any values between 0 and 1 where it does not, and betting where questions differ in weight or come in clusters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from pytest_modeleval.gates import power
from pytest_modeleval.gates.betting import betting_p
from pytest_modeleval.gates.early_stop import exceeding_share, figure_of
from pytest_modeleval.gates.evidence import (
    Evidence,
    Pairs,
    Question,
    Values,
    question_values,
    question_weights,
    subset_shares,
)
from pytest_modeleval.gates.exact_tests import Floats, at_most, bounded_mean
from pytest_modeleval.gates.gate import FIGURES, Gate
from pytest_modeleval.gates.measurement import Measurement, cannot_judge
from pytest_modeleval.metrics import mean_interval, wilson
from pytest_modeleval.records import Outcome

Detectable = Callable[[float], float | None]


def measure_floor(gate: Gate, results: Evidence, now: Sequence[Outcome], metric: str) -> Measurement:
    """The finding of a floor gate. now: the outcomes in its scope."""
    values = question_values(now, metric)
    shares: dict[str, float] | None = None
    if gate.aggregate:
        sizes: dict[str, int] = {}
        for (subset, _), found in values.items():
            sizes[subset] = sizes.get(subset, 0) + (found.value is not None)
        shares = subset_shares(results.aggregates.get(gate.benchmark, ()), gate.aggregate, sizes)
        if shares is None:
            return cannot_judge(gate, f"{gate.scope}: not all of its parts have a score; run its missing parts")
        values = {question: found for question, found in values.items() if question[0] in shares}
    return replace(_against_limit(gate, values, gate.limit, shares), metric=metric)


def measure_ceiling(gate: Gate, now: Sequence[Outcome]) -> Measurement:
    """The finding of a ceiling gate. now: the outcomes in its scope."""
    by_question: dict[Question, list[Outcome]] = {}
    for outcome in now:
        by_question.setdefault((outcome.key.subset, outcome.key.sample), []).append(outcome)
    shares = {
        question: Values(share, len(found), found[0].cluster)
        for question, found in by_question.items()
        if (share := exceeding_share(gate, found)) is not None
    }
    if not shares:
        return cannot_judge(gate, f"{gate.scope}: no {gate.of.replace('_', ' ')} was recorded in this run")
    if gate.of not in FIGURES:
        return _against_limit(gate, shares, gate.limit, None)
    figures = [figure for out in now if out.kind.is_verdict and (figure := figure_of(gate, out)) is not None]
    quantile = float(np.quantile(figures, gate.quantile, method="inverted_cdf"))
    finding = _against_limit(gate, shares, 1.0 - gate.quantile, None)
    return replace(finding, seen=quantile, low=None, high=None, is_beyond=quantile > gate.limit)


def _against_limit(
    gate: Gate, values: Mapping[Question, Values], limit: float, shares: Mapping[str, float] | None
) -> Measurement:
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
        is_single=all(values[key].verdicts == 1 for key in keys) and bool(np.all(np.isin(numbers, (0.0, 1.0)))),
        unpaired=0,
        before=None,
        after=None,
    )
    mean = float(np.mean(numbers * units.weights))
    p, detectable = mean_test(numbers, units, limit, is_floor=gate.kind == "floor")
    low, high = _interval(numbers, units)
    return Measurement(
        gate=gate,
        seen=mean,
        low=low,
        high=high,
        n=len(keys),
        p=p if gate.test == "confident" else None,
        is_beyond=mean < limit - 1e-12 if gate.kind == "floor" else mean > limit + 1e-12,
        detectable=detectable,
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
    """The 95 % interval shown beside the mean, by the rules of metrics; none for weighted questions."""
    if units.is_plain and units.is_single:
        return wilson(float(numbers.sum()), len(numbers))
    if bool(np.ptp(units.weights) > 1e-9):
        return None, None
    found = mean_interval(numbers.tolist(), units.clusters if units.is_clustered else None)
    return (found.low, found.high) if found is not None else (None, None)
