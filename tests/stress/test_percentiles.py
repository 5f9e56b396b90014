"""Intervals hold the truth as often as they say, and no quantile is given that the values cannot carry."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pytest_modeleval._support.distributions import t_expansion
from pytest_modeleval.stress.percentiles import mean, needed_for, quantile, ranks, share
from pytest_modeleval.stress.series import Series, inefficiency
from tests.support.law import Law

quantiles = st.sampled_from([0.01, 0.25, 0.5, 0.9, 0.95, 0.99])


@given(st.integers(1, 3000), quantiles)
@settings(max_examples=50)
def test_two_ranks_enclose_the_quantile_often_enough(number: int, q: float) -> None:
    """By scipy's binomial distribution: at most 5 % outside, and the next narrower pair would be outside more often."""
    found = ranks(number, q)
    assert (found is None) == (number < needed_for(q))
    if found is None:
        return
    low, high = found
    below = stats.binom.cdf(low - 1, number, q)
    above = stats.binom.sf(high - 1, number, q)
    assert below + above <= 0.05 * (1 + 1e-6)
    assert 1 <= low <= high <= number
    narrower = stats.binom.cdf(low, number, q), stats.binom.sf(high - 2, number, q)
    assert narrower[0] > 0.025 or narrower[0] + above > 0.05
    assert narrower[1] > 0.025 or narrower[1] + below > 0.05


@pytest.mark.parametrize(("q", "number"), [(0.5, 6), (0.9, 29), (0.95, 59), (0.99, 299)])
def test_the_number_needed_is_that_of_wilks(q: float, number: int) -> None:
    """The smallest number with which the largest value exceeds the quantile in 95 % of all runs."""
    assert needed_for(q) == number
    assert ranks(number - 1, q) is None
    assert ranks(number, q) is not None


@given(st.floats(4, 500), st.sampled_from([0.9, 0.95, 0.99]))
def test_t_quantiles_are_scipys(freedom: float, confidence: float) -> None:
    """To 2 % from four degrees of freedom on, also between whole numbers."""
    assert t_expansion(confidence, freedom) == pytest.approx(stats.t.ppf(0.5 + confidence / 2, freedom), rel=0.02)


def correlated(seed: int, n: int, phi: float) -> np.ndarray:
    """A stationary autoregression with standard normal values."""
    noise = np.random.default_rng(seed).normal(size=n + 1) * np.sqrt(1 - phi * phi)
    noise[0] /= np.sqrt(1 - phi * phi)
    values = np.empty(n + 1)
    values[0] = noise[0]
    for at in range(1, n + 1):
        values[at] = phi * values[at - 1] + noise[at]
    return values[1:]


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9])
def test_the_inefficiency_is_that_of_the_law(phi: float) -> None:
    """(1 + phi) / (1 - phi) for an autoregression."""
    found = np.mean([inefficiency(correlated(seed, 4000, phi)) for seed in range(20)])
    assert found == pytest.approx((1 + phi) / (1 - phi), rel=0.15)


@pytest.mark.parametrize(("phi", "at_least"), [(0.0, 0.92), (0.8, 0.9)])
def test_intervals_hold_the_truth(phi: float, at_least: float) -> None:
    """Of the mean, the median and the 95th percentile of a series whose neighbours are alike."""
    truths = {"mean": 0.0, "p50": 0.0, "p95": stats.norm.ppf(0.95)}
    held: dict[str, list[bool]] = {name: [] for name in truths}
    for seed in range(150):
        series = Series.of_requests(correlated(seed, 1500, phi))
        estimates = {"mean": mean(series), "p50": quantile(series, 0.5), "p95": quantile(series, 0.95)}
        for name, estimate in estimates.items():
            if estimate is not None:
                assert estimate.low is not None
                assert estimate.high is not None
                held[name].append(estimate.low <= truths[name] <= estimate.high)
    assert all(len(found) > 100 and np.mean(found) >= at_least for found in held.values()), held


def test_intervals_hold_the_truth_of_a_queue() -> None:
    """The 90th percentile of the wait in M/M/2 at 80 %, by Erlang's formula, in nine of ten points of 1500 requests.

    As if they were independent they would hold it in less than half of all points.
    """
    law = Law(slots=2, is_exponential=True, tokens=2)
    rate = 0.8 * law.capacity
    chance_to_wait = 2 * 0.8**2 / 1.8
    truth = np.log(chance_to_wait / 0.1) / (law.capacity - rate)
    held = naive = 0
    rng = np.random.default_rng(5)
    for _ in range(60):
        waits = waits_of(rng, rate, law.service_s())
        estimate = quantile(Series.of_requests(waits), 0.9)
        if estimate is not None:
            assert estimate.low is not None
            assert estimate.high is not None
            held += estimate.low <= truth <= estimate.high
        else:
            held += 1
        low, high = ranks(waits.size, 0.9) or (1, 1)
        naive += np.sort(waits)[low - 1] <= truth <= np.sort(waits)[high - 1]
    assert held >= 52, held
    assert naive < 30, naive


def waits_of(rng: np.random.Generator, rate: float, service_s: float) -> np.ndarray:
    """The waits of 1500 requests in M/M/2, after 500 others."""
    free, waits = [0.0, 0.0], np.empty(2000)
    came = np.cumsum(rng.exponential(1 / rate, 2000))
    for number, took in enumerate(rng.exponential(service_s, 2000)):
        start = max(came[number], free[0])
        waits[number] = start - came[number]
        free = sorted([start + took, free[1]])
    return waits[500:]


@given(st.lists(st.booleans(), min_size=1, max_size=40))
@settings(max_examples=40)
def test_a_share_lies_in_its_interval(flags: list[bool]) -> None:
    """And the effective number lies between one and the number of requests."""
    estimate = share(np.array(flags, dtype=np.float64))
    assert estimate is not None
    assert estimate.low is not None
    assert estimate.high is not None
    assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
    assert 1 <= estimate.effective <= len(flags)


def test_values_without_a_spread_have_an_interval_without_width() -> None:
    """A server of a fixed latency."""
    series = Series.of_requests(np.linspace(0.25, 0.25 + 1e-14, 100))
    assert quantile(series, 0.95) == pytest.approx((0.25, 0.25, 0.25, 100.0))
    series = Series.of_requests(np.full(100, 0.25))
    assert quantile(series, 0.95) == (0.25, 0.25, 0.25, 100.0)
    assert mean(series) == (0.25, 0.25, 0.25, 100.0)
