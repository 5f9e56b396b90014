"""Any number of results side by side: scores, paired differences with intervals, flips. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import sqrt
from statistics import NormalDist

import numpy as np

from pytest_modeleval._support.distributions import t_quantile
from pytest_modeleval.experiment import identity_differences
from pytest_modeleval.gates.evidence import Pairs, QuestionValue, by_benchmark, pair, question_values
from pytest_modeleval.gates.exact_tests import holm, mcnemar_two_sided, sign_flip_two_sided
from pytest_modeleval.gates.margin import score_statistic
from pytest_modeleval.gates.paired_test import paired_test
from pytest_modeleval.metrics import Question, is_question_metric
from pytest_modeleval.results import Baseline, ExperimentIdentity

# With more results than this every one is compared with the first only.
_ALL_PAIRS = 4


@dataclass(frozen=True, slots=True)
class Difference:
    """Two results on the questions that both answered."""

    first: int
    second: int
    """The places of the two sides."""

    n: int
    """Questions that both answered."""

    change: float
    """Second minus first."""

    low: float | None
    high: float | None
    """The 95 % interval of the change: Tango 1998 for single answers, a cluster-robust t interval otherwise; None for
    fewer than two units."""

    losses: int
    gains: int
    """Questions whose value fell, and rose."""

    p: float
    """Two-sided and exact (McNemar, sign flips)."""

    adjusted_p: float
    """After Holm over all differences of the comparison."""

    detectable: float | None
    """The smallest drop that a one-sided test at 0.05 finds four times in five."""

    flips: tuple[Question, ...]
    """The questions whose value changed: first the losses, then the gains."""


@dataclass(frozen=True, slots=True)
class ComparedScope:
    """One benchmark or subset."""

    benchmark: str
    subset: str

    scores: tuple[float | None, ...]
    """The score of each side; None where it has none."""

    questions: tuple[int, ...]
    """The questions of each side that have a value."""

    differences: tuple[Difference, ...]

    obstacles: tuple[str, ...] = ()
    """Sentences on pairs that were not compared."""

    remarks: tuple[str, ...] = ()
    """Sentences on pairs that were compared although they were asked differently."""


def compare(sides: Sequence[Baseline]) -> tuple[ComparedScope, ...]:
    """Compare two or more results, runs and baselines alike; every pair of up to four, else each with the first.

    Results that were made from other data or under another version of the benchmark are not compared; other
    parameters and prompts lead to a remark, since comparing those may be the purpose.
    """
    names = dict.fromkeys(key.benchmark for side in sides for key in side.outcomes)
    grouped = [by_benchmark(side.outcomes) for side in sides]
    scopes: list[ComparedScope] = []
    for benchmark in names:
        metric = next(side.metrics[benchmark] for side in sides if benchmark in side.metrics)
        # A metric that is a measure is compared with the measures.
        if is_question_metric(metric):
            values = [question_values(group.get(benchmark, ()), metric) for group in grouped]
            scopes.extend(_scopes(sides, benchmark, values))
    return _adjusted(scopes)


def _scopes(
    sides: Sequence[Baseline], benchmark: str, values: Sequence[Mapping[Question, QuestionValue]]
) -> Iterator[ComparedScope]:
    """The benchmark as a whole, where it has several subsets, then each of them."""
    subsets = list(dict.fromkeys(subset for found in values for subset, _ in found))
    if len(subsets) > 1:
        yield _scope(sides, benchmark, "", values)
    inside = [_by_subset(found) for found in values]
    for subset in subsets:
        yield _scope(sides, benchmark, subset, [parts.get(subset, {}) for parts in inside])


def _by_subset(values: Mapping[Question, QuestionValue]) -> dict[str, dict[Question, QuestionValue]]:
    grouped: dict[str, dict[Question, QuestionValue]] = {}
    for question, found in values.items():
        grouped.setdefault(question[0], {})[question] = found
    return grouped


def _scope(
    sides: Sequence[Baseline], benchmark: str, subset: str, values: Sequence[Mapping[Question, QuestionValue]]
) -> ComparedScope:
    differences: list[Difference] = []
    obstacles: list[str] = []
    remarks: list[str] = []
    for first, second in compared_pairs(len(sides)):
        names = f"{sides[first].label} and {sides[second].label}"
        obstacle, remark = _unlike(sides[first].identities.get(benchmark), sides[second].identities.get(benchmark))
        if obstacle:
            obstacles.append(f"{names} are not comparable: {obstacle}")
            continue
        if remark:
            remarks.append(f"{names} were asked differently: {remark}")
        found = pair(values[first], values[second])
        if found.n:
            differences.append(_difference(first, second, found))
        elif values[first] and values[second]:
            obstacles.append(f"{names} have no question in common on which both have a verdict")
    scores = [_score(found) for found in values]
    return ComparedScope(
        benchmark,
        subset,
        tuple(score for score, _ in scores),
        tuple(count for _, count in scores),
        tuple(differences),
        tuple(obstacles),
        tuple(remarks),
    )


def _score(values: Mapping[Question, QuestionValue]) -> tuple[float | None, int]:
    """The mean over the questions that have a value, and their number."""
    numbers = [found.value for found in values.values() if found.value is not None]
    return (sum(numbers) / len(numbers) if numbers else None), len(numbers)


def _unlike(then: ExperimentIdentity | None, now: ExperimentIdentity | None) -> tuple[str, str]:
    """Why two results are not comparable, else how they were asked differently; "" for none."""
    if then is None or now is None:
        return "", ""
    text = "; ".join(identity_differences(then, now))
    asked_alike = replace(now, params=then.params, prompts={}, prompt_sha256=then.prompt_sha256)
    return (text, "") if identity_differences(then, asked_alike) else ("", text)


def compared_pairs(count: int) -> list[tuple[int, int]]:
    """The places of the sides that are compared with each other."""
    return list(combinations(range(count), 2)) if count <= _ALL_PAIRS else [(0, other) for other in range(1, count)]


def comparable_pairs(sides: Sequence[Baseline], benchmark: str) -> tuple[list[tuple[int, int]], list[str]]:
    """The pairs of sides that are comparable in a benchmark, and a sentence for each pair that is not."""
    pairs: list[tuple[int, int]] = []
    obstacles: list[str] = []
    for first, second in compared_pairs(len(sides)):
        obstacle, _ = _unlike(sides[first].identities.get(benchmark), sides[second].identities.get(benchmark))
        if obstacle:
            obstacles.append(f"{sides[first].label} and {sides[second].label} are not comparable: {obstacle}")
        else:
            pairs.append((first, second))
    return pairs, obstacles


def mean_change(pairs: Pairs) -> tuple[float, float | None, float | None, float]:
    """The change of a weighted mean over paired questions, its 95 % interval, and the two-sided p-value."""
    if pairs.is_plain and pairs.is_single:
        p = mcnemar_two_sided(pairs.losses, pairs.gains)
        low, high = paired_interval(pairs.losses, pairs.gains, pairs.n)
        return -pairs.drop, -high, -low, p
    return (-pairs.drop, *_unit_interval(pairs), sign_flip_two_sided(pairs.units()[0]))


def _difference(first: int, second: int, pairs: Pairs) -> Difference:
    change, low, high, p = mean_change(pairs)
    _, detectable = paired_test(pairs, 0.0)
    fallen, risen = pairs.fallen, pairs.risen
    return Difference(
        first,
        second,
        pairs.n,
        change,
        low,
        high,
        len(fallen),
        len(risen),
        p,
        p,
        detectable(0.05),
        tuple(fallen + risen),
    )


def paired_interval(losses: int, gains: int, n: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Tango's score interval of (losses - gains) / n (1998, Statistics in Medicine 17), by bisection. n >= 1."""
    quantile = NormalDist().inv_cdf(0.5 + confidence / 2.0)

    def statistic(drop: float) -> float:
        lost, won, edge, sign = (losses, gains, drop, 1.0) if drop >= 0 else (gains, losses, -drop, -1.0)
        found = score_statistic(np.asarray(float(lost)), np.asarray(float(losses + gains)), n, min(edge, 1.0 - 1e-12))
        return sign * float(found) if lost + won or edge else 0.0

    observed = (losses - gains) / n
    ends = []
    for wanted, outer in ((quantile, -1.0), (-quantile, 1.0)):
        inside, outside = observed, outer
        for _ in range(60):
            middle = (inside + outside) / 2.0
            is_inside = abs(statistic(middle)) < abs(wanted)
            inside, outside = (middle, outside) if is_inside else (inside, middle)
        ends.append(inside)
    return ends[0], ends[1]


def _unit_interval(pairs: Pairs) -> tuple[float | None, float | None]:
    """95 % t interval of the weighted mean change, over independent units (Miller 2024, arXiv:2411.00640)."""
    drops, weights = pairs.units()
    count, total = len(drops), float(weights.sum())
    if count < 2:
        return None, None
    residuals = drops - pairs.drop * weights
    error = sqrt(count / (count - 1) * float(np.sum(residuals**2))) / total
    half = t_quantile(0.95, count - 1) * error
    return max(-1.0, -pairs.drop - half), min(1.0, -pairs.drop + half)


def _adjusted(scopes: Iterable[ComparedScope]) -> tuple[ComparedScope, ...]:
    scopes = list(scopes)
    tests = {f"{i} {j}": found.p for i, scope in enumerate(scopes) for j, found in enumerate(scope.differences)}
    adjusted = holm(tests)
    return tuple(
        replace(
            scope,
            differences=tuple(
                replace(found, adjusted_p=adjusted[f"{i} {j}"]) for j, found in enumerate(scope.differences)
            ),
        )
        for i, scope in enumerate(scopes)
    )
