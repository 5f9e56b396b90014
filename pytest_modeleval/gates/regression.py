"""Has the score dropped by more than a margin since the baseline? Paired by question. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from pytest_modeleval.experiment import why_incomparable
from pytest_modeleval.gates import power
from pytest_modeleval.gates.betting import betting_p
from pytest_modeleval.gates.evidence import Evidence, Pairs, pair, question_values, subset_shares
from pytest_modeleval.gates.exact_tests import sign_flip
from pytest_modeleval.gates.gate import Gate
from pytest_modeleval.gates.margin import margin_test
from pytest_modeleval.gates.measurement import Measurement, cannot_judge
from pytest_modeleval.gates.noise import bernoulli_noise, flip_rates
from pytest_modeleval.metrics import Aggregate
from pytest_modeleval.records import Outcome
from pytest_modeleval.results import Baseline

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
) -> Measurement:
    """The finding of a regression gate. now, then: outcomes of its benchmark in the run (in scope) and the baseline."""
    if baseline is None:
        return cannot_judge(
            gate,
            f"{gate.scope}: there is no baseline; make one with --eval-bless FILE, name it with --eval-baseline FILE",
        )
    identities = baseline.identities.get(gate.benchmark), results.identities.get(gate.benchmark)
    if difference := why_incomparable(*identities, gate.benchmark):
        return cannot_judge(
            gate,
            f"{gate.scope} cannot be compared with {baseline.label}: {difference};"
            " ask in the same way, or bless a new baseline with --eval-bless FILE",
        )
    declared = (results.aggregates.get(gate.benchmark, ()), gate.aggregate) if gate.aggregate else None
    pairs = pair(question_values(then, metric), question_values(now, metric), aggregate=declared)
    if not pairs.n:
        return cannot_judge(gate, f"{gate.scope}: no question has a verdict both here and in {baseline.label}")
    if declared is not None and (missing := _missing_parts(*declared, now, metric, pairs)):
        return cannot_judge(
            gate,
            f"{gate.scope}: no question of its parts {', '.join(missing)} has a verdict both here and in "
            f"{baseline.label}; bless a whole run with --eval-bless FILE",
        )
    known = known_flip_rate(gate, baseline, now)
    p, detectable = paired_test(pairs, gate.limit, known)
    return Measurement(
        gate=gate,
        seen=pairs.after,
        n=pairs.n,
        p=p,
        pairs=pairs,
        detectable=detectable,
        noise=noise_of(pairs, known),
        most_detectable=pairs.before if pairs.before is not None else 1.0,
        metric=metric,
    )


def _missing_parts(
    declared: Sequence[Aggregate], name: str, now: Sequence[Outcome], metric: str, pairs: Pairs
) -> list[str]:
    """Subsets of the aggregate that have a score here and no pair: without them the weights would be other ones."""
    sizes: dict[str, int] = {}
    for (subset, _), found in question_values(now, metric).items():
        if found.value is not None:
            sizes[subset] = sizes.get(subset, 0) + 1
    return sorted(set(subset_shares(declared, name, sizes) or ()) - {subset for subset, _ in pairs.keys})


def known_flip_rate(gate: Gate, baseline: Baseline, now: Sequence[Outcome]) -> float | None:
    """The flip rate of the unchanged deployment, where somebody measured it, best known first.

    What the gate was told; the repeats of the baseline; the repeats of this very run. None: only the flips of the
    comparison itself are left, which overstate it if there was a drop.
    """
    if gate.flip_rate is not None:
        return gate.flip_rate
    if gate.benchmark in baseline.flip_rates:
        return baseline.flip_rates[gate.benchmark]
    if not any(outcome.key.repeat for outcome in now):
        return None
    return flip_rates({outcome.key: outcome for outcome in now}).get(gate.benchmark)


def noise_of(pairs: Pairs, flip_rate: float | None) -> power.Noise:
    """How the paired questions would move in an unchanged deployment: at its flip rate if known, else as seen here.

    A rate describes answers that are right or wrong; with partial credit the movements as seen are used.
    """
    if pairs.is_single:
        seen = (pairs.losses + pairs.gains) / pairs.n
        return power.Noise((1.0,), (seen if flip_rate is None else min(1.0, flip_rate),))
    before, after = pairs.repeats
    is_whole = bool(np.allclose(pairs.values * before, np.round(pairs.values * before)))
    if flip_rate is None or not is_whole or before * after > _MOST_SIZES:
        return power.Noise.of(pairs.drops, pairs.values)
    return bernoulli_noise(flip_rate, before, after, values=pairs.values)


def paired_test(
    pairs: Pairs, margin: float, flip_rate: float | None = None
) -> tuple[float, Callable[[float], float | None]]:
    """P-value of a drop beyond the margin, and level -> the smallest drop that the same test finds.

    Single right/wrong answers, each its own unit: exact McNemar, or the exact margin test. Otherwise (repeats,
    partial credit, weights, clusters) the units are question means or weighted cluster sums, under sign flips without
    a margin and under betting with one: sign flips need differences that are symmetric, which a shift destroys.
    """
    if pairs.is_plain and pairs.is_single:
        (rate,) = noise_of(pairs, flip_rate).shares
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
    noise = noise_of(pairs, flip_rate)
    if pairs.is_plain and len(noise.sizes) + len(noise.before) <= _MOST_SIZES:
        return p, lambda alpha: power.detectable_drop_of_means(pairs.n, noise, alpha=alpha, margin=margin)
    return p, lambda alpha: power.detectable_drop_of_units(
        drops, weights, alpha=alpha, margin=margin, is_betting=is_betting
    )
