"""Strengths: what a fit has to give back, with and without style."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modeleval.arena.bradley_terry import (
    Pairing,
    StyleFit,
    are_connected,
    counts_of,
    strengths,
    win_matrices,
    win_rate,
)


@given(st.lists(st.sampled_from((0.0, 0.5, 1.0)), min_size=1, max_size=40))
def test_of_two_players_it_is_the_mean_of_the_points(points: list[float]) -> None:
    """Whatever the share of ties."""
    sums = win_matrices([[Pairing(0, 1, value)] for value in points], 2).sum(axis=0).reshape(1, 2, 2)
    assert win_rate(strengths(sums), 0, 1)[0] == pytest.approx(float(np.mean(points)), abs=2e-4)


@settings(max_examples=25)
@given(st.lists(st.floats(-2.0, 2.0), min_size=3, max_size=6))
def test_expected_points_give_back_the_strengths(true: list[float]) -> None:
    """Of each player against each other one, and so the mean over all others."""
    wanted = np.asarray(true) - np.mean(true)
    expected = 1.0 / (1.0 + np.exp(wanted[None, :] - wanted[:, None]))
    units = [
        [Pairing(i, j, float(expected[i, j])) for i in range(len(true)) for j in range(i + 1, len(true))]
        for _ in range(50)
    ]
    found = strengths(win_matrices(units, len(true)).sum(axis=0).reshape(1, len(true), len(true)))
    assert found[0] == pytest.approx(wanted, abs=1e-4)
    others = np.delete(expected[0], 0)
    assert win_rate(found, 0, None)[0] == pytest.approx(others.mean(), abs=1e-4)


def test_players_without_a_game_in_between_are_not_compared() -> None:
    """Over a third one they are."""
    units = [[Pairing(0, 1, 1.0), Pairing(2, 3, 0.5)]]
    sums = win_matrices(units, 4)[0].reshape(4, 4)
    assert are_connected(sums, 0, 1)
    assert not are_connected(sums, 0, 3)
    assert not are_connected(sums, 0, None)
    linked = win_matrices([[*units[0], Pairing(1, 2, 0.5)]], 4)[0].reshape(4, 4)
    assert are_connected(linked, 0, 3)
    assert are_connected(linked, 0, None)


def test_style_is_told_from_strength() -> None:
    """A judge that likes length and knows no difference in strength: without style it sees one, with style none."""
    rng = np.random.default_rng(1)
    units = []
    for _ in range(4_000):
        longer = float(rng.uniform(-0.2, 0.8))
        share = 1.0 / (1.0 + np.exp(-2.0 * longer))
        units.append([Pairing(0, 1, float(rng.random() < share), 1.0, (longer,))])
    fit = StyleFit.of(units, 2)
    coefficients = fit.coefficients(np.ones((1, len(units))))
    assert win_rate(fit.strengths(coefficients), 0, 1)[0] == pytest.approx(0.5, abs=0.04)
    assert coefficients[0, 1] == pytest.approx(2.0, abs=0.25)
    plain = win_matrices(units, 2).sum(axis=0).reshape(1, 2, 2)
    assert win_rate(strengths(plain), 0, 1)[0] > 0.6


def test_counts_of_resamples() -> None:
    """How often each unit was drawn."""
    assert counts_of(np.asarray([[0, 0, 2], [1, 1, 1]]), 3).tolist() == [[2.0, 0.0, 1.0], [0.0, 3.0, 0.0]]
