"""A measure over an aggregate: the weighted mean of its figures in the subsets, as the score table has it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from pytest_modeleval.gates.evidence import count_by_subset
from pytest_modeleval.gates.exact_tests import Floats
from pytest_modeleval.gates.gate import Gate
from pytest_modeleval.metrics import Aggregate, Interval, Measure, Question, score_subset, subset_weights
from pytest_modeleval.metrics.figures import Figure
from pytest_modeleval.metrics.scaled_aggregates import combine_in_scale
from pytest_modeleval.records import Outcome

NO_AGGREGATE_TEST = (
    "a figure of this kind ({method}) has no test over an aggregate; name a subset, or leave the aggregate out"
)


def has_aggregate_test(measure: Measure) -> bool:
    """The weighted mean of its figures is a weighted mean over questions, which has a test."""
    return measure.method == "ratio" or (measure.method == "mean" and measure.high is not None)


def aggregate_figure(measure: Measure, declared: Sequence[Aggregate], name: str, outcomes: Iterable[Outcome]) -> Figure:
    """The measure of an aggregate, with the interval that the parts' intervals give (metrics.combine)."""
    by_subset: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        by_subset.setdefault(outcome.key.subset, []).append(outcome)
    scores = [
        score_subset(subset, found, 0, metric=measure.name, measures=[measure]) for subset, found in by_subset.items()
    ]
    made = next((found for found in combine_in_scale(declared, scores, (), measure.scale) if found.name == name), None)
    if made is None or made.score is None:
        return Figure(0, None, None)
    has_interval = made.low is not None and made.high is not None
    return Figure(made.num, made.score, Interval(made.low or 0.0, made.high or 0.0, "parts") if has_interval else None)


def aggregate_shares(gate: Gate, declared: Sequence[Aggregate], keys: Iterable[Question]) -> dict[str, float] | None:
    """Subset -> its weight; None where a part has no question. keys: the questions that recorded the measure."""
    return subset_weights(declared, gate.aggregate, count_by_subset(keys))


def weights_of_questions(
    keys: Sequence[Question], sizes: Mapping[Question, float], shares: Mapping[str, float]
) -> Floats:
    """The weight of each question, mean 1: its subset's share, divided within the subset by the sizes.

    sizes: how much a question counts within its subset: 1 for a mean, its n for a ratio.
    """
    totals: dict[str, float] = {}
    for key in keys:
        totals[key[0]] = totals.get(key[0], 0.0) + sizes[key]
    return np.asarray([shares[key[0]] * len(keys) * sizes[key] / totals[key[0]] for key in keys], dtype=np.float64)


def shares_of_lines(
    keys: Iterable[Question], sizes: Mapping[Question, float], shares: Mapping[str, float]
) -> dict[str, float]:
    """The weight of each subset's mean of k - c n in the claim that the weighted mean of the ratios is at least c.

    sum_s share_s / N_s sum(k - c n) >= 0, with N_s the sum of n in the subset: its mean counts share_s q_s / N_s, with
    q_s its questions.
    """
    counts = count_by_subset(keys)
    totals = dict.fromkeys(counts, 0.0)
    for key, size in sizes.items():
        totals[key[0]] += size
    raw = {subset: shares[subset] * counts[subset] / totals[subset] for subset in counts}
    return {subset: weight / sum(raw.values()) for subset, weight in raw.items()}
