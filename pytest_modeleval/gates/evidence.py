"""What gates judge: the outcomes of a run, those of a baseline, and the questions that both answered. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pytest_modeleval.gates.exact_tests import Floats
from pytest_modeleval.metrics import Aggregate, pass_at_k
from pytest_modeleval.records import ItemKey, Kind, Outcome
from pytest_modeleval.results import ExperimentIdentity, RunSummary

Question = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Evidence:
    """A run, as gates see it. aggregates: benchmark -> its declared aggregates."""

    summary: RunSummary
    outcomes: Mapping[ItemKey, Outcome]
    identities: Mapping[str, ExperimentIdentity] = field(default_factory=dict)
    aggregates: Mapping[str, Sequence[Aggregate]] = field(default_factory=dict)

    @property
    def metrics(self) -> dict[str, str]:
        """Benchmark -> metric."""
        return {entry.benchmark: entry.metric for entry in self.summary.benchmarks}


@dataclass(frozen=True, slots=True)
class Pairs:
    """Questions with a value in baseline and run, in the order of their ids.

    values: in the baseline, per question; drops: baseline minus run. weights: of each question in the score, mean 1.
    clusters: "" where a question stands alone. is_single: every value is one right/wrong answer. unpaired: questions
    of the run that the baseline lacks or that have no value on one side. before, after: scores on the paired questions.
    repeats: verdicts on a question in the baseline and in the run (the median).
    """

    keys: tuple[Question, ...]
    values: Floats
    drops: Floats
    weights: Floats
    clusters: tuple[str, ...]
    is_single: bool
    unpaired: int
    before: float | None
    after: float | None
    repeats: tuple[int, int] = (1, 1)

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
        """Weighted drops and weights, summed over each cluster: what can be thought of as independent."""
        places: dict[str, int] = {}
        unit = np.asarray(
            [places.setdefault(name or f"\0{row}", len(places)) for row, name in enumerate(self.clusters)], dtype=int
        )
        drops = np.bincount(unit, weights=self.drops * self.weights, minlength=len(places))
        weights = np.bincount(unit, weights=self.weights, minlength=len(places))
        return drops.astype(np.float64), weights.astype(np.float64)


@dataclass(frozen=True, slots=True)
class Values:
    """The questions of one side: value (None without enough verdicts), how many verdicts, cluster."""

    value: float | None
    verdicts: int
    cluster: str


def credit(outcome: Outcome) -> float:
    """What an outcome with a verdict adds to the score: nothing where there is no answer or it was cut."""
    return outcome.value if outcome.kind in (Kind.RIGHT, Kind.WRONG) else 0.0


def question_values(outcomes: Iterable[Outcome], metric: str) -> dict[Question, Values]:
    """(subset, sample) -> its value under the metric, from the outcomes of one benchmark."""
    credits_of: dict[Question, list[float]] = {}
    clusters: dict[Question, str] = {}
    for outcome in outcomes:
        question = (outcome.key.subset, outcome.key.sample)
        found = credits_of.setdefault(question, [])
        if outcome.kind.is_verdict:
            found.append(credit(outcome))
        if outcome.cluster:
            clusters[question] = outcome.cluster
    tries = int(metric.partition("@")[2]) if metric.startswith("pass@") else 0
    result: dict[Question, Values] = {}
    for question, found in credits_of.items():
        value: float | None = sum(found) / len(found) if found else None
        if tries and found:
            value = pass_at_k(sum(1 for got in found if got >= 1.0), len(found), k=tries)
        result[question] = Values(value, len(found), clusters.get(question, ""))
    return result


def subset_shares(aggregates: Sequence[Aggregate], name: str, sizes: Mapping[str, int]) -> dict[str, float] | None:
    """The weight of each subset in an aggregate, summing to 1; None where a part of it was not run.

    sizes: subset -> questions with a value.
    """
    declared = {aggregate.name: aggregate for aggregate in aggregates}
    if name not in declared:
        return {name: 1.0} if sizes.get(name) else None
    aggregate = declared[name]
    parts = aggregate.parts if aggregate.parts is not None else tuple(sizes)
    made = {part: subset_shares([a for a in aggregates if a.name != name], part, sizes) for part in parts}
    if any(share is None for share in made.values()) or not made:
        return None
    numbers = {part: float(sum(sizes[subset] for subset in made[part] or ())) for part in parts}
    if aggregate.method != "micro":
        numbers = {part: float(aggregate.weights.get(part, 1.0)) for part in parts}
    total = sum(numbers.values())
    shares: dict[str, float] = {}
    for part, inside in made.items():
        for subset, share in (inside or {}).items():
            shares[subset] = shares.get(subset, 0.0) + share * numbers[part] / total
    return shares


def question_weights(keys: Sequence[Question], shares: Mapping[str, float] | None) -> Floats:
    """The weight of each question, mean 1, so that every subset has its share. None: all alike."""
    if shares is None:
        return np.ones(len(keys))
    sizes: dict[str, int] = {}
    for subset, _ in keys:
        sizes[subset] = sizes.get(subset, 0) + 1
    return np.asarray([shares.get(subset, 0.0) * len(keys) / sizes[subset] for subset, _ in keys])


def pair(
    before: Mapping[Question, Values],
    after: Mapping[Question, Values],
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
        shares = subset_shares(aggregate[0], aggregate[1], sizes)
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


def _value(values: Mapping[Question, Values], key: Question) -> float | None:
    found = values.get(key)
    return found.value if found is not None else None
