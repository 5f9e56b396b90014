"""Has the score dropped by more than a margin since the baseline? Paired by question. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from pytest_modeleval.gates import power
from pytest_modeleval.gates.betting import betting_p
from pytest_modeleval.gates.evidence import Baseline, Evidence, Pairs, incomparable, pair, question_values
from pytest_modeleval.gates.exact import sign_flip
from pytest_modeleval.gates.finding import Finding, cannot
from pytest_modeleval.gates.gate import Gate
from pytest_modeleval.gates.margin import margin_test
from pytest_modeleval.records import Outcome

# Beyond so many different sizes of difference (partial credit over many repeats) the power is approximated.
_MOST_SIZES = 64


def measure_regression(
    gate: Gate,
    results: Evidence,
    baseline: Baseline | None,
    *,
    now: Sequence[Outcome],
    then: Sequence[Outcome],
    metric: str,
) -> Finding:
    """The finding of a regression gate. now, then: outcomes of its benchmark in the run (in scope) and the baseline."""
    if baseline is None:
        return cannot(
            gate,
            f"{gate.scope}: there is no baseline; make one with --eval-bless FILE, name it with --eval-baseline FILE",
        )
    identities = baseline.identities.get(gate.benchmark), results.identities.get(gate.benchmark)
    if difference := incomparable(*identities, gate.benchmark):
        return cannot(
            gate,
            f"{gate.scope} cannot be compared with {baseline.label}: {difference};"
            " ask in the same way, or bless a new baseline with --eval-bless FILE",
        )
    declared = (results.aggregates.get(gate.benchmark, ()), gate.aggregate) if gate.aggregate else None
    pairs = pair(question_values(then, metric), question_values(now, metric), aggregate=declared)
    if not pairs.n:
        return cannot(gate, f"{gate.scope}: no question has a verdict both here and in {baseline.label}")
    known = gate.flip_rate if gate.flip_rate is not None else baseline.flip_rates.get(gate.benchmark)
    p, detectable = paired_test(pairs, gate.limit, known)
    return Finding(
        gate=gate,
        seen=pairs.after,
        n=pairs.n,
        p=p,
        pairs=pairs,
        detectable=detectable,
        most_detectable=pairs.before if pairs.before is not None else 1.0,
        metric=metric,
    )


def paired_test(
    pairs: Pairs, margin: float, flip_rate: float | None = None
) -> tuple[float, Callable[[float], float | None]]:
    """P-value of a drop beyond the margin, and level -> the smallest drop that the same test finds.

    Single right/wrong answers, each its own unit: exact McNemar, or the exact margin test. Otherwise (repeats,
    partial credit, weights, clusters) the units are question means or weighted cluster sums, under sign flips without
    a margin and under betting with one: sign flips need differences that are symmetric, which a shift destroys.
    """
    if pairs.is_plain and pairs.is_single:
        rate = (pairs.losses + pairs.gains) / pairs.n if flip_rate is None else flip_rate
        return (
            margin_test(pairs.losses, pairs.gains, pairs.n, margin),
            lambda alpha: power.detectable_drop(pairs.n, rate, alpha=alpha, margin=margin),
        )
    drops, weights = pairs.units()
    is_betting = margin > 0.0
    if is_betting:
        p = betting_p(np.round(drops - margin * weights, 12), float(weights.max()) * (1.0 + margin))
    else:
        p = sign_flip(drops)
    noise = power.Noise.of(pairs.drops, pairs.values)
    if pairs.is_plain and len(noise.sizes) + len(noise.before) <= _MOST_SIZES:
        return p, lambda alpha: power.detectable_drop_of_means(pairs.n, noise, alpha=alpha, margin=margin)
    return p, lambda alpha: power.detectable_drop_of_units(
        drops, weights, alpha=alpha, margin=margin, is_betting=is_betting
    )
