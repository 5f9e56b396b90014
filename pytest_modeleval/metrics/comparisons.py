"""The statistics of pairwise comparisons over resampled questions: win rates, effects of style, length control."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pytest_modeleval.arena.bradley_terry import (
    Floats,
    Pairing,
    StyleFit,
    are_connected,
    counts_of,
    logistic,
    strengths,
    win_matrices,
    win_rate,
)
from pytest_modeleval.arena.games import MOST, Games
from pytest_modeleval.arena.length_control import LengthControl, length_control
from pytest_modeleval.metrics.measures import (
    BRADLEY_TERRY,
    LENGTH_CONTROLLED,
    STYLE_EFFECT,
    WIN_RATE_DIFFERENCE,
    Measure,
)

Statistic = Callable[[Any], Floats]
# One array for each unit: a row for each item, the recorded values in the order of Measure.of.
Arrays = Sequence[Floats]
_GAMES = 4
# Rows x resamples of a fit held at once.
_BATCH_CELLS = 1_000_000


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a method of pairwise comparisons is computed."""

    statistic: Callable[[Measure, Arrays], Statistic]

    lost: Mapping[str, float]
    """Recorded value -> what it is for an answer that was cut and lost."""


def place_decides(pairs: Iterable[Games]) -> bool:
    """True where the judge's preference of one place decides more pairs than the answers do.

    A judge that tosses coins prefers neither place: its figures exist, with wide intervals.
    """
    found = list(pairs)
    by_place = abs(sum(pair.place for pair in found))
    by_answer = sum(pair.is_consistent and pair.straight != 0.0 for pair in found)
    return by_place > by_answer


def points_of(measure: Measure, row: Sequence[float]) -> float | None:
    """The points of the player in a pair, of which the win rate is the mean; None where it is no such mean.

    It is for two players, without style control and strong wins. row: the recorded values in the order of Measure.of.
    """
    player, baseline, strong = measure.numbers
    first, second, straight, swapped = row[:_GAMES]
    if len(measure.of) > _GAMES or strong != 1 or {first, second} != {float(player), float(baseline)}:
        return None
    points = Games(straight, swapped).points
    return points if first == player else 1.0 - points


def _of_nothing(at: Any) -> Floats:
    return np.full(len(at), np.nan)


def _games(arrays: Arrays) -> list[Games]:
    return [Games(float(row[2]), float(row[3])) for unit in arrays for row in unit]


def _pairings(arrays: Arrays, strong: int) -> list[list[Pairing]]:
    return [[_pairing(row, strong) for row in unit] for unit in arrays]


def _pairing(row: Floats, strong: int) -> Pairing:
    games = Games(float(row[2]), float(row[3]))
    weight = float(strong) if games.is_strong else 1.0
    return Pairing(int(row[0]), int(row[1]), games.points, weight, tuple(map(float, row[_GAMES:])))


def _win_rate(measure: Measure, arrays: Arrays) -> Statistic:
    player, against, strong = measure.numbers
    baseline = None if against < 0 else against
    units = _pairings(arrays, strong)
    players = 1 + max(player, against, *(max(pair.first, pair.second) for unit in units for pair in unit))
    sums = win_matrices(units, players)
    whole = sums.sum(axis=0).reshape(players, players)
    if place_decides(_games(arrays)) or not are_connected(whole, player, baseline):
        return _of_nothing
    if len(measure.of) > _GAMES:
        fit = StyleFit.of(units, players)
        return _in_batches(
            len(units),
            len(fit.rows),
            lambda counts: win_rate(fit.strengths(fit.coefficients(counts)), player, baseline),
        )

    def of_counts(counts: Floats) -> Floats:
        return win_rate(strengths((counts @ sums).reshape(-1, players, players)), player, baseline)

    return _in_batches(len(units), players * players, of_counts)


def _difference(measure: Measure, arrays: Arrays) -> Statistic:
    """Both win rates of each resample come from the same questions: what they share is in neither's favour."""
    player, baseline, strong, other = measure.numbers
    one, rival = (
        _win_rate(replace(measure, method=BRADLEY_TERRY, numbers=(number, baseline, strong)), arrays)
        for number in (player, other)
    )
    return lambda at: one(at) - rival(at)


def _style_effect(measure: Measure, arrays: Arrays) -> Statistic:
    feature, strong = measure.numbers
    units = _pairings(arrays, strong)
    players = 1 + max(max(pair.first, pair.second) for unit in units for pair in unit)
    fit = StyleFit.of(units, players)
    column = players - 1 + feature
    if place_decides(_games(arrays)) or not fit.rows[:, column].any():
        return _of_nothing
    spread = float(fit.rows[:, column].std())
    return _in_batches(len(units), len(fit.rows), lambda counts: logistic(spread * fit.coefficients(counts)[:, column]))


def _in_batches(units: int, rows: int, of_counts: Callable[[Floats], Floats]) -> Statistic:
    """The statistic of counts, over as many resamples at once as memory allows."""
    size = max(1, _BATCH_CELLS // max(rows, units, 1))

    def over(at: Any) -> Floats:
        batches = [at[start : start + size] for start in range(0, len(at), size)]
        return np.concatenate([of_counts(counts_of(batch, units)) for batch in batches])

    return over


def _length_controlled(measure: Measure, arrays: Arrays) -> Statistic:
    sizes = [len(unit) for unit in arrays]
    items = np.concatenate(list(arrays))
    has_difficulty = len(measure.of) > 2
    control = length_control(
        items[:, 0],
        items[:, 1],
        items[:, 2] if has_difficulty else None,
        items[:, 3:].reshape(len(items), -1, 2).transpose(1, 0, 2) if has_difficulty else None,
    )
    coefficients, cost = control.fit()
    return _refits(control, coefficients, cost, np.repeat(np.arange(len(sizes)), sizes))


def _refits(control: LengthControl, coefficients: Floats, cost: float, unit_of: Any) -> Statistic:
    """The win rate of resamples; that of the data as they are is the published one, to the last digit."""
    units = int(unit_of[-1]) + 1

    def of_counts(counts: Floats) -> Floats:
        if (counts == 1.0).all():
            return np.repeat(control.win_rates(coefficients[None, :]), len(counts))
        by_question = counts[:, unit_of]
        found = control.refit(by_question, coefficients, cost)
        fitted = control.fitted(found)
        return np.asarray((by_question * fitted).sum(-1) / by_question.sum(-1))

    return _in_batches(units, len(control.rows), of_counts)


COMPARISONS: Mapping[str, Comparison] = {
    BRADLEY_TERRY: Comparison(_win_rate, {"straight": -MOST, "swapped": -MOST}),
    WIN_RATE_DIFFERENCE: Comparison(_difference, {"straight": -MOST, "swapped": -MOST}),
    STYLE_EFFECT: Comparison(_style_effect, {"straight": -MOST, "swapped": -MOST}),
    LENGTH_CONTROLLED: Comparison(_length_controlled, {"preference": 0.0}),
}
