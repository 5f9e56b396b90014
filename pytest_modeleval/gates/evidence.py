"""The outcomes of a run, those of a baseline, and the questions that both answered. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pytest_modeleval.gates.exact_tests import Floats
from pytest_modeleval.metrics import Aggregate, Question, answers_by_question, k_of, question_value, subset_weights
from pytest_modeleval.records import ItemKey, Outcome
from pytest_modeleval.results import ExperimentIdentity, RunSummary


@dataclass(frozen=True, slots=True)
class Evidence:
    """A run, as gates see it."""

    summary: RunSummary
    outcomes: Mapping[ItemKey, Outcome]

    identities: Mapping[str, ExperimentIdentity] = field(default_factory=dict)
    """Benchmark -> how it was asked."""

    aggregates: Mapping[str, Sequence[Aggregate]] = field(default_factory=dict)
    """Benchmark -> its declared aggregates, every part named."""

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
    def losses(self) -> int:
        """Questions whose value fell: newly wrong."""
        return int(np.sum(self.drops > 1e-12))

    @property
    def gains(self) -> int:
        """Questions whose value rose: newly right."""
        return int(np.sum(self.drops < -1e-12))

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

    # From 0 to 1; None without enough verdicts.
    value: float | None
    # Answers with a verdict.
    verdicts: int
    # "" where the question stands alone.
    cluster: str


def question_values(outcomes: Iterable[Outcome], metric: str) -> dict[Question, QuestionValue]:
    """The value of every question under the metric, from the outcomes of one benchmark."""
    k = k_of(metric)
    return {
        question: QuestionValue(question_value(found.credits, k), len(found.credits), found.cluster)
        for question, found in answers_by_question(outcomes).items()
    }


def questions_by_subset(values: Mapping[Question, QuestionValue]) -> dict[str, int]:
    """Subset -> questions that have a value."""
    sizes: dict[str, int] = {}
    for (subset, _), found in values.items():
        if found.value is not None:
            sizes[subset] = sizes.get(subset, 0) + 1
    return sizes


def by_benchmark(outcomes: Mapping[ItemKey, Outcome]) -> dict[str, list[Outcome]]:
    """The outcomes of each benchmark."""
    grouped: dict[str, list[Outcome]] = {}
    for key, outcome in outcomes.items():
        grouped.setdefault(key.benchmark, []).append(outcome)
    return grouped


def question_weights(keys: Sequence[Question], shares: Mapping[str, float] | None) -> Floats:
    """The weight of each question, mean 1, so that every subset has its share. None: all alike."""
    if shares is None:
        return np.ones(len(keys))
    sizes: dict[str, int] = {}
    for subset, _ in keys:
        sizes[subset] = sizes.get(subset, 0) + 1
    return np.asarray([shares.get(subset, 0.0) * len(keys) / sizes[subset] for subset, _ in keys])


def pair(
    before: Mapping[Question, QuestionValue],
    after: Mapping[Question, QuestionValue],
    *,
    aggregate: tuple[Sequence[Aggregate], str] | None = None,
) -> Pairs:
    """The questions that have a value on both sides. aggregate: declared aggregates and which one weighs them."""
    keys = tuple(sorted(q for q, now in after.items() if now.value is not None and _value(before, q) is not None))
    first = np.asarray([_value(before, key) or 0.0 for key in keys], dtype=np.float64)
    second = np.asarray([_value(after, key) or 0.0 for key in keys], dtype=np.float64)
    shares = None
    if aggregate is not None:
        sizes: dict[str, int] = {}
        for subset, _ in keys:
            sizes[subset] = sizes.get(subset, 0) + 1
        shares = subset_weights(aggregate[0], aggregate[1], sizes)
    weights = question_weights(keys, shares)
    is_single = all(after[key].verdicts == 1 and before[key].verdicts == 1 for key in keys) and bool(
        np.all(np.isin(first, (0.0, 1.0))) and np.all(np.isin(second, (0.0, 1.0)))
    )
    return Pairs(
        keys,
        first,
        np.round(first - second, 12),
        weights,
        tuple(after[key].cluster or before[key].cluster for key in keys),
        is_single,
        len(after) - len(keys),
        float(np.mean(first * weights)) if keys else None,
        float(np.mean(second * weights)) if keys else None,
        (_median([before[key].verdicts for key in keys]), _median([after[key].verdicts for key in keys])),
    )


def _median(counts: Sequence[int]) -> int:
    return max(1, sorted(counts)[len(counts) // 2]) if counts else 1


def _value(values: Mapping[Question, QuestionValue], key: Question) -> float | None:
    found = values.get(key)
    return found.value if found is not None else None
