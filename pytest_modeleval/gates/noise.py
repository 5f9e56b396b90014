"""How much an unchanged deployment moves by itself, and how many answers a wanted sensitivity needs. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import comb, sqrt

import numpy as np

from pytest_modeleval.gates import power
from pytest_modeleval.gates.exact_tests import Floats, binomial_interval
from pytest_modeleval.gates.number_text import points
from pytest_modeleval.metrics import credit, mean_interval
from pytest_modeleval.records import ItemKey, Outcome

_MOST_SAMPLES = 2_000_000


@dataclass(frozen=True, slots=True)
class NoiseLevel:
    """The noise of one benchmark."""

    benchmark: str

    questions: int
    """Questions with two or more verdicts."""

    answers: int
    """Verdicts on them."""

    flip_rate: float
    """Chance that two answers to the same question are graded differently; for partial credit, the mean difference of
    two grades."""

    low: float | None
    high: float | None
    """The 95 % interval of the flip rate; None where it does not exist."""

    score_deviation: float
    """Standard deviation, from this noise alone, of the score of one run that asks these questions once."""


def noise_levels(runs: Sequence[Mapping[ItemKey, Outcome]]) -> tuple[NoiseLevel, ...]:
    """The noise of each benchmark, from repeats within runs, from several runs of one deployment, or both.

    Only questions with at least two verdicts count; benchmarks without any are left out.
    """
    values: dict[str, dict[tuple[str, str], list[float]]] = {}
    for outcomes in runs:
        for key, outcome in outcomes.items():
            if outcome.kind.is_verdict:
                found = values.setdefault(key.benchmark, {}).setdefault((key.subset, key.sample), [])
                found.append(credit(outcome))
    made = (_level(benchmark, list(questions.values())) for benchmark, questions in values.items())
    return tuple(level for level in made if level is not None)


def _level(benchmark: str, questions: list[list[float]]) -> NoiseLevel | None:
    repeated = [np.asarray(found) for found in questions if len(found) >= 2]
    if not repeated:
        return None
    differences = []
    for found in repeated:
        count = len(found)
        # Sum of |a - b| over all pairs, from the sorted values: each counts by how many lie below and above it.
        ordered = np.sort(found)
        total = float(np.sum(ordered * (2.0 * np.arange(count) - count + 1.0)))
        differences.append(min(1.0, max(0.0, 2.0 * total / (count * (count - 1)))))
    rate = float(np.mean(differences))
    is_single = all(len(found) == 2 for found in repeated) and set(differences) <= {0.0, 1.0}
    low: float | None
    high: float | None
    if is_single:
        low, high = binomial_interval(round(sum(differences)), len(differences))
    else:
        interval = mean_interval(differences)
        low, high = (interval.low, interval.high) if interval is not None else (None, None)
    deviation = sqrt(sum(float(np.var(found, ddof=1)) for found in repeated)) / len(repeated)
    return NoiseLevel(benchmark, len(repeated), sum(map(len, repeated)), rate, low, high, deviation)


def flip_rates(outcomes: Mapping[ItemKey, Outcome]) -> dict[str, float]:
    """Benchmark -> flip rate, as measured on the repeats of one run; benchmarks without repeats are left out."""
    return {level.benchmark: level.flip_rate for level in noise_levels([outcomes])}


def noise_text(levels: Sequence[NoiseLevel], *, alpha: float = 0.01) -> list[str]:
    """One line for each benchmark, and what the noise means for a gate at this alpha."""
    if not levels:
        return ["no question was answered twice: run with --eval-repeats 2, or name two runs of one deployment"]
    lines = []
    for level in levels:
        interval = (
            f" (95 % {level.low:.3f}-{level.high:.3f})" if level.low is not None and level.high is not None else ""
        )
        found = power.detectable_drop(level.questions, min(1.0, level.flip_rate), alpha=alpha)
        sees = f"finds true drops of {points(found)} four times in five" if found is not None else "can prove nothing"
        lines.append(
            f"{level.benchmark}: two answers to one question differ in {level.flip_rate:.4f}{interval} of cases,"
            f" {level.questions} questions, {level.answers} answers; the score moves by"
            f" {points(level.score_deviation)} (one standard deviation) from run to run by itself;"
            f" a regression gate over them at alpha {alpha:g} {sees};"
            f" for the gates file: flip_rate = {level.flip_rate:.4f}"
        )
    return lines


def samples_needed(
    drop: float, *, flip_rate: float, alpha: float = 0.01, margin: float = 0.0, probability: float = power.POWER
) -> int | None:
    """Fewest samples, asked once, on which a true drop is found with this probability; None above two million.

    The exact test is solved for up to 5,000 samples; beyond that the normal approximation is used.
    """
    if drop <= margin:
        return None

    def is_enough(n: int) -> bool:
        if n <= 5000:
            found = power.detectable_drop(n, flip_rate, alpha=alpha, margin=margin, power=probability)
        else:
            moved = np.zeros(n)
            moved[: round(n * flip_rate)] = 1.0
            found = power.detectable_drop_of_units(moved, np.ones(n), alpha=alpha, margin=margin, power=probability)
        return found is not None and found <= drop

    high = 4
    while not is_enough(high):
        high *= 2
        if high > _MOST_SAMPLES:
            return None
    low = high // 2
    while high - low > max(1, low // 500):
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high


def repeats_needed(
    n: int,
    drop: float,
    *,
    flip_rate: float,
    alpha: float = 0.01,
    margin: float = 0.0,
    most: int = 32,
    probability: float = power.POWER,
) -> int | None:
    """Fewest repeats of n questions, in baseline and run alike, that find a true drop; None if `most` do not.

    Assumes that the noise comes from questions that are answered like the toss of a coin, a share of twice the flip
    rate; noise that is spread over more questions needs about as many repeats.
    """
    for repeats in range(1, most + 1):
        found = power.detectable_drop_of_means(
            n, bernoulli_noise(flip_rate, repeats), alpha=alpha, margin=margin, power=probability
        )
        if found is not None and found <= drop:
            return repeats
    return None


def bernoulli_noise(
    flip_rate: float, repeats: int, others: int | None = None, *, values: Floats | None = None
) -> power.Noise:
    """The noise of question means, if 2 flip_rate of the questions are answered by coin.

    repeats: of each question in the baseline; others: in the run, None for as many. values: of the questions in the
    baseline, as Noise.of takes them; None for all right.
    """
    coins = min(1.0, 2.0 * flip_rate)
    others = others or repeats
    chances: dict[float, float] = {}
    for before in range(repeats + 1):
        for after in range(others + 1):
            size = round(abs(before / repeats - after / others), 12)
            share = coins * comb(repeats, before) * comb(others, after) / 2.0 ** (repeats + others)
            chances[size] = chances.get(size, 0.0) + share
    chances.pop(0.0, None)
    made = power.Noise(tuple(sorted(chances)), tuple(chances[size] for size in sorted(chances)))
    if values is None:
        return made
    seen = power.Noise.of(np.zeros(len(values)), values)
    return replace(made, before=seen.before, before_shares=seen.before_shares)


def plan_text(
    drop: float, *, flip_rate: float, alpha: float = 0.01, margin: float = 0.0, samples: int | None = None
) -> list[str]:
    """The samples, asked once, that it takes to find a drop, and the repeats if there are only so many samples."""
    what = f"to find a true drop of {points(drop)} four times in five at alpha {alpha:g}"
    what += f" beyond a margin of {points(margin)}" if margin else ""
    if drop <= margin:
        return [f"{what}: impossible, the drop must be larger than the margin"]
    needed = samples_needed(drop, flip_rate=flip_rate, alpha=alpha, margin=margin)
    count = f"{needed} samples asked once" if needed is not None else f"more than {_MOST_SAMPLES} samples asked once"
    lines = [f"{what}, with {flip_rate:.4f} of the answers flipping by themselves: {count}"]
    if samples is not None:
        repeats = repeats_needed(samples, drop, flip_rate=flip_rate, alpha=alpha, margin=margin)
        count = "even 32 repeats are too few: more questions are needed"
        if repeats is not None:
            count = f"{repeats} repeat{'' if repeats == 1 else 's'}"
        lines.append(f"with {samples} samples, in baseline and run alike: {count}")
    return lines
