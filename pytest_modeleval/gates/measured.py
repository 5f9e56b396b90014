"""Gates over a named measure: its figure against a limit, or against a baseline. Pure.

Every test holds its level at any number of questions. Against a limit: the claim "the ratio is at least c" is the claim
that the mean of k - c n is at least 0, which the tests of a mean judge; the same holds for an F whose two rates share
their k, and for a quantile, which is a share of items. Over an aggregate the mean is one of the subsets' means. Against
a baseline: the paired test of question values where the figure is a weighted mean of them, else a permutation test: if
nothing changed, the two recordings of a question may be swapped (Good 2005, "Permutation, Parametric and Bootstrap
Tests of Hypotheses", section 3.2).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil

import numpy as np

from pytest_modeleval.gates.evidence import Pairs, QuestionValue
from pytest_modeleval.gates.exact_tests import Floats
from pytest_modeleval.gates.gate import Gate, Side
from pytest_modeleval.gates.kinds import KINDS
from pytest_modeleval.gates.mean_test import measure_mean
from pytest_modeleval.gates.measured_aggregate import (
    NO_AGGREGATE_TEST,
    aggregate_figure,
    aggregate_shares,
    has_aggregate_test,
    shares_of_lines,
    weights_of_questions,
)
from pytest_modeleval.gates.measurement import Measurement, cannot_judge
from pytest_modeleval.gates.paired_test import paired_test
from pytest_modeleval.gates.permutation import permutation_test
from pytest_modeleval.gates.regression import baseline_obstacle, lacks_baseline
from pytest_modeleval.gates.scope import Scope
from pytest_modeleval.metrics import Measure, Question
from pytest_modeleval.metrics.comparisons import points_of
from pytest_modeleval.metrics.figures import Figure, RecordedQuestion, figure_of, recorded_questions
from pytest_modeleval.metrics.measures import BRADLEY_TERRY
from pytest_modeleval.records import Outcome

Recorded = Mapping[Question, RecordedQuestion]
_ROUNDING = 1e-12


def judged_measure(gate: Gate, metric: str, declared: Sequence[Measure]) -> Measure | None:
    """The measure that a gate judges: the one it names, or the metric where that is one; None for credit and shares."""
    name = gate.measure or ("" if gate.of != "score" else metric)
    return next((measure for measure in declared if measure.name == name), None)


def measure_figure(scope: Scope) -> Measurement:
    """What a gate over a measure sees in a finished run."""
    gate, measure = scope.gate, scope.measure
    if measure is None:
        return cannot_judge(gate, f"{gate.scope}: this run declares no such measure")
    figure = _figure(scope, measure, scope.now)
    if figure.value is None:
        return cannot_judge(gate, f"{gate.scope}: no question recorded {measure.name}, or its denominator is 0")
    found = (
        _against_baseline(scope, measure)
        if KINDS[gate.kind].side is Side.WORSE
        else _against_limit(scope, measure, figure)
    )
    interval = figure.interval
    return replace(
        found,
        seen=figure.value,
        low=interval.low if interval is not None else None,
        high=interval.high if interval is not None else None,
        metric=measure.name,
        measure=measure,
    )


def _figure(scope: Scope, measure: Measure, outcomes: Iterable[Outcome]) -> Figure:
    if scope.gate.aggregate:
        return aggregate_figure(measure, scope.declared, scope.gate.aggregate, outcomes)
    return figure_of(measure, outcomes)


def _of_parts(scope: Scope, recorded: Recorded) -> tuple[Recorded, dict[str, float] | None]:
    """The questions of the gate's aggregate and the weight of each subset; all and None without an aggregate."""
    if not scope.gate.aggregate:
        return recorded, None
    shares = aggregate_shares(scope.gate, scope.declared, recorded) or {}
    return {key: found for key, found in recorded.items() if key[0] in shares}, shares


def _against_limit(scope: Scope, measure: Measure, figure: Figure) -> Measurement:
    gate, value = scope.gate, figure.value or 0.0
    is_floor = KINDS[gate.kind].side is Side.BELOW
    beyond = gate.limit - value if is_floor else value - gate.limit
    if not gate.is_confident:
        return Measurement(gate=gate, n=figure.num, is_beyond=beyond > _ROUNDING)
    recorded, shares = _of_parts(scope, recorded_questions(measure, scope.now))
    made = _as_mean(measure, recorded, gate.limit, is_floor=is_floor)
    if made is None or (shares is not None and not has_aggregate_test(measure)):
        return cannot_judge(
            gate,
            f"{gate.scope}: no test of this figure ({measure.method}) against a fixed limit holds alpha; compare bare "
            'numbers with test = "point", or use a regression gate',
        )
    if shares is not None and measure.method == "ratio":
        sizes = {key: n for key, (_, n) in (_sums(measure, recorded) or {}).items()}
        shares = shares_of_lines(recorded, sizes, shares)
    found = measure_mean(gate, made.values, made.limit, is_floor=made.is_floor, shares=shares)
    return replace(found, is_beyond=beyond > _ROUNDING)


