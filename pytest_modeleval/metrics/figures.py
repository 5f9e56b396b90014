"""The figure of a declared measure over the items of a subset, with its interval."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_modeleval.metrics.bootstrap import bootstrap_interval
from pytest_modeleval.metrics.comparisons import COMPARISONS
from pytest_modeleval.metrics.correction import correct
from pytest_modeleval.metrics.correlation import correlations
from pytest_modeleval.metrics.intervals import Interval, mean_interval, wilson
from pytest_modeleval.metrics.judgements import doubt, widened
from pytest_modeleval.metrics.measures import BRADLEY_TERRY, CORRECTED, Measure
from pytest_modeleval.records import JUDGE_AGREEMENT, Kind, MeasureValue, Outcome

Floats = NDArray[np.float64]
# A statistic over resampled units: their indices, (resamples, units) -> one value for each resample.
Statistic = Callable[[Any], Floats]
# Of a win rate that is as good as 0 or 1: less than half a question.
_EDGE = 0.25
# Of one item: the recorded values, in the order of Measure.of, each as (k, n).
Item = tuple[tuple[float, float], ...]
# One entry for each repeat of a question.
Repeats = list[Item]
# Items of one bin of a calibration error, as "Humanity's Last Exam" has it (Hendrycks et al. 2019, arXiv:1812.04606).
BIN_SIZE = 100


@dataclass(frozen=True, slots=True)
class Figure:
    """A measure of some items."""

    num: int
    """Questions that have a value of it."""

    value: float | None
    """None where nothing recorded it, or where its denominator is 0."""

    interval: Interval | None
    """The 95 % interval."""


def figure_of(measure: Measure, outcomes: Iterable[Outcome]) -> Figure:
    """The figure of a measure, over the outcomes that have a verdict and recorded its values.

    A truncated reply has the worst value of the range, and 0 of n, as its credit is 0.
    Interval: Wilson where each question is a single trial, asked once, and none share a cluster; for the mean of a
    bounded number otherwise `mean_interval`; else `bootstrap_interval` over questions, or over clusters. None where
    that has none. Where a judge was asked several times, its disagreement widens the interval (`judgements`).
    """
    found = list(outcomes)
    figure = _figure(measure, found)
    disagreement = doubt(found, measure.of[0])
    change = _most_change(measure, found) if disagreement else 0.0
    if not change:
        return figure
    high = math.inf if measure.high is None else measure.high
    interval = widened(figure.interval, figure.value, doubt=disagreement, change=change, low=measure.low, high=high)
    return replace(figure, interval=interval)


def _most_change(measure: Measure, outcomes: Sequence[Outcome]) -> float:
    """How far the verdict on one item can move the figure; 0 where that is not known, and of the agreement itself."""
    if JUDGE_AGREEMENT in measure.of or measure.method not in _CHANGES:
        return 0.0
    items = [item for question in recorded_questions(measure, outcomes).values() for item in question.repeats]
    return _CHANGES[measure.method](measure, items) if items else 0.0


def _change_of_mean(measure: Measure, items: Sequence[Item]) -> float:
    return 0.0 if measure.high is None else (measure.high - measure.low) / len(items)


def _change_of_sums(measure: Measure, items: Sequence[Item]) -> float:
    """Of a ratio the most trials of an item over all trials; of an F, 2 k / (n1 + n2), twice that."""
    trials = [sum(n for _, n in item) for item in items]
    most = max(n for item in items for _, n in item)
    return len(measure.of) * most / sum(trials)


_CHANGES: Mapping[str, Callable[[Measure, Sequence[Item]], float]] = {
    "mean": _change_of_mean,
    "ratio": _change_of_sums,
    "f": _change_of_sums,
}


def _figure(measure: Measure, outcomes: Sequence[Outcome]) -> Figure:
    units = list(_units(measure, outcomes).values())
    questions = sum(map(len, units))
    if not questions:
        return Figure(0, None, None)
    if measure.method == "mean":
        return _mean_figure(measure, units)
    if measure.method == CORRECTED:
        return _corrected_figure(measure, units)
    statistic = statistic_of(measure, units)
    value = float(statistic(np.arange(len(units))[None, :])[0])
    if not math.isfinite(value):
        return Figure(questions, None, None)
    if measure.method == "ratio" and all(len(unit) == 1 and _is_single_trial(unit[0]) for unit in units):
        return Figure(questions, value, Interval(*wilson(round(value * questions), questions), "wilson"))
    if measure.method == BRADLEY_TERRY and min(value, 1.0 - value) * len(units) < _EDGE:
        # Resamples of questions that are all lost, or all won, say nothing of the next one.
        return Figure(questions, value, Interval(*wilson(round(value) * len(units), len(units)), "wilson"))
    return Figure(questions, value, _bootstrapped(len(units), statistic))


@dataclass(frozen=True, slots=True)
class RecordedQuestion:
    """What the repeats of one question recorded for a measure."""

    cluster: str
    """"" where it stands alone."""

    repeats: Repeats


def recorded_questions(measure: Measure, outcomes: Iterable[Outcome]) -> dict[tuple[str, str], RecordedQuestion]:
    """(subset, sample) -> its values, of the items that have a verdict and recorded all that the measure needs."""
    questions: dict[tuple[str, str], RecordedQuestion] = {}
    for outcome in outcomes:
        item = _item(measure, outcome)
        if item is not None:
            key = outcome.key.subset, outcome.key.sample
            questions.setdefault(key, RecordedQuestion(outcome.cluster, [])).repeats.append(item)
    return questions


def statistic_of(measure: Measure, units: Sequence[Sequence[Repeats]]) -> Statistic:
    """The figure over resampled units (clusters, or questions), each with the repeats of its questions."""
    if measure.method == "mean":
        return _mean_statistic(units)
    return _statistic(measure, [[item for repeats in unit for item in repeats] for unit in units])


def _units(measure: Measure, outcomes: Iterable[Outcome]) -> dict[object, list[Repeats]]:
    """Cluster, or question without one -> its questions -> their repeats."""
    units: dict[object, list[Repeats]] = {}
    # By name, so that the resampled interval is the same in whatever order the answers came.
    for key, question in sorted(recorded_questions(measure, outcomes).items()):
        units.setdefault(question.cluster or key, []).append(question.repeats)
    return units


def _item(measure: Measure, outcome: Outcome) -> Item | None:
    """What one item recorded for the measure; None where it has no verdict or lacks a value."""
    recorded = outcome.measures
    if recorded is None or not outcome.kind.is_verdict or any(name not in recorded for name in measure.of):
        return None
    item = tuple(
        _of_truncated(measure, name, recorded[name]) if outcome.kind is Kind.TRUNCATED else as_pair(recorded[name])
        for name in measure.of
    )
    # Only the second rate of an F may be undefined for one item: a question that was not attempted.
    return item if measure.method == "f" or all(n > 0 for _, n in item) else None


def as_pair(value: MeasureValue) -> tuple[float, float]:
    """A recorded value as (k, n); a number is k of 1."""
    return (float(value[0]), float(value[1])) if isinstance(value, tuple) else (float(value), 1.0)


def _of_truncated(measure: Measure, name: str, value: MeasureValue) -> tuple[float, float]:
    k, n = as_pair(value)
    if measure.method in COMPARISONS:
        return COMPARISONS[measure.method].lost.get(name, k), n
    if isinstance(value, tuple):
        return (0.0 if measure.is_higher_better else n), n
    return (k if measure.worst is None else measure.worst), n


def _is_single_trial(repeats: Repeats) -> bool:
    return len(repeats) == 1 and repeats[0][0] in ((0.0, 1.0), (1.0, 1.0))


def _mean_figure(measure: Measure, units: Sequence[Sequence[Repeats]]) -> Figure:
    values = [_mean_of(repeats) for unit in units for repeats in unit]
    interval = _unbounded_interval(units) if measure.high is None else _bounded_interval(measure, units, values)
    return Figure(len(values), sum(values) / len(values), interval)


def _corrected_figure(measure: Measure, units: Sequence[Sequence[Repeats]]) -> Figure:
    """See metrics.correction. No value where items recorded different rates of the judge."""
    shares = [[[item[:1] for item in repeats] for repeats in unit] for unit in units]
    observed = _mean_figure(Measure(measure.of[0], "mean", measure.of[:1]), shares)
    rates = {item[1:] for unit in units for repeats in unit for item in repeats}
    if len(rates) != 1 or observed.value is None or observed.interval is None:
        return Figure(observed.num, None, None)
    sensitivity, specificity = rates.pop()
    found = correct(observed.value, observed.interval, sensitivity, specificity)
    return Figure(observed.num, None, None) if found is None else Figure(observed.num, *found)


def _unbounded_interval(units: Sequence[Sequence[Repeats]]) -> Interval | None:
    return _bootstrapped(len(units), _mean_statistic(units))


def _mean_statistic(units: Sequence[Sequence[Repeats]]) -> Statistic:
    rows = [[sum(map(_mean_of, unit)), float(len(unit))] for unit in units]
    above, below = np.asarray(rows, dtype=np.float64).T
    return lambda at: _quotient(above[at], below[at])


def _bounded_interval(measure: Measure, units: Sequence[Sequence[Repeats]], values: Sequence[float]) -> Interval | None:
    """As that of a score, in the measure's own range."""
    assert measure.high is not None
    width = measure.high - measure.low
    scaled = [(value - measure.low) / width for value in values]
    is_clustered = len(units) < len(values)
    is_repeated = any(len(repeats) > 1 for unit in units for repeats in unit)
    if not is_clustered and not is_repeated and {0.0, 1.0}.issuperset(scaled):
        found: Interval | None = Interval(*wilson(sum(scaled), len(scaled)), "wilson")
    else:
        clusters = [str(number) for number, unit in enumerate(units) for _ in unit]
        found = mean_interval(scaled, clusters if is_clustered else None)
    if found is None:
        return None
    return Interval(measure.low + width * found.low, measure.low + width * found.high, found.method)


