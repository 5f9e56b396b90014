"""Arenas with a judge of known strength: the share of intervals that hold the true win rate.

    python ci/simulate_arena.py               five models of Arena-Hard's size (500 questions), 100 seeds
    python ci/simulate_arena.py --seeds 400

Each question is easier for one model than for another (a Beta distribution of win probabilities with the true mean),
the judge's two verdicts on a pair are drawn from it, and a few games are ties. The expected points of both orders
together are the truth. Printed: coverage of the 95 % intervals, and how often the figures of a judge that goes by the
place are withheld. Exit status 1 below 93 %.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

from pytest_modeleval.arena.games import Games, recorded
from pytest_modeleval.metrics import Measure, bradley_terry
from pytest_modeleval.metrics.figures import figure_of
from pytest_modeleval.records import ItemKey, Kind, Outcome

# Strengths of the models; the baseline is the first. The judge makes ties of a share of its games.
STRENGTHS = np.asarray([0.0, 1.2, 0.4, -0.3, -1.5])
TIES = 0.1
# Beta(c p, c (1 - p)): how much questions differ.
CONCENTRATION = 2.0
LEAST = 0.93


def arena(rng: np.random.Generator, questions: int, place: float = 0.0) -> list[Outcome]:
    """Every model against the baseline. place: the share of pairs in which the judge takes the first place."""
    outcomes = []
    for number in range(questions):
        for model in range(1, len(STRENGTHS)):
            true = 1.0 / (1.0 + np.exp(STRENGTHS[0] - STRENGTHS[model]))
            here = rng.beta(CONCENTRATION * true, CONCENTRATION * (1.0 - true))
            straight, swapped = (verdict(rng, here) for _ in range(2))
            if rng.random() < place:
                straight, swapped = 1.0, -1.0
            key = ItemKey("arena", "arena", f"{number:04}-{model}")
            made = recorded(Games(straight, swapped), model, 0)
            outcomes.append(Outcome(key, Kind.RIGHT, 1.0, measures=made, cluster=f"{number:04}"))
    return outcomes


def verdict(rng: np.random.Generator, share: float) -> float:
    """1, 0 or -1, with the mean 2 * share - 1."""
    ties = TIES * 2.0 * min(share, 1.0 - share)
    return float(rng.choice([1.0, 0.0, -1.0], p=[share - ties / 2, ties, 1.0 - share - ties / 2]))


def expected_points(share: float, draws: int = 200_000) -> float:
    """Of both orders together, over questions; ties of a game break the symmetry a little, so it is computed."""
    rng = np.random.default_rng(0)
    here = rng.beta(CONCENTRATION * share, CONCENTRATION * (1.0 - share), draws)
    ties = TIES * 2.0 * np.minimum(here, 1.0 - here)
    won, lost = here - ties / 2, 1.0 - here - ties / 2
    return float(np.mean(0.5 + 0.5 * (won**2 - lost**2)))


def covered(measure: Measure, outcomes: list[Outcome], true: float) -> bool:
    """The interval holds the true win rate."""
    interval = figure_of(measure, outcomes).interval
    return interval is not None and interval.low <= true <= interval.high


def main() -> int:
    """Print the shares; 0 if the coverage is as it should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--questions", type=int, default=500)
    given = parser.parse_args()
    models = range(1, len(STRENGTHS))
    truth = {model: expected_points(1.0 / (1.0 + np.exp(STRENGTHS[0] - STRENGTHS[model]))) for model in models}
    hits = dict.fromkeys(models, 0)
    withheld = named = 0
    for seed in range(given.seeds):
        rng = np.random.default_rng(seed)
        outcomes = arena(rng, given.questions)
        for model in models:
            hits[model] += covered(bradley_terry("m", player=model, baseline=0), outcomes, truth[model])
        biased = arena(rng, given.questions, place=0.6)
        withheld += figure_of(bradley_terry("m", player=1, baseline=0), biased).value is None
        named += figure_of(bradley_terry("m", player=1, baseline=0), outcomes).value is None
    for model in models:
        print(f"model {model}: win rate {truth[model]:.4f} inside its interval in {hits[model]} of {given.seeds}")
    share = sum(hits.values()) / (len(models) * given.seeds)
    print(f"all models: {100 * share:.1f} %")
    print(f"a judge that takes the first place in 6 of 10 pairs: withheld in {withheld} of {given.seeds}")
    print(f"a judge without a preference: withheld in {named} of {given.seeds}")
    return int(share < LEAST or withheld < given.seeds or named > 0)


if __name__ == "__main__":
    sys.exit(main())
