"""Runs in which nothing is wrong, for gates over measures: the p-values that the gates would give.

Many runs are judged at once; the first of each world are judged by the package itself, and must have the same p-value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from pytest_modeleval.gates import Evidence, judge, parse_gates
from pytest_modeleval.gates.exact_tests import Floats, Ints, bounded_mean, sign_flip_many
from pytest_modeleval.metrics import Measure, f_score, mean, ratio, score_subset
from pytest_modeleval.records import ItemKey, Kind, MeasureValue, Outcome
from pytest_modeleval.results import Baseline, BenchmarkSummary, ExperimentIdentity, RunSummary

SHARE = 0.8
# The constants of gates.permutation: the swaps are the same for every run.
SWAPS, SWAP_SEED = 9_999, 20_260_202
MOST_TOKENS, TOKEN_STEP = 1000, 50
CHECKED = 2

STEPS = ratio("steps")
F = f_score("f", of=("correct", "attempted"))
TOKENS = mean("tokens", high=float(MOST_TOKENS), is_higher_better=False, unit="tokens")
# Correct, wrong, not attempted: F is 2 c / (1 + a).
STATES = (0.7, 0.2, 0.1)
TRUE_F = 2 * STATES[0] / (1 + STATES[0] + STATES[1])

Rows = Sequence[Mapping[str, MeasureValue]]


def check(measure: Measure, gate: str, p: float, now: Rows, then: Rows | None = None) -> None:
    """Raise RuntimeError where the package gives another p-value for a run."""

    def outcomes(rows: Rows) -> dict[ItemKey, Outcome]:
        keys = {ItemKey("b", "s", f"{number:06}"): row for number, row in enumerate(rows)}
        return {key: Outcome(key, Kind.RIGHT, 1.0, measures=dict(row)) for key, row in keys.items()}

    made, identities = outcomes(now), {"b": ExperimentIdentity("b", "1")}
    score = score_subset("s", list(made.values()), len(made), metric="mean_acc")
    summary = RunSummary("m", True, (BenchmarkSummary("b", "1", "mean_acc", (score,)),))
    before = Baseline("base", "m", "2026", identities, {"b": "mean_acc"}, outcomes(then)) if then is not None else None
    gates = parse_gates(f'[[gate]]\nbenchmark = "b"\nmeasure = "{measure.name}"\n{gate}')
    (found,) = judge(gates, Evidence(summary, made, identities, measures={"b": [measure]}), before)
    if found.p is None or abs(found.p - p) > 1e-9:
        raise RuntimeError(f"{measure.name}, {gate}: the package has p {found.p}, the simulation {p}: {found.reason}")


def instructions(rng: np.random.Generator, runs: int, n: int) -> tuple[Ints, Floats]:
    """The instructions of each prompt, 1 to 4, and the ease of each prompt in each run."""
    return rng.integers(1, 5, n), rng.beta(4 * SHARE, 4 * (1 - SHARE), (runs, n))


def steps_rows(met: Ints, sizes: Ints) -> Rows:
    """What a run recorded of each prompt: k of n instructions."""
    return [{"steps": (int(k), int(of))} for k, of in zip(met, sizes, strict=True)]


def ratio_floor(rng: np.random.Generator, runs: int, n: int) -> Floats:
    """A floor at the true ratio."""
    sizes, ease = instructions(rng, runs, n)
    met = rng.binomial(sizes, ease)
    lines = (met - SHARE * sizes) / sizes.max() + SHARE
    p = np.asarray([bounded_mean(float(total), n, SHARE) for total in np.round(lines, 12).sum(axis=1)])
    for run in range(CHECKED):
        check(STEPS, f'kind = "floor"\nfloor = {SHARE}', p[run], steps_rows(met[run], sizes))
    return p


def ratio_regression(rng: np.random.Generator, runs: int, n: int) -> Floats:
    """Two recordings of the same prompts."""
    sizes, ease = instructions(rng, runs, n)
    then, now = rng.binomial(sizes, ease), rng.binomial(sizes, ease)
    p = sign_flips(then - now, most=4)
    for run in range(CHECKED):
        check(STEPS, 'kind = "regression"', p[run], steps_rows(now[run], sizes), steps_rows(then[run], sizes))
    return p


def sign_flips(drops: Ints, *, most: int) -> Floats:
    """P-values of whole drops, one for each run."""
    sizes = np.arange(1, most + 1)
    counts = np.stack([(np.abs(drops) == size).sum(axis=1) for size in sizes], axis=1)
    return np.asarray(sign_flip_many(sizes, counts, drops.sum(axis=1)), dtype=np.float64)


def answers(rng: np.random.Generator, runs: int, n: int, ease: Floats) -> tuple[Ints, Ints]:
    """Correct and attempted answers; ease: of each question, moves its chance of being correct."""
    drawn = rng.random((runs, n))
    correct = drawn < STATES[0] + ease
    return correct.astype(np.int64), (drawn < STATES[0] + STATES[1]).astype(np.int64)


def answer_rows(correct: Ints, attempted: Ints) -> Rows:
    """What a run recorded of each question."""
    return [
        {"correct": (int(right), 1), "attempted": (int(right), int(tried))}
        for right, tried in zip(correct, attempted, strict=True)
    ]


def f_floor(rng: np.random.Generator, runs: int, n: int) -> Floats:
    """A floor at the true F."""
    correct, attempted = answers(rng, runs, n, np.zeros(n))
    most = 1 + attempted.max(axis=1, keepdims=True)
    lines = np.clip(np.round((2.0 * correct - TRUE_F * (1 + attempted)) / most + TRUE_F, 12), 0.0, 1.0)
    p = np.asarray([bounded_mean(float(total), n, TRUE_F) for total in lines.sum(axis=1)])
    for run in range(CHECKED):
        check(F, f'kind = "floor"\nfloor = {TRUE_F!r}', p[run], answer_rows(correct[run], attempted[run]))
    return p


def f_regression(rng: np.random.Generator, runs: int, n: int) -> Floats:
    """Two recordings of the same questions, of unequal ease: swaps of the two of each question."""
    ease = rng.uniform(-0.2, 0.2, n)
    then, now = answers(rng, runs, n, ease), answers(rng, runs, n, ease)
    draws = np.random.default_rng(SWAP_SEED)
    # As gates.permutation draws them.
    batch = max(1, 2_000_000 // n)
    moved = [draws.integers(0, 2, size=(min(batch, SWAPS - start), n)) for start in range(0, SWAPS, batch)]
    swapped = np.concatenate(moved).astype(np.float32)
    p = np.empty(runs)
    for start in range(0, runs, 100):
        part = slice(start, start + 100)
        sums = [side[part].sum(axis=1).astype(np.float64) for side in (*then, *now)]
        steps = [(after[part] - before[part]).T for before, after in zip(then, now, strict=True)]
        gains = [(swapped @ step.astype(np.float32)).astype(np.float64) for step in steps]
        p[part] = swap_p(sums, gains, n)
    for run in range(CHECKED):
        rows = [answer_rows(side[0][run], side[1][run]) for side in (now, then)]
        check(F, 'kind = "regression"', p[run], *rows)
    return p


def swap_p(sums: Sequence[Floats], gains: Sequence[Any], n: int) -> Floats:
    """The share of swaps that make F fall at least as far as it was seen to fall.

    sums: correct and attempted of baseline, then of run. gains: what swaps add to the baseline and take from the run.
    """
    right, tried, right_now, tried_now = sums
    seen = 2 * right / (n + tried) - 2 * right_now / (n + tried_now)
    first = 2 * (right + gains[0]) / (n + tried + gains[1])
    second = 2 * (right_now - gains[0]) / (n + tried_now - gains[1])
    return np.asarray((1 + np.sum(first - second >= seen - 1e-12, axis=0)) / (SWAPS + 1))


def tokens(rng: np.random.Generator, shape: tuple[int, int], ease: Floats) -> Ints:
    """Tokens of replies in steps of 50, at most 1,000: many short ones and some long ones."""
    return np.clip(np.round(rng.gamma(2.0, 100.0 * ease, shape) / TOKEN_STEP), 0, MOST_TOKENS // TOKEN_STEP).astype(int)


def mean_ceiling(rng: np.random.Generator, runs: int, n: int) -> Floats:
    """A ceiling at the true mean of tokens, of which fewer are better."""
    limit = float(tokens(rng, (1, 4_000_000), np.ones(1)).mean() * TOKEN_STEP)
    used = tokens(rng, (runs, n), np.ones(n)) * TOKEN_STEP
    left = (1.0 - used / MOST_TOKENS).sum(axis=1)
    p = np.asarray([bounded_mean(float(total), n, 1.0 - limit / MOST_TOKENS) for total in left])
    for run in range(CHECKED):
        rows = [{"tokens": float(value)} for value in used[run]]
        check(TOKENS, f'kind = "ceiling"\nceiling = {limit!r}', p[run], rows)
    return p


def mean_regression(rng: np.random.Generator, runs: int, n: int) -> Floats:
    """A mean of tokens against a baseline, the questions of unequal length."""
    ease = rng.uniform(0.5, 2.0, n)
    then, now = tokens(rng, (runs, n), ease), tokens(rng, (runs, n), ease)
    p = sign_flips(now - then, most=MOST_TOKENS // TOKEN_STEP)
    for run in range(CHECKED):
        rows = [[{"tokens": float(value * TOKEN_STEP)} for value in side[run]] for side in (now, then)]
        check(TOKENS, 'kind = "regression"', p[run], *rows)
    return p


WORLDS: dict[str, Callable[[np.random.Generator, int, int], Floats]] = {
    "measure: ratio, floor": ratio_floor,
    "measure: ratio, regression": ratio_regression,
    "measure: F, floor": f_floor,
    "measure: F, regression": f_regression,
    "measure: mean, lower, ceiling": mean_ceiling,
    "measure: mean, lower, regression": mean_regression,
}
