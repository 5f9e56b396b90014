"""The exact tests against scipy, against brute force, and against their own promises."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from pytest_modeleval.gates import exact_tests

few = st.integers(0, 60)


@given(few, few)
@example(9, 2)
def test_mcnemar_is_the_binomial_sign_test(losses: int, gains: int) -> None:
    """The one-sided exact McNemar p-value is that of scipy's binomial test on the flips."""
    expected = stats.binomtest(losses, losses + gains, alternative="greater").pvalue if losses + gains else 1.0
    assert exact_tests.mcnemar(losses, gains) == pytest.approx(expected, abs=1e-12, rel=1e-9)


@given(few, few)
def test_two_sided_mcnemar_is_the_two_sided_sign_test(losses: int, gains: int) -> None:
    """The two-sided exact McNemar p-value is that of scipy's binomial test on the flips."""
    expected = stats.binomtest(losses, losses + gains).pvalue if losses + gains else 1.0
    assert exact_tests.mcnemar_two_sided(losses, gains) == pytest.approx(expected, abs=1e-12, rel=1e-9)


@given(st.integers(0, 400), st.integers(1, 400), st.floats(0.0, 1.0))
def test_binomial_tails_agree_with_scipy(successes: int, trials: int, chance: float) -> None:
    """Both tails agree with scipy's binomial test to 1e-9, and together they cover everything once."""
    successes = min(successes, trials)
    upper = stats.binomtest(successes, trials, chance, alternative="greater").pvalue
    lower = stats.binomtest(successes, trials, chance, alternative="less").pvalue
    assert exact_tests.at_least(successes, trials, chance) == pytest.approx(upper, abs=1e-9)
    assert exact_tests.at_most(successes, trials, chance) == pytest.approx(lower, abs=1e-9)
    assert exact_tests.at_least(successes + 1, trials, chance) + exact_tests.at_most(
        successes, trials, chance
    ) == pytest.approx(1)


@given(st.integers(0, 300), st.integers(1, 300))
def test_exact_interval_agrees_with_scipy(successes: int, trials: int) -> None:
    """The Clopper-Pearson interval is scipy's."""
    successes = min(successes, trials)
    expected = stats.binomtest(successes, trials).proportion_ci(0.95, method="exact")
    assert exact_tests.binomial_interval(successes, trials) == pytest.approx((expected.low, expected.high), abs=1e-9)


def brute_sign_flip(differences: list[float]) -> float:
    """The share of all sign assignments whose sum reaches the observed one."""
    observed = math.fsum(differences)
    sums = [math.fsum(s * abs(d) for s, d in zip(signs, differences, strict=True)) for signs in all_signs(differences)]
    return sum(value >= observed - 1e-9 for value in sums) / len(sums)


def all_signs(differences: list[float]) -> list[tuple[int, ...]]:
    """Every assignment of a sign to every difference."""
    return list(itertools.product((1, -1), repeat=len(differences)))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-4, 4), min_size=1, max_size=9), st.sampled_from([1, 2, 3, 4, 5, 8]))
@example([3, -1, 0, 2], 4)
def test_sign_flips_are_counted_exactly(steps: list[int], repeats: int) -> None:
    """The p-value is the share of all sign assignments that are as extreme, counted one by one."""
    differences = [step / repeats for step in steps]
    expected = brute_sign_flip(differences) if any(steps) else 1.0
    assert exact_tests.sign_flip(differences) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(8))
def test_sign_flips_agree_with_scipy(seed: int) -> None:
    """All permutations of scipy's paired test give the same p-value, for differences on no common lattice too."""
    rng = np.random.default_rng(seed)
    differences = rng.normal(0.3, 1.0, size=11) if seed % 2 else rng.integers(-3, 4, size=11) / 4
    expected = stats.permutation_test(
        (differences,),
        lambda values: values.sum(),
        permutation_type="samples",
        alternative="greater",
        n_resamples=2**12,
        vectorized=False,
    ).pvalue
    # Off the lattice the differences are rounded to 1/512 of the largest, which may move a neighbour across.
    assert exact_tests.sign_flip(differences) == pytest.approx(expected, abs=1e-9 if seed % 2 == 0 else 2e-3)


@given(few, few, few)
def test_sign_flips_of_single_answers_are_mcnemar(losses: int, gains: int, ties: int) -> None:
    """With differences of -1, 0 and 1 the sign-flip test is the exact McNemar test."""
    differences = [1.0] * losses + [-1.0] * gains + [0.0] * ties
    assert exact_tests.sign_flip(differences) == pytest.approx(exact_tests.mcnemar(losses, gains), abs=1e-12)


def test_many_sign_flips_at_once_agree_with_one_by_one() -> None:
    """The vectorised form gives each data set the p-value that it gets alone."""
    rng = np.random.default_rng(3)
    steps = rng.integers(-3, 4, size=(40, 200))
    sizes = np.asarray([1, 2, 3])
    counts = np.stack([(np.abs(steps) == size).sum(axis=1) for size in sizes], axis=1)
    together = exact_tests.sign_flip_many(sizes, counts, steps.sum(axis=1))
    alone = [exact_tests.sign_flip(row.astype(float)) for row in steps]
    assert together == pytest.approx(alone, abs=1e-12)


def test_a_large_unlatticed_set_stays_near_the_normal_limit() -> None:
    """Rounding to a coarse lattice moves the p-value of 5,000 differences by less than a hundredth."""
    differences = np.random.default_rng(5).normal(0.01, 1.0, size=5000)
    limit = stats.norm.sf(differences.sum() / np.sqrt((differences**2).sum()))
    assert exact_tests.sign_flip(differences) == pytest.approx(limit, abs=0.01)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=7))
def test_holm_is_the_closed_test_of_bonferroni(values: list[float]) -> None:
    """An adjusted p-value is the largest Bonferroni p-value of all sets with its hypothesis (Marcus et al. 1976)."""
    named = {str(number): value for number, value in enumerate(values)}
    adjusted = exact_tests.holm(named)
    assert list(adjusted) == list(named)
    for name, value in named.items():
        others = [other for key, other in named.items() if key != name]
        sets = [(value, *more) for size in range(len(values)) for more in itertools.combinations(others, size)]
        expected = max(min(1.0, len(chosen) * min(chosen)) for chosen in sets)
        assert adjusted[name] == pytest.approx(expected, abs=1e-12)


@given(st.integers(1, 200), st.floats(0.01, 0.99), st.floats(0.0, 1.0))
def test_bounded_mean_is_never_bolder_than_the_binomial(n: int, floor: float, share: float) -> None:
    """For right/wrong values the bound's p-value is at least that of the exact binomial test."""
    successes = int(share * n)
    assert exact_tests.bounded_mean(successes, n, floor) >= min(1.0, exact_tests.at_most(successes, n, floor)) - 1e-12


@given(st.integers(1, 100), st.floats(0.05, 0.95))
def test_bounded_mean_falls_with_the_sum(n: int, floor: float) -> None:
    """A lower mean never gives a larger p-value, and a mean at the floor gives 1."""
    found = [exact_tests.bounded_mean(total, n, floor) for total in np.linspace(0.0, n, 60)]
    assert all(first <= second + 1e-12 for first, second in itertools.pairwise(found))
    assert exact_tests.bounded_mean(n * floor + 1e-6, n, floor) == 1.0
