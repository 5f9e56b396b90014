"""Power and the smallest detectable drop: the exact test is solved for, and more data sees more."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modeleval.gates import power
from pytest_modeleval.gates.exact_tests import at_most, bounded_mean, lattice, mcnemar
from pytest_modeleval.gates.noise import (
    bernoulli_noise,
    noise_levels,
    noise_text,
    plan_text,
    repeats_needed,
    samples_needed,
)
from pytest_modeleval.records import ItemKey, Outcome
from tests.support.gate_worlds import outcomes


@pytest.mark.parametrize(("n", "flips", "alpha"), [(30, 0.1, 0.05), (120, 0.2, 0.05), (500, 0.05, 0.001)])
def test_the_printed_drop_is_found_four_times_in_five(n: int, flips: float, alpha: float) -> None:
    """Simulated with McNemar p-values one by one, the power at the detectable drop is 0.80 (seeded)."""
    drop = power.detectable_drop(n, flips, alpha=alpha)
    assert drop is not None
    rest = (1.0 - drop) * flips / 2.0
    seen = np.random.default_rng(4).multinomial(n, [drop + rest, rest, 1.0 - drop - 2.0 * rest], size=4000)
    found = np.mean([mcnemar(int(losses), int(gains)) <= alpha for losses, gains, _ in seen])
    assert found == pytest.approx(0.80, abs=0.025)


def test_the_shortcut_falls_short() -> None:
    """What the textbook formula promises is found clearly less than four times in five."""
    n, flips = 120, 0.1
    shortcut = (1.645 + 0.842) * np.sqrt(flips / n)
    drop = power.detectable_drop(n, flips, alpha=0.05)
    assert drop is not None
    assert drop > 1.2 * shortcut


@settings(max_examples=40, deadline=None)
@given(st.integers(8, 400), st.floats(0.0, 0.3), st.sampled_from([0.05, 0.01, 0.001]))
def test_more_samples_and_fewer_flips_see_smaller_drops(n: int, flips: float, alpha: float) -> None:
    """Doubling the samples never makes a gate blinder; nor does a larger alpha."""
    drop = power.detectable_drop(n, flips, alpha=alpha)
    twice = power.detectable_drop(2 * n, flips, alpha=alpha)
    if drop is not None:
        assert twice is not None
        assert twice <= drop + 1e-9
        assert (power.detectable_drop(n, flips, alpha=2 * alpha) or 1.0) <= drop + 1e-9


def test_too_few_samples_detect_nothing() -> None:
    """Four samples cannot reach alpha 0.05 (0.5^4 = 0.0625): there is no detectable drop."""
    assert power.detectable_drop(4, 0.0, alpha=0.05) is None
    assert power.detectable_drop(0, 0.0, alpha=0.05) is None
    assert power.detectable_drop_of_means(4, power.Noise(), alpha=0.05) is None


def test_question_means_of_single_answers_agree_with_the_exact_solution() -> None:
    """The simulated solution of the sign-flip test is that of McNemar where both are the same test."""
    for n, flips in ((30, 0.1), (500, 0.1)):
        exact = power.detectable_drop(n, flips, alpha=0.05)
        nearly = power.detectable_drop_of_means(n, power.Noise((1.0,), (flips,)), alpha=0.05)
        assert nearly == pytest.approx(exact, rel=0.06)


def test_floor_power_is_the_binomial_one() -> None:
    """At the printed distance below the floor the exact test finds it four times in five, worked out."""
    gap = power.detectable_shortfall(200, 0.9, alpha=0.05, is_floor=True)
    assert gap is not None
    counts = np.arange(201)
    rejected = np.asarray(at_most(counts, 200, 0.9)) <= 0.05
    critical = int(rejected.sum()) - 1
    assert at_most(critical, 200, 0.9 - gap) == pytest.approx(0.80, abs=1e-6)
    ceiling = power.detectable_shortfall(200, 0.1, alpha=0.05, is_floor=False)
    assert ceiling == pytest.approx(gap)


def test_floor_of_means_is_found_four_times_in_five() -> None:
    """The approximate solution for partial credit holds in simulation (seeded)."""
    values = np.asarray([0.0, 0.5, 1.0, 1.0, 1.0] * 60)
    gap = power.detectable_shortfall_of_mean(values, 0.75, alpha=0.05)
    assert gap is not None
    rng = np.random.default_rng(8)
    true = 0.75 - gap
    totals = (rng.choice(values, size=(2000, 300)) * (rng.random((2000, 300)) < true / values.mean())).sum(axis=1)
    assert np.mean([bounded_mean(float(t), 300, 0.75) <= 0.05 for t in totals]) == pytest.approx(0.8, abs=0.04)


def test_noise_of_two_runs_is_their_flip_rate() -> None:
    """Two runs that differ in 3 of 20 questions have a flip rate of 0.15 with the exact interval of 3 in 20."""
    first, second = outcomes("r" * 20), outcomes("w" * 2 + "r" * 17 + "n")
    (level,) = noise_levels([first, second])
    assert (level.questions, level.answers) == (20, 40)
    assert level.flip_rate == pytest.approx(0.15)
    assert level.low == pytest.approx(0.0321, abs=1e-4)
    assert level.high == pytest.approx(0.3789, abs=1e-4)
    assert "0.1500 (95 % 0.032-0.379)" in noise_text([level])[0]


@given(st.lists(st.text(alphabet="rw", min_size=5, max_size=5), min_size=2, max_size=6))
def test_noise_of_repeats_counts_every_pair(repeats: list[str]) -> None:
    """The flip rate over k repeats is the share of differing pairs, counted one by one."""
    found: dict[ItemKey, Outcome] = {}
    for number, letters in enumerate(repeats):
        found |= outcomes(letters, repeat=number)
    (level,) = noise_levels([found])
    pairs = [
        first[place] != second[place]
        for place in range(5)
        for row, first in enumerate(repeats)
        for second in repeats[row + 1 :]
    ]
    assert level.flip_rate == pytest.approx(sum(pairs) / len(pairs))


def test_noise_needs_two_answers() -> None:
    """One run without repeats says nothing of noise, and the text says what to do."""
    assert noise_levels([outcomes("rwr")]) == ()
    assert "--eval-repeats 2" in noise_text([])[0]


def test_a_plan_is_the_inverse_of_the_detectable_drop() -> None:
    """The planned number of samples detects the drop; a twentieth less does not."""
    n = samples_needed(0.04, flip_rate=0.1, alpha=0.01)
    assert n is not None
    assert (power.detectable_drop(n, 0.1, alpha=0.01) or 1.0) <= 0.04
    assert (power.detectable_drop(int(n * 0.95), 0.1, alpha=0.01) or 1.0) > 0.04
    assert samples_needed(0.01, flip_rate=0.1, margin=0.02) is None
    assert "impossible" in plan_text(0.01, flip_rate=0.1, margin=0.02)[0]


def test_repeats_help_only_against_noise() -> None:
    """Repeats make a noisy gate sharper; a gate without noise that is too small stays so however often it asks."""
    repeats = repeats_needed(300, 0.06, flip_rate=0.2, alpha=0.05)
    assert repeats is not None
    assert 1 < repeats <= 8
    assert repeats_needed(10, 0.05, flip_rate=0.0, alpha=0.05, most=4) is None
    assert "repeats" in plan_text(0.06, flip_rate=0.2, alpha=0.05, samples=300)[1]


def test_coin_noise_has_the_flip_rate_it_says() -> None:
    """Asked once, the noise is the flip rate; over more repeats the differences become smaller."""
    assert bernoulli_noise(0.1, 1).flip_rate == pytest.approx(0.1)
    assert bernoulli_noise(0.1, 4).flip_rate < 0.06


@given(st.integers(1, 12), st.integers(1, 12), st.floats(0.01, 0.5))
def test_coins_of_unequal_repeats_move_as_much_as_they_must(before: int, after: int, rate: float) -> None:
    """The mean square movement is that of two independent means of coins; every size is a whole number of steps."""
    noise = bernoulli_noise(rate, before, after)
    square = sum(size**2 * share for size, share in zip(noise.sizes, noise.shares, strict=True))
    assert square == pytest.approx(2.0 * rate * 0.25 * (1.0 / before + 1.0 / after))
    assert sum(noise.shares) <= 2.0 * rate + 1e-12
    assert np.abs(lattice(noise.sizes)).max() <= before * after


def test_thirds_are_seen_to_be_thirds() -> None:
    """Movements of three repeats lie on a lattice of three steps, however they are rounded on their way."""
    noise = power.Noise.of(np.asarray([2 / 3, 1 / 3, 0.0]), np.asarray([1.0, 1 / 3, 2 / 3]))
    assert lattice(noise.after_losing(0.0)[0]).tolist() == [0, 1, 2, 0, -1, -2, 1, 2, 3, 0]