@dataclass(frozen=True, slots=True)
class _AsMean:
    """A claim about a figure as one about a mean of values from 0 to 1."""

    values: Mapping[Question, QuestionValue]
    limit: float
    is_floor: bool


def _of_quantile(measure: Measure, recorded: Recorded, limit: float, *, is_floor: bool) -> _AsMean:
    """A quantile is beyond a limit where too large a share of the values is."""

    def is_beyond(value: float) -> bool:
        return value < limit if is_floor else value > limit

    shares = {
        key: sum(is_beyond(k / n) for ((k, n),) in found.repeats) / len(found.repeats)
        for key, found in recorded.items()
    }
    return _AsMean(_values(recorded, shares), measure.q if is_floor else 1.0 - measure.q, is_floor=False)


def _as_mean(measure: Measure, recorded: Recorded, limit: float, *, is_floor: bool) -> _AsMean | None:
    """None where the claim has no such form."""
    if measure.method == "quantile":
        return _of_quantile(measure, recorded, limit, is_floor=is_floor)
    if measure.method == "mean" and measure.high is not None:
        width = measure.high - measure.low
        means = {key: (_mean(found) - measure.low) / width for key, found in recorded.items()}
        return _AsMean(_values(recorded, means), min(max((limit - measure.low) / width, 0.0), 1.0), is_floor)
    sums = _sums(measure, recorded)
    if sums is None or not 0.0 <= limit <= 1.0:
        return None
    most = max(n for _, n in sums.values())
    lines = {
        # As many verdicts as trials: only a single trial is a right or wrong answer.
        key: QuestionValue(
            min(max(round((k - limit * n) / most + limit, 12), 0.0), 1.0), ceil(n), recorded[key].cluster
        )
        for key, (k, n) in sums.items()
    }
    return _AsMean(lines, limit, is_floor)


def _trials(measure: Measure, question: RecordedQuestion) -> list[tuple[float, float]] | None:
    """(k, n) of each repeat of a question; None where the figure is no sum of k over a sum of n."""
    if measure.method == "ratio":
        return [item[0] for item in question.repeats]
    if measure.method == BRADLEY_TERRY:
        points = [points_of(measure, [k / n for k, n in item]) for item in question.repeats]
        return None if None in points else [(found, 1.0) for found in points if found is not None]
    if measure.method == "f" and all(first[0] == second[0] for first, second in question.repeats):
        # 2 / (n1 / k + n2 / k) = 2 k / (n1 + n2).
        return [(2.0 * first[0], first[1] + second[1]) for first, second in question.repeats]
    return None


def _sums(measure: Measure, recorded: Recorded) -> dict[Question, tuple[float, float]] | None:
    """Question -> (k, n) of a figure that is the sum of all k over the sum of all n; None where it is none."""
    found: dict[Question, tuple[float, float]] = {}
    for key, question in recorded.items():
        pairs = _trials(measure, question)
        if pairs is None or any(not 0.0 <= k <= n for k, n in pairs):
            return None
        found[key] = sum(k for k, _ in pairs), sum(n for _, n in pairs)
    return found


def _values(recorded: Recorded, values: Mapping[Question, float]) -> dict[Question, QuestionValue]:
    return {key: QuestionValue(values[key], len(found.repeats), found.cluster) for key, found in recorded.items()}


def _mean(question: RecordedQuestion) -> float:
    return sum(k / n for ((k, n),) in question.repeats) / len(question.repeats)


def _recorded_in_both(measure: Measure, scope: Scope) -> tuple[Recorded, Recorded]:
    """What baseline and run recorded, for the questions that both have."""
    then, now = recorded_questions(measure, scope.then), recorded_questions(measure, scope.now)
    shared = [key for key in then if key in now]
    return {key: then[key] for key in shared}, {key: now[key] for key in shared}


