"""Comparing results: paired differences, ties said plainly, flips with both answers."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modeleval.gates.compare import compare, paired_interval
from pytest_modeleval.gates.compare_text import comparison_text, letter
from pytest_modeleval.gates.exact_tests import mcnemar_two_sided
from pytest_modeleval.gates.margin import score_statistic
from pytest_modeleval.gates.number_text import points, signed_points
from tests.support.gate_worlds import as_baseline, evidence, outcomes


@pytest.mark.parametrize(("losses", "gains", "n"), [(12, 5, 60), (41, 9, 1319), (3, 3, 30)])
def test_at_both_ends_of_the_interval_the_score_statistic_is_critical(losses: int, gains: int, n: int) -> None:
    """Tango's interval holds the drops that a two-sided score test at 5 % does not reject: the ends are its limits."""
    low, high = paired_interval(losses, gains, n)
    lost, won, flips = (np.asarray(float(number)) for number in (losses, gains, losses + gains))
    assert score_statistic(won if low < 0 else lost, flips, n, abs(low)) == pytest.approx(
        -1.96 if low < 0 else 1.96, abs=1e-3
    )
    assert score_statistic(lost, flips, n, high) == pytest.approx(-1.96, abs=1e-3)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 60))
def test_interval_holds_its_estimate_and_mirrors(losses: int, gains: int, same: int) -> None:
    """It contains the observed drop, stays within -1 to 1, and swapping the sides mirrors it."""
    n = max(1, losses + gains + same)
    low, high = paired_interval(losses, gains, n)
    assert -1.0 <= low <= (losses - gains) / n <= high <= 1.0
    assert paired_interval(gains, losses, n) == pytest.approx((-high, -low), abs=1e-6)


def test_two_runs_are_paired_by_sample() -> None:
    """Scores, change, flips and the exact p-value of one difference."""
    one = as_baseline(evidence(outcomes("r" * 80 + "w" * 20)), label="A.json")
    two = as_baseline(evidence(outcomes("w" * 15 + "r" * 65 + "w" * 18 + "rr")), label="run")
    (scope,) = compare([one, two])
    (found,) = scope.differences
    assert list(scope.scores) == pytest.approx([0.8, 0.67])
    assert (found.losses, found.gains, found.n) == (15, 2, 100)
    assert found.p == found.adjusted_p == mcnemar_two_sided(15, 2)
    assert found.change == pytest.approx(-0.13)
    assert found.low is not None
    assert found.high is not None
    assert found.low < -0.13 < found.high < 0.0
    assert len(found.flips) == 17
    assert [sample for _, sample in found.flips[15:]] == ["main-0098", "main-0099"]


def test_many_results_are_compared_in_pairs_and_adjusted_together() -> None:
    """Three sides make three pairs under Holm; six sides are each compared with the first."""
    sides = [as_baseline(evidence(outcomes("r" * 50 + "w" * 10)), label=str(number)) for number in range(3)]
    (scope,) = compare(sides)
    assert [(d.first, d.second) for d in scope.differences] == [(0, 1), (0, 2), (1, 2)]
    (scope,) = compare(sides * 2)
    assert [(d.first, d.second) for d in scope.differences] == [(0, n) for n in range(1, 6)]