def _mean_of(repeats: Repeats) -> float:
    return sum(k / n for ((k, n),) in repeats) / len(repeats)


def _bootstrapped(units: int, statistic: Statistic) -> Interval | None:
    found = bootstrap_interval(units, statistic)
    return None if found is None else Interval(*found, "bootstrap")


def _statistic(measure: Measure, units: Sequence[Sequence[Item]]) -> Statistic:
    """The measure of resampled units: from sums where they suffice, else from the items themselves."""
    if measure.method in _OF_SUMS:
        # k and n of each recorded value, summed over the items of each unit.
        sums = np.asarray([np.asarray(unit, dtype=np.float64).sum(axis=0).ravel() for unit in units]).T
        return _OF_SUMS[measure.method](sums)
    arrays = [np.asarray([[k / n for k, n in item] for item in unit], dtype=np.float64) for unit in units]
    if measure.method in ("spearman", "pearson"):
        return _correlation(measure, arrays)
    if measure.method in COMPARISONS:
        return COMPARISONS[measure.method].statistic(measure, arrays)
    if measure.method == CORRECTED:
        # The same rates on both sides of a comparison: what changes is the share that the judge finds.
        return lambda at: np.asarray([np.concatenate([arrays[unit] for unit in row])[:, 0].mean() for row in at])
    of_items = _calibration if measure.method == "calibration" else _quantile(measure.q)
    return lambda at: np.asarray([of_items(np.concatenate([arrays[unit] for unit in row])) for row in at])


