"""Do judged measures of RAG recover a planted truth? A judge of known error rates, many seeds, no model, no network.

    python ci/simulate_rag.py
    python ci/simulate_rag.py --seeds 2000 --questions 225 50 20

Each question has 1 to 6 statements (or contexts) that are true with a chance of its own. A judge errs on each of them:
it misses true ones and passes false ones. The same judge is measured on labelled statements, 100 true and 100 false
unless --labelled says otherwise. The package computes the figures; printed is in how many seeds the 95 % interval of
the plain figure, and of the corrected one, holds the planted share, and how wide they are. Exit status 1 where, with 50
questions or more, the corrected interval, or the plain one of a judge without errors, holds it in fewer than 92 % of
the seeds (the least that was seen is 92.9 %). With 20 questions the t interval of a share near 1 is too short.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pytest_modeleval.metrics import Measure, judged_mean
from pytest_modeleval.metrics.figures import Figure, figure_of
from pytest_modeleval.rag.judge_rates import TASK_OF, corrected_measures, rate_names
from pytest_modeleval.records import ItemKey, Kind, MeasureValue, Outcome

LEAST, FEWEST_QUESTIONS = 0.92, 50
# (sensitivity, specificity) of the judge.
JUDGES = ((1.0, 1.0), (0.95, 0.9), (0.85, 0.8), (0.7, 0.95))
# The planted share of each measure.
SHARES = {"answer_correctness": 0.6, "faithfulness": 0.85, "context_recall": 0.7, "context_precision": 0.3}
Measures = dict[str, MeasureValue]


@dataclass(frozen=True, slots=True)
class Held:
    """Of one cell: seeds whose interval holds the truth, the mean width, and how far the mean figure is off."""

    share: float
    width: float
    bias: float


def labelled(rng: np.random.Generator, judge: tuple[float, float], each: int) -> Measures:
    """What a run of judge_statements would give: (right, of) for each task."""
    rates: Measures = {}
    for task in sorted(set(TASK_OF.values())):
        for name, rate in zip(rate_names(task), judge, strict=True):
            rates[f"judge_{name}"] = (int(rng.binomial(each, rate)), each)
    return rates


def outcomes(rng: np.random.Generator, judge: tuple[float, float], questions: int, each: int) -> list[Outcome]:
    """A run: each question's verdicts, with the judge's errors."""
    rates = labelled(rng, judge, each)
    rows: list[Measures] = [dict(rates) for _ in range(questions)]
    for name, share in SHARES.items():
        sizes = rng.integers(1, 7, questions)
        # Easy and hard questions: the chance of a statement is a draw of its question.
        true = rng.binomial(sizes, rng.beta(2 * share, 2 * (1 - share), questions))
        found = rng.binomial(true, judge[0]) + rng.binomial(sizes - true, 1.0 - judge[1])
        for row, k, n in zip(rows, found, sizes, strict=True):
            row[name] = (int(k), int(n))
    keys = [ItemKey("rag", "s", f"{number:05}") for number in range(questions)]
    return [Outcome(key, Kind.RIGHT, 1.0, measures=row) for key, row in zip(keys, rows, strict=True)]


def held(figures: Sequence[Figure], truth: float) -> Held:
    """Over seeds. A figure without an interval holds nothing."""
    found = [(one.value, one.interval) for one in figures if one.value is not None and one.interval is not None]
    inside = [interval.low <= truth <= interval.high for _, interval in found]
    widths = [interval.high - interval.low for _, interval in found]
    return Held(
        sum(inside) / len(figures), float(np.mean(widths)), float(np.mean([value for value, _ in found])) - truth
    )


def cell(seeds: int, judge: tuple[float, float], questions: int, each: int) -> dict[str, tuple[Held, Held]]:
    """Measure -> (plain, corrected)."""
    measures: list[tuple[Measure, Measure]] = list(zip(map(judged_mean, SHARES), corrected_measures(), strict=True))
    seen: dict[str, tuple[list[Figure], list[Figure]]] = {name: ([], []) for name in SHARES}
    for seed in range(seeds):
        rng = np.random.default_rng([seed, questions, each, int(1000 * judge[0]), int(1000 * judge[1])])
        run = outcomes(rng, judge, questions, each)
        for plain, corrected in measures:
            seen[plain.name][0].append(figure_of(plain, run))
            seen[plain.name][1].append(figure_of(corrected, run))
    return {name: (held(plain, SHARES[name]), held(fixed, SHARES[name])) for name, (plain, fixed) in seen.items()}


def main() -> int:
    """Every cell, printed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--questions", type=int, nargs="+", default=[225, 50, 20])
    parser.add_argument("--labelled", type=int, default=100, help="true and false statements each")
    given = parser.parse_args()
    print("questions  judge (Se, Sp)  measure             plain: held  bias    width   corrected: held  bias    width")
    failed = 0
    for questions in given.questions:
        for judge in JUDGES:
            for name, (plain, fixed) in cell(given.seeds, judge, questions, given.labelled).items():
                is_short = fixed.share < LEAST or (judge == (1.0, 1.0) and plain.share < LEAST)
                failed += is_short and questions >= FEWEST_QUESTIONS
                print(
                    f"{questions:9}  {judge[0]:5.2f}, {judge[1]:5.2f}    {name:18}  {plain.share:11.3f}  "
                    f"{plain.bias:+.3f}  {plain.width:.3f}   {fixed.share:15.3f}  {fixed.bias:+.3f}  {fixed.width:.3f}"
                )
    print(f"{failed} cells below {LEAST}" if failed else "every promise is kept")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
