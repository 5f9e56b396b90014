"""Tests on blocks of requests: what they say of made-up series whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modeleval.gates.block_tests import (
    BLOCKS,
    Requests,
    alikeness,
    block_means,
    mean_p_values,
    paired_worsening,
    ranks,
    share_test,
    worsening,
)
from pytest_modeleval.gates.exact_tests import Floats, at_least


def requests(levels: Floats, limit: float) -> Requests:
    """One trial for each request."""
    return Requests((levels > limit).astype(np.float64), np.ones(len(levels)), levels)


def wander(seed: int, num: int, memory: float) -> Floats:
    """A series that resembles its neighbours."""
    steps = np.random.default_rng(seed).standard_normal(num)
    for number in range(1, num):
        steps[number] += memory * steps[number - 1]
    return np.asarray(np.exp(0.2 * steps))


@given(st.lists(st.integers(0, 9), min_size=40, max_size=200), st.integers(0, 9))
@settings(max_examples=25)
def test_a_share_is_judged_both_ways_and_never_both(levels: list[int], limit: int) -> None:
    """At most one of the two claims has a p-value below one half; p-values are never sharper than independent ones."""
    found = share_test(requests(np.asarray(levels, dtype=np.float64), limit), 0.3)
    assert max(found.p_above, found.p_below) == 1.0
    assert 0.0 < found.p_above <= 1.0
    assert 1.0 <= found.effective <= len(levels)
    hits = sum(level > limit for level in levels)
    assert found.p_above >= min(0.49, float(at_least(hits, len(levels), 0.3))) - 1e-9


def test_alike_neighbours_count_less() -> None:
    """The same values say less in an order in which they resemble their neighbours."""
    levels = np.random.default_rng(3).exponential(size=400)
    mixed, ordered = share_test(requests(levels, 1.0), 0.25), share_test(requests(np.sort(levels), 1.0), 0.25)
    assert mixed.share == ordered.share
    assert ordered.effective < mixed.effective / 5
    assert ordered.p_above > mixed.p_above


def test_blocks_of_a_drift_are_alike_and_those_of_independent_values_are_not() -> None:
    """The measure of alikeness is above 1 for a queue that grows, and below it for draws one by one."""
    draws = np.random.default_rng(1).exponential(size=400)
    assert alikeness(block_means(ranks(draws), BLOCKS)) <= 1.0
    assert alikeness(block_means(ranks(draws + np.arange(400) / 50), BLOCKS)) > 1.0
    assert alikeness(np.ones(10)) == 0.0


def test_equal_values_share_their_rank() -> None:
    """Ranks are those of statistics, from 1."""
    assert ranks(np.asarray([3.0, 1.0, 3.0, np.inf])).tolist() == [2.5, 1.0, 2.5, 4.0]


def test_a_mean_is_judged_both_ways() -> None:
    """The two p-values of a mean add up to 1, and a mean far above the limit is above it."""
    values = np.random.default_rng(2).exponential(size=400)
    above, below = mean_p_values(values, np.ones(400), 0.5)
    assert above < 1e-6
    assert above + below == pytest.approx(1.0)
    assert mean_p_values(np.ones(40), np.ones(40), 0.5)[0] == 0.0


@pytest.mark.parametrize("is_higher_better", [True, False])
def test_a_worsening_is_relative_and_signed(is_higher_better: bool) -> None:
    """A tenth more is 10 % worse or better, by the direction of the figure; both designs agree."""
    then = np.asarray([9.0, 11.0, 10.0, 10.5, 9.5, 10.2, 9.8, 10.1, 9.9, 10.0])
    sign = -1.0 if is_higher_better else 1.0
    stored = worsening(then, 1.1 * then[::-1], is_higher_better=is_higher_better)
    in_turn = paired_worsening(then, 1.1 * then, is_higher_better=is_higher_better)
    assert stored.share == pytest.approx(0.1 * sign)
    assert in_turn.share == pytest.approx(0.1 * sign)
    assert (stored.p(0.0) < 0.01) is (not is_higher_better)
    low, high = stored.interval()
    assert low < stored.share < high


def test_a_known_spread_of_runs_widens_a_comparison() -> None:
    """What differs between two starts of a server is added to what differs within each run."""
    then, now = wander(1, 10, 0.0), 1.2 * wander(2, 10, 0.0)
    plain, spread = (worsening(then, now, is_higher_better=False, run_spread=known) for known in (0.0, 0.1))
    assert spread.p(0.0) > plain.p(0.0)
    assert (spread.detectable(0.0)(0.01) or 0.0) > (plain.detectable(0.0)(0.01) or 0.0)


def test_what_drifts_for_both_servers_is_not_a_worsening() -> None:
    """Measured in turn, a machine that slows down by half leaves a difference of 5 % as clear as before."""
    noise = 1.0 + 0.01 * np.random.default_rng(4).standard_normal((2, 10))
    drift = np.linspace(1.0, 1.5, 10)
    found = paired_worsening(drift * noise[0], 1.05 * drift * noise[1], is_higher_better=False)
    assert found.p(0.0) < 0.001
    assert worsening(drift * noise[0], 1.05 * drift * noise[1], is_higher_better=False).p(0.0) > 0.1
