"""The outcomes of a run, those of a baseline, and the questions that both answered. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pytest_modeleval.gates.exact_tests import Floats
from pytest_modeleval.metrics import (
    Aggregate,
    Measure,
    Question,
    answers_by_question,
    question_metric,
    question_value,
    subset_weights,
)
from pytest_modeleval.records import ItemKey, Outcome
from pytest_modeleval.results import ExperimentIdentity, RunSummary
from pytest_modeleval.stress.point import PointResult
from pytest_modeleval.stress.timing import Timing

_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Evidence:
    """A run, as gates see it."""

    summary: RunSummary
    outcomes: Mapping[ItemKey, Outcome]

    identities: Mapping[str, ExperimentIdentity] = field(default_factory=dict)
    """Benchmark -> how it was asked."""

    aggregates: Mapping[str, Sequence[Aggregate]] = field(default_factory=dict)
    """Benchmark -> its declared aggregates, every part named."""

    measures: Mapping[str, Sequence[Measure]] = field(default_factory=dict)
    """Benchmark -> its declared measures."""

    timings: Callable[[str, str], Iterable[Timing]] | None = None
    """(benchmark, point) -> the timings of its requests; None where they are not kept."""

    @property
    def points(self) -> dict[str, tuple[PointResult, ...]]:
        """Benchmark that measures load -> the results of its operating points, of every server."""
        return {entry.benchmark: entry.points for entry in self.summary.benchmarks if entry.points}

    @property
    def metrics(self) -> dict[str, str]:
        """Benchmark -> metric."""
        return {entry.benchmark: entry.metric for entry in self.summary.benchmarks}


@dataclass(frozen=True, slots=True)
class Pairs:
    """Questions with a value in baseline and run, in the order of their ids."""

    keys: tuple[Question, ...]

    values: Floats
    """The value of each question in the baseline."""

    drops: Floats
    """Baseline minus run."""

    weights: Floats
    """The weight of each question in the score, mean 1."""

    clusters: tuple[str, ...]
    """"" where a question stands alone."""

    is_single: bool
    """Every value is one right/wrong answer."""

    unpaired: int
    """Questions of the run that the baseline lacks or that have no value on one side."""

    before: float | None
    after: float | None
    """Scores on the paired questions; None without any."""

    repeats: tuple[int, int] = (1, 1)
    """Verdicts on a question in the baseline and in the run (the median)."""

    @property
    def n(self) -> int:
        """Paired questions."""
        return len(self.drops)

    @property
    def fallen(self) -> list[Question]:
        """The questions whose value fell: newly wrong."""
        return [self.keys[row] for row in np.flatnonzero(self.drops > _ROUNDING)]

    @property
    def risen(self) -> list[Question]:
        """The questions whose value rose: newly right."""
        return [self.keys[row] for row in np.flatnonzero(self.drops < -_ROUNDING)]

    @property
    def losses(self) -> int:
        """How many fell."""
        return int(np.sum(self.drops > _ROUNDING))

    @property
    def gains(self) -> int:
        """How many rose."""
        return int(np.sum(self.drops < -_ROUNDING))

    @property
    def drop(self) -> float:
        """Weighted mean drop; 0 where nothing is paired."""
        return float(np.mean(self.drops * self.weights)) if self.n else 0.0

    @property
    def is_plain(self) -> bool:
        """Every question weighs the same and stands alone."""
        return not self.is_clustered and bool(np.all(np.abs(self.weights - 1.0) < 1e-9))

    @property
    def is_clustered(self) -> bool:
        """Some questions share a passage or template."""
        named = [name for name in self.clusters if name]
        return len(set(named)) < len(named)

    def units(self) -> tuple[Floats, Floats]:
        """Weighted drops and weights, summed over each cluster: the units that can be taken as independent."""
        places: dict[str, int] = {}
        unit = np.asarray(
            [places.setdefault(name or f"\0{row}", len(places)) for row, name in enumerate(self.clusters)], dtype=int
        )
        drops = np.bincount(unit, weights=self.drops * self.weights, minlength=len(places))
        weights = np.bincount(unit, weights=self.weights, minlength=len(places))
        return drops.astype(np.float64), weights.astype(np.float64)


@dataclass(frozen=True, slots=True)
class QuestionValue:
    """What one side of a comparison knows of a question."""

    value: float | None
    """From 0 to 1; None without enough verdicts."""

    verdicts: int
    """Answers with a verdict."""

    cluster: str
    """"" where the question stands alone."""

    @property
    def is_single(self) -> bool:
        """One answer, which is right or wrong without partial credit."""
        return self.verdicts == 1 and self.value in (0.0, 1.0)


def question_values(outcomes: Iterable[Outcome], metric: str) -> dict[Question, QuestionValue]:
    """The value of every question under the metric, from the outcomes of one benchmark."""
    rule = question_metric(metric)
    if rule.method == "vote@k":
        # The first k votes count, whatever came first.
        outcomes = sorted(outcomes, key=lambda outcome: outcome.key.repeat)
    return {
        question: QuestionValue(question_value(found, rule), len(found.credits), found.cluster)
        for question, found in answers_by_question(outcomes).items()
    }


def questions_by_subset(values: Mapping[Question, QuestionValue]) -> dict[str, int]:
    """Subset -> questions that have a value."""
    return count_by_subset(question for question, found in values.items() if found.value is not None)


def by_benchmark(outcomes: Mapping[ItemKey, Outcome]) -> dict[str, list[Outcome]]:
    """The outcomes of each benchmark."""
    grouped: dict[str, list[Outcome]] = {}
    for key, outcome in outcomes.items():
        grouped.setdefault(key.benchmark, []).append(outcome)
    return grouped


def count_by_subset(questions: Iterable[Question]) -> dict[str, int]:
    """Subset -> how many of these questions are in it."""
    sizes: dict[str, int] = {}
    for subset, _ in questions:
        sizes[subset] = sizes.get(subset, 0) + 1
    return sizes


def question_weights(keys: Sequence[Question], shares: Mapping[str, float] | None) -> Floats:
    """The weight of each question, mean 1, so that every subset has its share. None: all alike."""
    if shares is None:
        return np.ones(len(keys))
    sizes = count_by_subset(keys)
    return np.asarray([shares.get(subset, 0.0) * len(keys) / sizes[subset] for subset, _ in keys])


def pair(
    before: Mapping[Question, QuestionValue],
    after: Mapping[Question, QuestionValue],
    *,
    aggregate: tuple[Sequence[Aggregate], str] | None = None,
) -> Pairs:
    """The questions that have a value on both sides. aggregate: declared aggregates and which one weighs them."""
    keys = tuple(sorted(_valued(before) & _valued(after)))
    then, now = [before[key] for key in keys], [after[key] for key in keys]
    first, second = (np.asarray([found.value for found in side], dtype=np.float64) for side in (then, now))
    shares = subset_weights(aggregate[0], aggregate[1], count_by_subset(keys)) if aggregate is not None else None
    weights = question_weights(keys, shares)
    return Pairs(
        keys,
        first,
        np.round(first - second, 12),
        weights,
        tuple(new.cluster or old.cluster for old, new in zip(then, now, strict=True)),
        all(found.is_single for found in (*then, *now)),
        len(after) - len(keys),
        float(np.mean(first * weights)) if keys else None,
        float(np.mean(second * weights)) if keys else None,
        (_median_verdicts(then), _median_verdicts(now)),
    )


def _valued(values: Mapping[Question, QuestionValue]) -> set[Question]:
    return {question for question, found in values.items() if found.value is not None}


def _median_verdicts(values: Sequence[QuestionValue]) -> int:
    counts = sorted(found.verdicts for found in values)
    return max(1, counts[len(counts) // 2]) if counts else 1
