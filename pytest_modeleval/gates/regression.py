"""The gate kind "regression": the score must not have dropped by more than a margin since the baseline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pytest_modeleval._support.schema import TEXT, number
from pytest_modeleval.experiment import why_incomparable
from pytest_modeleval.gates import power
from pytest_modeleval.gates.evidence import Pairs, pair, question_values, questions_by_subset
from pytest_modeleval.gates.gate import Gate, GateKind, Side
from pytest_modeleval.gates.measurement import Measurement, cannot_judge
from pytest_modeleval.gates.noise import flip_rates
from pytest_modeleval.gates.number_text import points, score_text
from pytest_modeleval.gates.paired_test import noise_of, paired_test
from pytest_modeleval.gates.point_regression import (
    check_point_keys,
    compare_point,
    explain_point,
    is_of_points,
    parse_point_keys,
)
from pytest_modeleval.gates.rules import FRACTION, SHARE
from pytest_modeleval.gates.scope import Claim, PlannedScope, Scope, impossible
from pytest_modeleval.metrics import Question, subset_weights
from pytest_modeleval.records import Outcome
from pytest_modeleval.results import FAILED, PASSED, Baseline, ExperimentIdentity

# Smaller differences of a score are rounding.
_NO_CHANGE = 5e-6


def _check(table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    return check_point_keys(table)


def _parse(table: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "limit": float(table.get("margin", 0.0)),
        "flip_rate": float(table["flip_rate"]) if "flip_rate" in table else None,
        **(parse_point_keys(table) if is_of_points(table) else {}),
    }


def _measure(scope: Scope) -> Measurement:
    gate, baseline = scope.gate, scope.baseline
    if obstacle := baseline_obstacle(gate, baseline, scope.identity):
        return replace(cannot_judge(gate, obstacle), lacks_baseline=lacks_baseline(gate, baseline))
    assert baseline is not None
    aggregate = (scope.declared, gate.aggregate) if gate.aggregate else None
    pairs = pair(
        question_values(scope.then, scope.metric), question_values(scope.now, scope.metric), aggregate=aggregate
    )
    if not pairs.n:
        return cannot_judge(gate, f"{gate.scope}: no question has a verdict both here and in {baseline.label}")
    if missing := _missing_parts(scope, pairs):
        return cannot_judge(
            gate,
            f"{gate.scope}: no question of its parts {', '.join(missing)} has a verdict both here and in "
            f"{baseline.label}; bless a whole run with --eval-bless FILE",
        )
    known = known_flip_rate(gate, baseline, scope.now)
    noise = noise_of(pairs, known)
    p, detectable = paired_test(pairs, gate.limit, known)
    found = Measurement(
        gate=gate,
        seen=pairs.after,
        n=pairs.n,
        p=p,
        pairs=pairs,
        against=f"{baseline.label} ({baseline.made_utc[:10]})",
        detectable=detectable,
        detectable_early=lambda planned, alpha: power.detectable_drop_of_means(
            planned, noise, alpha=alpha, margin=gate.limit, is_early=True
        ),
        most_detectable=pairs.before if pairs.before is not None else 1.0,
        metric=scope.metric,
    )
    whole = scope.aggregate or (scope.scores[0] if len(scope.scores) == 1 else None)
    if whole is not None and not pairs.unpaired:
        # All questions are paired, so that the score is the one of the score table.
        found = replace(found, low=whole.low, high=whole.high)
    return found


def baseline_obstacle(gate: Gate, baseline: Baseline | None, identity: ExperimentIdentity | None) -> str:
    """Why nothing of the baseline can be compared with a run that asks like this; "" if something can."""
    if baseline is None:
        return f"{gate.scope}: there is no baseline; make one with --eval-bless FILE, name it with --eval-baseline FILE"
    difference = why_incomparable(baseline.identities.get(gate.benchmark), identity, gate.benchmark)
    if not difference:
        return ""
    return (
        f"{gate.scope} cannot be compared with {baseline.label}: {difference};"
        " ask in the same way, or bless a new baseline with --eval-bless FILE"
    )


def lacks_baseline(gate: Gate, baseline: Baseline | None) -> bool:
    """There is nothing yet to compare with."""
    return baseline is None or gate.benchmark not in baseline.identities


def _missing_parts(scope: Scope, pairs: Pairs) -> list[str]:
    """Subsets of the aggregate that have a score here and no pair: without them the weights would be other ones."""
    if not scope.gate.aggregate:
        return []
    sizes = questions_by_subset(question_values(scope.now, scope.metric))
    counted = subset_weights(scope.declared, scope.gate.aggregate, sizes) or ()
    return sorted(set(counted) - {subset for subset, _ in pairs.keys})


def known_flip_rate(gate: Gate, baseline: Baseline, now: Sequence[Outcome]) -> float | None:
    """The flip rate of the unchanged deployment, where it was measured, best source first.

    The sources are the gate's own `flip_rate`, the repeats of the baseline, and the repeats of this very run. None:
    only the flips of the comparison itself are left, which overstate the rate if there was a drop.
    """
    if gate.flip_rate is not None:
        return gate.flip_rate
    if gate.benchmark in baseline.flip_rates:
        return baseline.flip_rates[gate.benchmark]
    if not any(outcome.key.repeat for outcome in now):
        return None
    return flip_rates({outcome.key: outcome for outcome in now}).get(gate.benchmark)


def _observe(planned: PlannedScope) -> Claim:
    gate, baseline = planned.gate, planned.baseline
    if obstacle := baseline_obstacle(gate, baseline, planned.identity):
        return impossible(planned.questions, obstacle, lacks_baseline=lacks_baseline(gate, baseline))
    assert baseline is not None
    then = [outcome for key, outcome in baseline.outcomes.items() if key.benchmark == gate.benchmark]
    before = {
        question: found.value
        for question, found in question_values(then, planned.metric).items()
        if found.value is not None
    }
    weights = planned.weights_of([question for question in planned.questions if question in before])
    if not weights:
        return impossible(
            planned.questions, f"{gate.scope}: its questions, or those of one of its parts, are not in {baseline.label}"
        )
    heaviest = max(weights.values())

    def drop(question: Question, outcomes: Sequence[Outcome]) -> float | None:
        value = question_values(outcomes, planned.metric)[question].value
        return (
            None if value is None else float(np.round((before[question] - gate.limit - value) * weights[question], 12))
        )

    return Claim(list(weights), drop, (1.0 + gate.limit) * heaviest, (1.0 - gate.limit) * heaviest)


def _explain(found: Measurement, verdict: str) -> str:
    pairs = found.pairs
    assert pairs is not None
    judged = _change(pairs.drop)
    beyond = f"the margin of {points(found.gate.limit)}" if found.gate.limit else "chance"
    if verdict == FAILED:
        judged += f", beyond {beyond}"
    elif verdict == PASSED and pairs.drop > _NO_CHANGE:
        judged += f", not shown to be beyond {beyond}"
    unpaired = f", {pairs.unpaired} more not paired" if pairs.unpaired else ""
    return (
        f"{score_text(found)}{unpaired} against {pairs.before or 0.0:.4f} in {found.against}:"
        f" {pairs.losses} newly wrong, {pairs.gains} newly right, {judged}"
    )


def _change(drop: float) -> str:
    if abs(drop) <= _NO_CHANGE:
        return "unchanged"
    return f"{'a drop' if drop > 0 else 'a rise'} of {points(abs(drop))}"


def _sensitivity(_gate: Gate, effect: float) -> str:
    return f"a true drop of {points(effect)} is the smallest found four times in five"


REGRESSION = GateKind(
    name="regression",
    side=Side.WORSE,
    rules={
        "margin": FRACTION,
        "flip_rate": SHARE,
        "point": TEXT,
        "quantile": number(0.0, 1.0, is_open=True, is_share=True),
        "against": TEXT,
        "run_spread": SHARE,
    },
    check=_check,
    parse=_parse,
    label=lambda _gate: "regression",
    measure=_measure,
    observe=_observe,
    # Without a margin there is no room in which betting could show that nothing dropped.
    can_pass_early=lambda gate: gate.limit > 0.0,
    explain=_explain,
    effect="drop",
    sensitivity=_sensitivity,
    measure_point=compare_point,
    explain_point=explain_point,
)