def test_a_tie_is_said_plainly_and_flips_show_both_answers() -> None:
    """The text names a tie, what the comparison could have seen, and each flip; hostile answers stay inert."""
    then = {key: replace(out, answer="42") for key, out in outcomes("r" * 40).items()}
    now = {key: replace(out, answer="4\x1b[31m\u202e" + "x" * 90) for key, out in outcomes("wn" + "r" * 38).items()}
    sides = [as_baseline(evidence(found), label=name) for name, found in (("one", then), ("two", now))]
    text = "\n".join(comparison_text(sides, compare(sides), most_flips=1))
    assert "a tie" in text
    assert "2 newly wrong, 0 newly right of 40" in text
    assert "main-0000: right '42' -> wrong '4\\\\u001b[31m\\\\u202exxx" in text
    assert "newly wrong, the first 1 of 2:" in text
    assert "newly right" not in text.replace("0 newly right", "")
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_a_side_without_answers_says_so() -> None:
    """A baseline of an earlier version shows kinds only, and a line says why; two such sides have nothing to miss."""
    plain, answered = (
        outcomes("r" * 40),
        {key: replace(out, answer="B") for key, out in outcomes("w" + "r" * 39).items()},
    )
    sides = [as_baseline(evidence(found), label=name) for name, found in (("old", plain), ("run", answered))]
    text = "\n".join(comparison_text(sides, compare(sides)))
    assert "A has no answers; a baseline that is blessed now keeps them" in text
    assert "main-0000: right -> wrong 'B'" in text
    silent = [sides[0], as_baseline(evidence(outcomes("w" + "r" * 39)), label="run")]
    assert "no answers" not in "\n".join(comparison_text(silent, compare(silent)))


def test_other_data_is_not_compared_and_other_parameters_are_remarked_upon() -> None:
    """Another version is an obstacle; another temperature is a remark next to the difference."""
    one = as_baseline(evidence(outcomes("r" * 20)), label="one")
    hot = as_baseline(evidence(outcomes("r" * 20), params={"temperature": 1.0}), label="hot")
    new = as_baseline(evidence(outcomes("r" * 20), version="2"), label="new")
    (scope,) = compare([one, hot, new])
    assert [(d.first, d.second) for d in scope.differences] == [(0, 1)]
    assert len(scope.obstacles) == 2
    assert "temperature 0.0 there, 1.0 here" in scope.remarks[0]


def test_subsets_and_the_whole_are_compared() -> None:
    """A benchmark with several subsets is compared as a whole first, then by subset."""
    found = {**outcomes("rrrr", subset="a"), **outcomes("rrww", subset="b")}
    scopes = compare([as_baseline(evidence(found)), as_baseline(evidence(found))])
    assert [scope.subset for scope in scopes] == ["", "a", "b"]
    assert scopes[0].scores == (0.75, 0.75)


def test_repeats_are_compared_by_question() -> None:
    """Repeats are one question each, under sign flips and a t interval; both sides show how many were right."""
    then = {**outcomes("r" * 30), **outcomes("r" * 30, repeat=1)}
    now = {**outcomes("w" * 9 + "r" * 21), **outcomes("r" * 30, repeat=1)}
    sides = [as_baseline(evidence(then)), as_baseline(evidence(now))]
    (scope,) = compare(sides)
    (found,) = scope.differences
    assert found.n == 30
    assert found.change == pytest.approx(-0.15)
    assert found.p == pytest.approx(2 * 0.5**9)
    assert "2 of 2 right -> 1 of 2 right" in "\n".join(comparison_text(sides, [scope]))


def test_a_large_comparison_is_complete() -> None:
    """Two runs of 14,042 samples: every flip is found."""
    rng = random.Random(2)
    letters = ["".join(rng.choice("rrrrw") for _ in range(14_042)) for _ in range(2)]
    sides = [as_baseline(evidence(outcomes(text))) for text in letters]
    (scope,) = compare(sides)
    assert len(scope.differences[0].flips) == sum(a != b for a, b in zip(*letters, strict=True))


def test_sides_have_letters() -> None:
    """More sides than letters still have different names."""
    assert [letter(0), letter(25), letter(26)] == ["A", "Z", "A2"]


@pytest.mark.parametrize(
    ("change", "shown"), [(-0.0004, "0.0"), (0.0004, "0.0"), (0.0, "0.0"), (-0.024, "-2.4"), (0.003, "+0.3")]
)
def test_nothing_is_minus_nothing(change: float, shown: str) -> None:
    """A change that rounds to zero has no sign."""
    assert signed_points(change) == shown
    assert not points(-change * 0.0).startswith("-")