def _against_baseline(scope: Scope, measure: Measure) -> Measurement:
    gate, baseline = scope.gate, scope.baseline
    if obstacle := baseline_obstacle(gate, baseline, scope.identity):
        return replace(cannot_judge(gate, obstacle), lacks_baseline=lacks_baseline(gate, baseline))
    assert baseline is not None
    then, now = _recorded_in_both(measure, scope)
    if not then:
        return cannot_judge(
            gate,
            f"{gate.scope}: {baseline.label} holds no value of it for these questions; bless a new baseline with "
            "--eval-bless FILE",
        )
    then, shares = _of_parts(scope, then)
    if not then:
        return cannot_judge(gate, f"{gate.scope}: not all of its parts can be compared; run its missing parts")
    now = {key: now[key] for key in then}
    pairs = paired_values(measure, then, now, shares)
    before = _figure(scope, measure, [outcome for outcome in scope.then if _key(outcome) in then]).value
    found = Measurement(gate=gate, n=len(then), before=before, against=f"{baseline.label} ({baseline.made_utc[:10]})")
    if pairs is not None:
        p, detectable = paired_test(pairs, gate.limit)
        return replace(found, p=p, detectable=detectable, pairs=pairs)
    if before is None:
        return cannot_judge(gate, f"{gate.scope}: {baseline.label} has no figure of it for these questions")
    return _by_permutation(found, measure, then, now, before)


def _by_permutation(found: Measurement, measure: Measure, then: Recorded, now: Recorded, before: float) -> Measurement:
    """What the permutation test sees, for figures that are no mean over questions."""
    gate = found.gate
    if gate.aggregate:
        return cannot_judge(gate, f"{gate.scope}: {NO_AGGREGATE_TEST.format(method=measure.method)}")
    if gate.limit > 0.0:
        return cannot_judge(gate, f"{gate.scope}: a figure of this kind ({measure.method}) has no test with a margin")
    p, detectable = permutation_test(measure, then, now, before)
    return replace(found, p=p, detectable=detectable)


def _key(outcome: Outcome) -> Question:
    return outcome.key.subset, outcome.key.sample


def paired_values(
    measure: Measure, then: Recorded, now: Recorded, shares: Mapping[str, float] | None = None
) -> Pairs | None:
    """The figure as a weighted mean of question values on both sides; None where it is none.

    shares: subset -> weight, for the weighted mean of its figures in the subsets.
    """
    keys = tuple(sorted(then))
    found = _weighed_values(measure, then, now, keys)
    if found is None:
        return None
    before, after, sizes = found
    if shares is None:
        weights = sizes / float(sizes.mean())
    else:
        weights = weights_of_questions(keys, dict(zip(keys, sizes.tolist(), strict=True)), shares)
    if not measure.is_higher_better:
        before, after = 1.0 - before, 1.0 - after
    counts = [[len(side[key].repeats) for key in keys] for side in (then, now)]
    is_whole = bool(np.isin([before, after], (0.0, 1.0)).all() and (sizes == 1.0).all())
    return Pairs(
        keys,
        before,
        np.round(before - after, 12),
        weights,
        tuple(now[key].cluster or then[key].cluster for key in keys),
        is_whole and set(counts[0] + counts[1]) == {1},
        0,
        float(np.mean(before * weights)),
        float(np.mean(after * weights)),
        (sorted(counts[0])[len(keys) // 2], sorted(counts[1])[len(keys) // 2]),
    )


def _weighed_values(
    measure: Measure, then: Recorded, now: Recorded, keys: Sequence[Question]
) -> tuple[Floats, Floats, Floats] | None:
    """The values of the questions from 0 to 1 in baseline and run, and how much each counts."""
    if measure.method == "mean" and measure.high is not None:
        return _scaled(measure, then, keys), _scaled(measure, now, keys), np.ones(len(keys))
    if measure.method not in ("ratio", BRADLEY_TERRY):
        return None
    first, second = _sums(measure, then), _sums(measure, now)
    if first is None or second is None or any(first[key][1] != second[key][1] for key in keys):
        return None
    return _quotients(first, keys), _quotients(second, keys), np.asarray([first[key][1] for key in keys])


def _scaled(measure: Measure, recorded: Recorded, keys: Sequence[Question]) -> Floats:
    width = (measure.high or 0.0) - measure.low
    return np.asarray([(_mean(recorded[key]) - measure.low) / width for key in keys], dtype=np.float64)


def _quotients(sums: Mapping[Question, tuple[float, float]], keys: Sequence[Question]) -> Floats:
    return np.asarray([sums[key][0] / sums[key][1] for key in keys], dtype=np.float64)
