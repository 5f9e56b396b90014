"""Strengths of players by the model of Bradley and Terry, for many resamples of the questions at once.

The expected points of i against j are 1 / (1 + exp(s_j - s_i)) (Bradley and Terry 1952, Biometrika 39:324). A tie is
half a win for each, as in Arena-Hard and Chatbot Arena (Chiang et al. 2024, arXiv:2403.04132): for two players the
fitted win rate is then the mean of the points, whatever the judge's share of ties. A parameter for ties (Davidson 1970,
JASA 65:317) would make the strengths say who wins among decided games, which is another question.

Style control adds b * x to the logit, with x the differences in style of the two answers (Arena-Hard, "style control";
Chatbot Arena, 2024): strengths then belong to answers of the same style.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
# Keeps strengths finite where a player wins everything; no figure that is shown is moved by it.
_RIDGE = 1e-9
_DIGITS = 7
_MOST_STEPS = 40
_MOST_STEP = 2.0
_TOLERANCE = 1e-7


@dataclass(frozen=True, slots=True)
class Pairing:
    """One pair of answers: an entry of the fit."""

    first: int
    second: int
    points: float
    """Of the first player, from 0 to 1."""
    weight: float = 1.0
    style: tuple[float, ...] = ()
    """Differences in style, first less second."""


def counts_of(indices: Ints, units: int) -> Floats:
    """How often each unit stands in each resample; indices of shape (resamples, drawn units)."""
    rows = len(indices)
    flat = indices + units * np.arange(rows)[:, None]
    found = np.bincount(flat.ravel(), minlength=rows * units)
    return np.asarray(found.reshape(rows, units), dtype=np.float64)


def win_matrices(units: Sequence[Sequence[Pairing]], players: int) -> Floats:
    """The points of every player against every other one in each unit, as rows of players x players."""
    found = np.zeros((len(units), players, players))
    for number, unit in enumerate(units):
        for entry in unit:
            found[number, entry.first, entry.second] += entry.weight * entry.points
            found[number, entry.second, entry.first] += entry.weight * (1.0 - entry.points)
    return found.reshape(len(units), players * players)


def strengths(points: Floats) -> Floats:
    """The strengths, of sum 0, from points of shape (resamples, players, players)."""
    games = points + points.transpose(0, 2, 1)
    found = np.zeros(points.shape[:2])
    for _ in range(_MOST_STEPS):
        expected = expected_points(found)
        slope = games * expected * (1.0 - expected)
        gradient = (points - games * expected).sum(-1) - _RIDGE * found
        # Strengths are differences: all of them moved alike changes nothing, and 1.0 keeps their sum at 0.
        hessian = 1.0 - slope
        diagonal = np.arange(points.shape[1])
        hessian[:, diagonal, diagonal] += slope.sum(-1) + _RIDGE
        step = _bounded(np.linalg.solve(hessian, gradient[..., None])[..., 0])
        found += step
        if np.abs(step).max(initial=0.0) < _TOLERANCE:
            break
    return np.asarray(found - found.mean(-1, keepdims=True))


def expected_points(found: Floats) -> Floats:
    """The expected points of every player against every other one, from strengths of shape (..., players)."""
    return logistic(found[..., :, None] - found[..., None, :])


def win_rate(found: Floats, player: int, baseline: int | None) -> Floats:
    """The expected points of a player against the baseline, or the mean over all others without one."""
    # Rounded, so that a player that wins everything has exactly 1, which no finite strength gives.
    against = np.round(expected_points(found)[..., player, :], _DIGITS)
    if baseline is not None:
        return np.asarray(against[..., baseline])
    return np.asarray(np.delete(against, player, axis=-1).mean(-1))


def are_connected(points: Floats, player: int, baseline: int | None) -> bool:
    """True if games lead, over others if need be, from a player to the baseline, or to all others without one."""
    linked = (points + points.T) > 0.0
    reached = np.zeros(len(points), dtype=bool)
    reached[player] = True
    for _ in range(len(points)):
        reached |= linked[reached].any(axis=0)
    return bool(reached[baseline] if baseline is not None else reached.all())


@dataclass(frozen=True, slots=True)
class StyleFit:
    """The rows of a fit with style, in which the strength of player 0 is 0."""

    rows: Floats
    """A row for each pairing: +1 and -1 for its players but player 0, then the differences in style."""

    points: Floats
    weights: Floats
    units: Ints
    """The unit of each pairing."""

    players: int

    @classmethod
    def of(cls, units: Sequence[Sequence[Pairing]], players: int) -> StyleFit:
        """The fit of these units; every pairing has as many differences in style."""
        entries = [entry for unit in units for entry in unit]
        signs = np.zeros((len(entries), players))
        places = np.arange(len(entries))
        signs[places, [entry.first for entry in entries]] = 1.0
        signs[places, [entry.second for entry in entries]] = -1.0
        styles = np.asarray([entry.style for entry in entries], dtype=np.float64).reshape(len(entries), -1)
        return cls(
            np.hstack([signs[:, 1:], styles]),
            np.asarray([entry.points for entry in entries]),
            np.asarray([entry.weight for entry in entries]),
            np.repeat(np.arange(len(units)), [len(unit) for unit in units]),
            players,
        )

    def coefficients(self, counts: Floats) -> Floats:
        """Strengths of players 1 and on, then the effects of style, from counts of shape (resamples, units)."""
        return logistic_fit(self.rows, self.points, counts[:, self.units] * self.weights)

    def strengths(self, coefficients: Floats) -> Floats:
        """The strengths of all players, of sum 0."""
        others = coefficients[:, : self.players - 1]
        found = np.concatenate([np.zeros((len(others), 1)), others], axis=1)
        return np.asarray(found - found.mean(-1, keepdims=True))


def logistic_fit(rows: Floats, targets: Floats, weights: Floats, pull: Floats | None = None) -> Floats:
    """Coefficients of logistic regressions on shares, one for each row of `weights`, of shape (fits, rows).

    pull: a constant gradient to be subtracted, such as that of a penalty.
    """
    size = rows.shape[1]
    products = (rows[:, :, None] * rows[:, None, :]).reshape(len(rows), size * size)
    found = np.zeros((len(weights), size))
    for _ in range(_MOST_STEPS):
        expected = logistic(found @ rows.T)
        gradient = (weights * (targets - expected)) @ rows - _RIDGE * found - (0.0 if pull is None else pull)
        slopes = weights * expected * (1.0 - expected)
        hessian = (slopes @ products).reshape(len(weights), size, size) + _RIDGE * np.eye(size)
        step = _bounded(np.linalg.solve(hessian, gradient[..., None])[..., 0])
        found += step
        if np.abs(step).max(initial=0.0) < _TOLERANCE:
            break
    return found


def logistic(logits: Floats) -> Floats:
    """1 / (1 + exp(-x))."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logits, -700.0, 700.0))))


def _bounded(step: NDArray[Any]) -> Floats:
    """The steps, none longer than _MOST_STEP: the first ones from 0 may overshoot."""
    return np.asarray(step * np.minimum(1.0, _MOST_STEP / np.maximum(np.abs(step).max(-1, keepdims=True), 1e-300)))
