"""The length-controlled win rate of AlpacaEval 2 (Dubois et al. 2024, arXiv:2404.04475), by the rule as published.

The judge's preference for the model, from 0 to 1, is fitted by a logistic regression:

    logit = theta + phi * tanh(d / sd(d)) + psi * difficulty of the instruction

with d the characters of the baseline's answer less those of the model's. The win rate is the mean of the fitted
preferences with the length term set to 0. The published fit (alpaca_eval 0.6.6, "length_controlled_v1") also takes in
how the baseline does against itself when asked to be verbose or concise, each with a weight of 0.1 and without theta;
without these rows and the difficulties it is their "length_controlled_minimal". Both have an L1 penalty, whose strength
is chosen among ten by five-fold cross-validation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_modeleval.arena.bradley_terry import Floats, Ints, logistic, logistic_fit

GAMED_WEIGHT = 0.1
# As scikit-learn's LogisticRegressionCV tries them, the weakest fit first.
_COSTS = np.logspace(-4, 4, 10)
_FOLDS = 5
_CLIP = 1e-15
_NEGLIGIBLE = 1e-9
_MOST_SWEEPS, _MOST_STEP, _TOLERANCE = 500, 1.0, 1e-9


@dataclass(frozen=True, slots=True)
class LengthControl:
    """The rows of the fit, those of the model first."""

    rows: Floats
    """Of shape (rows, 2 or 3): the length term, the difficulty where it is known, 1 (0 for the gamed baselines)."""

    preferences: Floats
    weights: Floats
    questions: Ints
    """The question of each row, by number."""

    own: int
    """Rows of the model."""

    @property
    def has_difficulty(self) -> bool:
        """The published fit, rather than the minimal one."""
        return bool(self.rows.shape[1] > 2)

    def win_rates(self, coefficients: Floats) -> Floats:
        """For each row of coefficients, the mean preference without a difference in length."""
        return np.asarray(self.fitted(coefficients).mean(-1))

    def fitted(self, coefficients: Floats) -> Floats:
        """The fitted preferences of the model's rows without a difference in length."""
        return logistic(coefficients[:, 1:] @ self.rows[: self.own, 1:].T)

    def fit(self) -> tuple[Floats, float]:
        """The coefficients, and the cost of an error against which the L1 penalty has a weight of 1."""
        cost = _best_cost(self)
        return _penalized(self.rows, self.preferences, self.weights, cost), cost

    def refit(self, counts: Floats, coefficients: Floats, cost: float) -> Floats:
        """Coefficients for resamples of the questions: counts of shape (resamples, questions).

        The penalty keeps its strength and, as a coefficient other than 0 does not change its sign, its gradient.
        """
        pull = np.sign(np.where(np.abs(coefficients) < _NEGLIGIBLE, 0.0, coefficients)) / cost
        return logistic_fit(self.rows, self.preferences, counts[:, self.questions] * self.weights, pull)


def length_control(
    preferences: Floats, lengths: Floats, difficulties: Floats | None = None, gamed: Floats | None = None
) -> LengthControl:
    """The fit for the questions of a model.

    preferences: from 0 to 1. lengths: characters of the baseline's answer less those of the model's. gamed: of shape
    (gamed baselines, questions, 2), the preference and the standardised difference in length of each; a question that
    lacks them has nan. Where all lengths are equal, the length term is 0.
    """
    spread = float(np.std(lengths, ddof=1)) if len(lengths) > 1 else 0.0
    terms = np.tanh(lengths / spread) if spread > 0.0 else np.zeros(len(lengths))
    ones, numbers = np.ones(len(lengths)), np.arange(len(lengths))
    if difficulties is None or gamed is None:
        return LengthControl(np.column_stack([terms, ones]), preferences, ones, numbers, len(lengths))
    rows, targets, weights, questions = [np.column_stack([terms, difficulties, ones])], [preferences], [ones], [numbers]
    for entry in gamed:
        is_known = np.isfinite(entry).all(axis=1)
        found = entry[is_known]
        rows.append(np.column_stack([np.tanh(found[:, 1]), difficulties[is_known], np.zeros(len(found))]))
        targets.append(found[:, 0])
        weights.append(np.full(len(found), GAMED_WEIGHT))
        questions.append(numbers[is_known])
    return LengthControl(
        np.vstack(rows), np.concatenate(targets), np.concatenate(weights), np.concatenate(questions), len(lengths)
    )


def _penalized(rows: Floats, targets: Floats, weights: Floats, cost: float) -> Floats:
    """Least cost * loss + sum of absolute coefficients, by Newton steps in one coordinate after the other."""
    found = np.zeros(rows.shape[1])
    logits = np.zeros(len(rows))
    for _ in range(_MOST_SWEEPS):
        largest = 0.0
        for place, column in enumerate(rows.T):
            expected = logistic(logits)
            gradient = cost * float(np.sum(weights * (expected - targets) * column))
            slope = cost * float(np.sum(weights * expected * (1.0 - expected) * column * column)) + 1e-12
            step = _thresholded(found[place] - gradient / slope, 1.0 / slope) - found[place]
            step = min(max(step, -_MOST_STEP), _MOST_STEP)
            found[place] += step
            logits = logits + step * column
            largest = max(largest, abs(step))
        if largest < _TOLERANCE:
            break
    return found


def _thresholded(value: float, by: float) -> float:
    return math.copysign(max(abs(value) - by, 0.0), value)


def _best_cost(control: LengthControl) -> float:
    """The cost whose fit of the other folds loses least on each fold; the smallest of equal ones."""
    # The rows of one fold follow each other at a distance, as scikit-learn deals out groups of equal size.
    folds = np.arange(len(control.rows))[::-1] % _FOLDS
    losses = [np.mean([_loss_on(control, folds == fold, cost) for fold in range(_FOLDS)]) for cost in _COSTS]
    return float(_COSTS[int(np.argmin(losses))])


def _loss_on(control: LengthControl, is_held_out: NDArray[np.bool_], cost: float) -> float:
    kept = ~is_held_out
    found = _penalized(control.rows[kept], control.preferences[kept], control.weights[kept], cost)
    expected = np.clip(logistic(control.rows[is_held_out] @ found), _CLIP, 1.0 - _CLIP)
    targets, weights = control.preferences[is_held_out], control.weights[is_held_out]
    losses = targets * np.log(expected) + (1.0 - targets) * np.log(1.0 - expected)
    return float(-np.mean(weights * losses)) if len(losses) else 0.0
