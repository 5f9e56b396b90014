"""Intervals against scipy.stats, against brute force, and their properties."""

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from scipy import stats

from pytest_modeleval._support.distributions import t_quantile
from pytest_modeleval.metrics import mean_interval, wilson

CONFIDENCE = st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99])
VALUES = st.lists(st.floats(0, 1), min_size=2, max_size=40)


@given(st.integers(1, 3000), st.data(), CONFIDENCE)
@example(5, None, 0.95)
def test_wilson_agrees_with_scipy(n: int, data: st.DataObject, confidence: float) -> None:
    """To 1e-9, for any count."""
    successes = data.draw(st.integers(0, n)) if data else n
    expected = stats.binomtest(successes, n).proportion_ci(confidence, method="wilson")
    assert wilson(successes, n, confidence=confidence) == pytest.approx(tuple(expected), abs=1e-9)


@given(st.integers(1, 10**6), st.floats(0, 1))
def test_wilson_contains_its_estimate(n: int, share: float) -> None:
    """Also at both ends, where rounding could push it out, and for sums of partial credits."""
    low, high = wilson(share * n, n)
    assert 0.0 <= low <= share * n / n <= high <= 1.0
    assert low < high


@pytest.mark.parametrize(("successes", "n"), [(-1, 5), (6, 5), (0, 0), (float("nan"), 5)])
def test_wilson_refuses_nonsense(successes: float, n: int) -> None:
    """Rather than give an interval of nothing."""
    with pytest.raises(ValueError, match="expected n of at least 1"):
        wilson(successes, n)


@given(st.one_of(st.integers(1, 400), st.integers(1, 10**6)), CONFIDENCE)
@example(1, 0.99)
@example(2, 0.95)
@example(299, 0.99)
@example(300, 0.99)
def test_t_quantile_agrees_with_scipy(freedom: int, confidence: float) -> None:
    """To 1e-9 of its size, below and above the place where the method changes."""
    expected = float(stats.t.ppf(0.5 + confidence / 2, freedom))
    assert t_quantile(confidence, freedom) == pytest.approx(expected, rel=1e-9)


@given(VALUES, CONFIDENCE)
def test_mean_interval_agrees_with_scipy(values: list[float], confidence: float) -> None:
    """Without clusters: the t interval on the standard error of the mean, clipped."""
    spread = stats.sem(values)
    assume(spread > 1e-6)
    mean = sum(values) / len(values)
    low, high = stats.t.interval(confidence, len(values) - 1, loc=mean, scale=spread)
    found = mean_interval(values, confidence=confidence)
    assert found is not None
    assert found.method == "t"
    assert found[:2] == pytest.approx((max(low, 0.0), min(high, 1.0)), abs=1e-9)


@given(st.lists(st.tuples(st.floats(0, 1), st.sampled_from(["", "p", "q", "r"])), min_size=2, max_size=25))
def test_clustered_interval_agrees_with_the_double_sum(pairs: Any) -> None:
    """The variance is Miller's sum over all pairs within a cluster, times G / (G - 1)."""
    values, clusters = [value for value, _ in pairs], [name for _, name in pairs]
    n, mean = len(values), sum(values) / len(values)
    units = len(set(filter(None, clusters))) + clusters.count("")
    assume(units >= 2)
    total = 0.0
    for i in range(n):
        for j in range(n):
            if i == j or (clusters[i] and clusters[i] == clusters[j]):
                total += (values[i] - mean) * (values[j] - mean)
    assume(total > 1e-9)
    half = stats.t.ppf(0.975, units - 1) * (total * units / (units - 1)) ** 0.5 / n
    found = mean_interval(values, clusters)
    assert found is not None
    assert found.method == ("t" if units == n else "clustered t")
    assert found[:2] == pytest.approx((max(mean - half, 0.0), min(mean + half, 1.0)), abs=1e-9)


@given(VALUES, st.one_of(st.none(), st.data()))
def test_mean_interval_contains_its_estimate(values: list[float], data: st.DataObject) -> None:
    """And lies in 0..1, and is never without width."""
    clusters = [data.draw(st.sampled_from(["", "p", "q"])) for _ in values] if data else None
    found = mean_interval(values, clusters)
    if found is not None:
        assert 0.0 <= found.low <= sum(values) / len(values) <= found.high <= 1.0
        assert found.low < found.high


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_equal_values_get_wilsons_width(value: float) -> None:
    """Twelve times 1.0 is no proof of 1.0: the interval is Wilson's on 12 questions, or on 3 clusters."""
    found = mean_interval([value] * 12)
    assert found is not None
    assert found.method == "wilson"
    assert found[:2] == pytest.approx(wilson(value * 12, 12))
    clustered = mean_interval([value] * 12, ["p", "q", "r"] * 4)
    assert clustered is not None
    assert clustered[:2] == pytest.approx(wilson(value * 3, 3))


def test_clusters_whose_errors_cancel_get_width() -> None:
    """One right and one wrong in each passage: no spread between passages, and still no zero-width interval."""
    found = mean_interval([1.0, 0.0] * 4, ["p", "p", "q", "q", "r", "r", "s", "s"])
    assert found == (*wilson(2, 4), "wilson")


def test_clusters_widen() -> None:
    """Ten copies of each of four questions are worth about four, not forty."""
    values = [1.0] * 20 + [0.0] * 10 + [1.0] * 10
    alone, clustered = mean_interval(values), mean_interval(values, [name for name in "pqrs" for _ in range(10)])
    assert alone is not None
    assert clustered is not None
    assert clustered.high - clustered.low > 2.5 * (alone.high - alone.low)


def test_no_interval_from_one() -> None:
    """One question, or one passage, shows no spread."""
    assert mean_interval([]) is None
    assert mean_interval([0.5]) is None
    assert mean_interval([0.1, 0.9], ["p", "p"]) is None
    with pytest.raises(ValueError, match="one cluster name for each of 2"):
        mean_interval([0.1, 0.9], ["p"])


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95, -1.0, float("nan")])
def test_confidence_is_a_fraction(confidence: float) -> None:
    """95 for 0.95 is refused."""
    with pytest.raises(ValueError, match=r"such as 0\.95"):
        wilson(1, 2, confidence=confidence)


def test_importing_metrics_is_light() -> None:
    """Neither scipy nor numpy comes with it or its use, and not even `statistics` with its import."""
    program = (
        "import sys, pytest_modeleval.metrics as metrics; assert 'statistics' not in sys.modules; "
        "metrics.mean_interval([0.1, 0.9]); print(sorted({'scipy', 'numpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"
