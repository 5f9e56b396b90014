"""Has a figure become worse that is no mean of question values? A permutation test over paired questions. Pure.

If nothing changed, what was recorded of a question in baseline and run could as well stand the other way round. The
figure's difference is compared with those after swapping the two of every question (or cluster) at random: the test is
exact whatever the figure is (Phipson and Smyth 2010, Stat. Appl. Genet. Mol. Biol. 9:39, for the 1 that is added).
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, log2

import numpy as np

from pytest_modeleval.gates.exact_tests import Floats
from pytest_modeleval.gates.measurement import Detectable
from pytest_modeleval.metrics import Measure, Question
from pytest_modeleval.metrics.figures import RecordedQuestion, Repeats, statistic_of

_SEED = 20_260_202
_SWAPS = 9_999
# Figures that are sorted anew for every permutation.
_SLOW_SWAPS = 1_999
_BATCH_CELLS = 2_000_000
# Of the normal distribution: four times in five.
_POWER_QUANTILE = 0.8416


def permutation_test(
    measure: Measure, then: Mapping[Question, RecordedQuestion], now: Mapping[Question, RecordedQuestion], before: float
) -> tuple[float, Detectable]:
    """P-value of "the figure is no worse", and level -> the smallest change that is found four times in five.

    then, now: the same questions. before: the figure in the baseline. The change is a fraction of the range, or of
    `before` where the range has no upper end.
    """
    first, second = paired_units(then, now)
    worse = _worsening(measure, first, second)
    # Counted as reached where a swap leaves the figure undefined: it can only make the test more careful.
    seen, null = worse[0], np.nan_to_num(worse[1:], nan=np.inf)
    if not np.isfinite(seen):
        return 1.0, lambda _alpha: None
    p = (1.0 + float(np.sum(null >= seen - 1e-12))) / (len(null) + 1.0)
    scale = measure.high - measure.low if measure.high is not None else abs(before) or 1.0
    return p, lambda alpha: _detectable(null[np.isfinite(null)] / scale, alpha, len(first))


def paired_units(
    then: Mapping[Question, RecordedQuestion], now: Mapping[Question, RecordedQuestion]
) -> tuple[list[list[Repeats]], list[list[Repeats]]]:
    """What both recorded of the same questions, by cluster or question: the units that may be swapped or resampled."""
    places: dict[object, int] = {}
    first: list[list[Repeats]] = []
    second: list[list[Repeats]] = []
    for key in sorted(then):
        place = places.setdefault(now[key].cluster or then[key].cluster or key, len(places))
        if place == len(first):
            first.append([])
            second.append([])
        first[place].append(then[key].repeats)
        second[place].append(now[key].repeats)
    return first, second


def _worsening(measure: Measure, first: list[list[Repeats]], second: list[list[Repeats]]) -> Floats:
    """How much worse the figure is: as recorded, then after each of the swaps."""
    units = len(first)
    statistic = statistic_of(measure, [*first, *second])
    swaps = _SWAPS if measure.method in ("ratio", "f", "mean") else _SLOW_SWAPS
    random = np.random.default_rng(_SEED)
    here = np.arange(units)
    sign = 1.0 if measure.is_higher_better else -1.0
    found = [sign * (statistic(here[None, :]) - statistic(here[None, :] + units))]
    batch = max(1, _BATCH_CELLS // units)
    for start in range(0, swaps, batch):
        moved = units * random.integers(0, 2, size=(min(batch, swaps - start), units))
        found.append(sign * (statistic(here + moved) - statistic(here + units - moved)))
    return np.concatenate(found)


def _detectable(null: Floats, alpha: float, units: int) -> float | None:
    """None where even the worst change of every unit is no proof at this level, or where swaps are too few for it."""
    needed = ceil(log2(1.0 / alpha))
    if units < needed or alpha * (len(null) + 1.0) < 1.0 or not len(null):
        return None
    noise = float(np.quantile(null, 1.0 - alpha)) + _POWER_QUANTILE * float(null.std())
    # With no noise at all, so many units must change.
    return max(noise, needed / units)
