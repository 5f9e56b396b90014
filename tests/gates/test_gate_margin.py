"""The exact test of "the true drop is at most the margin"."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modeleval.gates import exact_tests, margin


def score_by_search(losses: int, gains: int, n: int, edge: float) -> float:
    """Tango's statistic with the constrained most likely rate found by search instead of by formula."""
    rates = np.linspace(1e-9, (1.0 - edge) / 2.0 - 1e-9, 400_001)
    same = n - losses - gains
    with np.errstate(divide="ignore"):
        likely = losses * np.log(rates + edge) + gains * np.log(rates) + same * np.log(1.0 - 2.0 * rates - edge)
    rate = rates[int(np.argmax(likely))]
    return float((losses - gains - n * edge) / np.sqrt(n * (2.0 * rate + edge - edge**2)))


@pytest.mark.parametrize(
    ("losses", "gains", "n", "edge"),
    [(12, 5, 60, 0.05), (3, 9, 40, 0.1), (30, 22, 200, 0.02), (41, 9, 1319, 0.01), (1, 1, 30, 0.03)],
)
def test_score_statistic_is_at_the_most_likely_rate(losses: int, gains: int, n: int, edge: float) -> None:
    """The closed form agrees with a search for the constrained maximum of the likelihood."""
    found = float(margin.score_statistic(np.asarray(float(losses)), np.asarray(float(losses + gains)), n, edge))
    assert found == pytest.approx(score_by_search(losses, gains, n, edge), abs=1e-3)


def test_without_a_margin_it_is_mcnemar() -> None:
    """Margin 0 is the exact McNemar test, whatever the number of samples."""
    assert margin.margin_test(9, 2, 1000) == exact_tests.mcnemar(9, 2)
    region = margin.rejection_region(50, 0.0, 0.05)
    for flips, needed in enumerate(region):
        rejected = [losses for losses in range(flips + 1) if exact_tests.mcnemar(losses, flips - losses) <= 0.05]
        assert needed == (min(rejected) if rejected else flips + 1)


@pytest.mark.parametrize(
    ("n", "edge", "alpha"), [(30, 0.03, 0.05), (120, 0.03, 0.05), (120, 0.1, 0.001), (500, 0.02, 0.01)]
)
def test_never_more_false_alarms_than_alpha(n: int, edge: float, alpha: float) -> None:
    """At every flip rate, the chance to reject while the drop equals the margin is at most alpha (worked out)."""
    region = np.asarray(margin.rejection_region(n, edge, alpha))
    rates = np.linspace(edge, 1.0, 173)
    worst = max(margin.chance(n, (rate + edge) / 2, (rate - edge) / 2, region) for rate in rates)
    # The largest p-value is sought on a grid of rates; what lies between two of them may be larger by a trifle.
    assert worst <= alpha * 1.01


def test_the_naive_rule_would_alarm_in_half_of_the_runs() -> None:
    """What this test is for: "significant, and larger than the margin" alarms far more often than alpha."""
    n, edge = 1319, 0.03
    plain = margin.rejection_region(n, 0.0, 0.05)
    naive = np.asarray([max(needed, int((flips + n * edge) // 2) + 1) for flips, needed in enumerate(plain)])
    assert margin.chance(n, 0.04, 0.01, naive) > 0.4
    assert margin.chance(n, 0.04, 0.01, np.asarray(margin.rejection_region(n, edge, 0.05))) <= 0.05


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 40), st.integers(0, 40))
def test_region_and_p_value_are_one_test(losses: int, gains: int) -> None:
    """The region rejects what the p-value rejects, but for p-values within a hundredth of alpha."""
    p = margin.margin_test(losses, gains, 150, 0.03)
    if abs(p - 0.05) > 0.0005:
        assert (p <= 0.05) == (losses >= margin.rejection_region(150, 0.03, 0.05)[losses + gains])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 30), st.integers(0, 30), st.floats(0.005, 0.2))
def test_p_value_rises_with_the_margin(losses: int, gains: int, edge: float) -> None:
    """What is surprising for a margin is more so for a smaller one."""
    smaller = margin.margin_test(losses, gains, 120, edge / 2)
    assert smaller <= margin.margin_test(losses, gains, 120, edge) + 1e-4