def _correlation(measure: Measure, arrays: Sequence[Floats]) -> Statistic:
    """Of two values of each item; all resamples at once where every unit is one item."""

    def of_rows(items: Floats) -> Floats:
        found = correlations(items[..., 0], items[..., 1], is_by_rank=measure.method == "spearman")
        return np.maximum(found, measure.low)

    if all(len(unit) == 1 for unit in arrays):
        every = np.concatenate(arrays)
        return lambda at: of_rows(every[at])
    return lambda at: np.asarray([of_rows(np.concatenate([arrays[unit] for unit in row])) for row in at])


def _quotient(above: Floats, below: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(above.sum(-1) / below.sum(-1), dtype=np.float64)


def _ratio(sums: Floats) -> Statistic:
    return lambda at: _quotient(sums[0][at], sums[1][at])


def _harmonic_mean(sums: Floats) -> Statistic:
    def of_units(at: Any) -> Floats:
        first = _quotient(sums[0][at], sums[1][at])
        # With nothing attempted the second rate does not exist; the F of nothing correct is 0.
        second = np.nan_to_num(_quotient(sums[2][at], sums[3][at]), nan=0.0)
        total = first + second
        return np.where(total > 0.0, 2.0 * first * second / np.where(total > 0.0, total, 1.0), total)

    return of_units


def _perplexity(sums: Floats) -> Statistic:
    """Of the sums of losses and of units."""

    def of_units(at: Any) -> Floats:
        with np.errstate(over="ignore"):
            return np.asarray(np.exp(_quotient(sums[0][at], sums[2][at])), dtype=np.float64)

    return of_units


def _bits(sums: Floats) -> Statistic:
    return lambda at: _quotient(sums[0][at], sums[2][at]) / math.log(2.0)


_OF_SUMS: Mapping[str, Callable[[Floats], Statistic]] = {
    "ratio": _ratio,
    "f": _harmonic_mean,
    "perplexity": _perplexity,
    "bits": _bits,
}


def _quantile(q: float) -> Callable[[Floats], float]:
    return lambda items: float(np.quantile(items[:, 0], q))


def _calibration(items: Floats) -> float:
    """Root mean square difference of confidence and accuracy over bins of BIN_SIZE, each weighed by its items."""
    ordered = items[np.argsort(items[:, 0], kind="stable")]
    bins = max(1, len(ordered) // BIN_SIZE)
    total = 0.0
    for number in range(bins):
        # The last bin takes the rest. The published code leaves that bin out of the sum.
        part = ordered[number * BIN_SIZE : (number + 1) * BIN_SIZE if number < bins - 1 else None]
        total += len(part) / len(ordered) * float(part[:, 0].mean() - part[:, 1].mean()) ** 2
    return math.sqrt(total)
