"""Declared measures: each figure against brute force, intervals by the stated method, and what never counts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pytest_modeleval.metrics import (
    bits,
    calibration_error,
    f_score,
    mean,
    pearson,
    perplexity,
    quantile,
    ratio,
    score_subset,
    spearman,
    wilson,
)
from pytest_modeleval.metrics.bootstrap import bootstrap_interval
from pytest_modeleval.metrics.figures import Item, Repeats, figure_of, statistic_of
from pytest_modeleval.metrics.measures import Measure
from pytest_modeleval.records import ItemKey, Kind, MeasureValue, Outcome

COUNTS = st.lists(st.tuples(st.integers(0, 4), st.integers(1, 4)).map(lambda pair: (min(pair), pair[1])), min_size=1)


def outcome(sample: int, measures: dict[str, MeasureValue] | None, kind: Kind = Kind.RIGHT, **more: Any) -> Outcome:
    """One item that recorded these values."""
    return Outcome(ItemKey("b", "s", str(sample), more.pop("repeat", 0)), kind, measures=measures, **more)


@given(COUNTS)
@settings(max_examples=30, deadline=None)
def test_a_ratio_divides_sums(pairs: list[tuple[int, int]]) -> None:
    """Of all k by all n, and its interval holds it."""
    found = figure_of(ratio("x"), [outcome(number, {"x": pair}) for number, pair in enumerate(pairs)])
    assert found.value is not None
    assert found.value == pytest.approx(sum(k for k, _ in pairs) / sum(n for _, n in pairs))
    assert found.num == len(pairs)
    if found.interval is not None:
        assert found.interval.low - 1e-9 <= found.value <= found.interval.high + 1e-9


@given(st.lists(st.sampled_from(["correct", "incorrect", "not attempted"]), min_size=1, max_size=40))
@settings(max_examples=30, deadline=None)
def test_an_f_is_the_harmonic_mean_of_two_rates(states: list[str]) -> None:
    """SimpleQA's: correct of all, and correct of attempted; nothing attempted is an F of 0."""
    outcomes = [
        outcome(number, {"all": (state == "correct", 1), "tried": (state == "correct", state != "not attempted")})
        for number, state in enumerate(states)
    ]
    correct, tried = states.count("correct"), len(states) - states.count("not attempted")
    first, second = correct / len(states), correct / tried if tried else 0.0
    expected = 2 * first * second / (first + second) if correct else 0.0
    assert figure_of(f_score("f", of=("all", "tried")), outcomes).value == pytest.approx(expected)


def test_single_trials_have_wilsons_interval() -> None:
    """A ratio and a mean of one right or wrong answer for each question."""
    outcomes = [outcome(number, {"x": (number < 7, 1), "y": float(number < 7)}) for number in range(10)]
    for measure in (ratio("x"), mean("x"), mean("y")):
        interval = figure_of(measure, outcomes).interval
        assert interval is not None
        assert interval.method == "wilson"
        assert (interval.low, interval.high) == pytest.approx(wilson(7, 10))


def test_repeats_are_averaged_within_their_question() -> None:
    """A question asked more often than others weighs no more."""
    outcomes = [outcome(0, {"x": 1.0}, repeat=repeat) for repeat in range(3)] + [outcome(1, {"x": 0.0})]
    assert figure_of(mean("x"), outcomes).value == pytest.approx(0.5)


def test_a_mean_keeps_its_range() -> None:
    """A value of 1 to 10 has a mean and an interval in 1 to 10."""
    outcomes = [outcome(number, {"x": float(number)}) for number in (1, 9, 10)]
    found = figure_of(mean("x", low=1.0, high=10.0), outcomes)
    assert found.value == pytest.approx(20 / 3)
    assert found.interval is not None
    assert 1.0 <= found.interval.low < 20 / 3 < found.interval.high <= 10.0


def test_an_unbounded_mean_is_resampled() -> None:
    """Seconds have no upper end."""
    outcomes = [outcome(number, {"x": float(number)}) for number in range(50)]
    found = figure_of(mean("x", high=None), outcomes)
    assert found.interval is not None
    assert found.interval.method == "bootstrap"
    assert found.interval.low < 24.5 < found.interval.high


def test_a_calibration_error_is_the_root_mean_square_over_bins() -> None:
    """Two bins of 100: confident and half right, doubtful and all right; 50 more go to the last bin."""
    items = [(0.1, 1.0)] * 100 + [(0.9, number % 2) for number in range(150)]
    outcomes = [outcome(number, {"sure": sure, "right": right}) for number, (sure, right) in enumerate(items)]
    found = figure_of(calibration_error("calibration", confidence="sure", correct="right"), outcomes)
    assert found.value == pytest.approx(math.sqrt(100 / 250 * 0.9**2 + 150 / 250 * 0.4**2))


def test_a_quantile_is_of_items() -> None:
    """The median of 1, 2 and 100 is 2."""
    outcomes = [outcome(number, {"s": value}) for number, value in enumerate([1.0, 2.0, 100.0])]
    assert figure_of(quantile("p50", of="s", q=0.5), outcomes).value == 2.0


@pytest.mark.parametrize("kind", [kind for kind in Kind if not kind.is_verdict])
def test_what_has_no_verdict_never_counts(kind: Kind) -> None:
    """Whatever it recorded."""
    outcomes = [outcome(0, {"x": 1.0}), outcome(1, {"x": 0.0}, kind)]
    assert figure_of(mean("x"), outcomes) == figure_of(mean("x"), outcomes[:1])


@pytest.mark.parametrize(
    ("measure", "expected"),
    [(mean("x"), 0.5), (mean("x", is_higher_better=False), 1.0), (ratio("k"), 0.5), (mean("x", high=None), 0.5)],
)
def test_a_reply_that_was_cut_has_the_worst_value(measure: Measure, expected: float) -> None:
    """As its credit is 0; 0 of its n."""
    outcomes = [outcome(0, {"x": 1.0, "k": (1, 1)}), outcome(1, {"x": 1.0, "k": (1, 1)}, Kind.TRUNCATED)]
    assert figure_of(measure, outcomes).value == expected


def test_a_lower_figure_that_is_better_is_at_its_highest_when_cut() -> None:
    """A rate of violations counts all n of a reply that was cut."""
    outcomes = [outcome(0, {"x": (0, 2)}), outcome(1, {"x": (0, 2)}, Kind.TRUNCATED)]
    assert figure_of(ratio("x", is_higher_better=False), outcomes).value == 0.5


def test_items_of_one_cluster_are_one_unit() -> None:
    """Twenty copies of two answers have the interval of two answers: none that can be narrow."""
    alone = [outcome(number, {"x": (number % 2, 2)}) for number in range(40)]
    copies = [outcome(number, {"x": (number % 2, 2)}, cluster=f"c{number % 2}") for number in range(40)]
    narrow, wide = (figure_of(ratio("x"), outcomes).interval for outcomes in (alone, copies))
    assert narrow is not None
    assert wide is None or wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_the_same_data_have_the_same_interval() -> None:
    """Resampling is seeded, and the order of the outcomes does not matter: workers finish in any."""
    outcomes = [outcome(number, {"x": (number % 3, 2 + number % 2)}) for number in range(60)]
    assert figure_of(ratio("x"), outcomes) == figure_of(ratio("x"), outcomes[::-1])


def test_a_statistic_that_never_moves_has_no_interval() -> None:
    """Nor has a single unit."""
    import numpy as np

    assert bootstrap_interval(10, lambda at: np.ones(len(at))) is None
    assert bootstrap_interval(1, lambda at: np.ones(len(at))) is None


def test_a_declared_measure_may_be_the_metric() -> None:
    """The score of the subset is then the measure's; counts stay those of the kinds."""
    measures = [ratio("x")]
    outcomes = [outcome(0, {"x": (1, 3)}), outcome(1, {"x": (1, 1)}, Kind.WRONG)]
    found = score_subset("s", outcomes, 2, metric="x", measures=measures)
    assert found.score == pytest.approx(0.5)
    assert found.counts[Kind.WRONG] == 1
    assert (found.if_ungraded_wrong, found.if_ungraded_right) == (found.score, found.score)
    missing = score_subset("s", outcomes, 3, metric="x", measures=measures)
    assert (missing.if_ungraded_wrong, missing.if_ungraded_right) == (None, None)
    with pytest.raises(ValueError, match="expected the metric"):
        score_subset("s", outcomes, 2, metric="y", measures=measures)


@pytest.mark.parametrize(
    "arguments",
    [("", "mean", ("x",)), ("x", "median", ("x",)), ("x", "mean", ()), ("x", "mean", ("x",), True, 1.0, 1.0)],
)
def test_a_measure_of_the_wrong_form_is_refused(arguments: tuple[Any, ...]) -> None:
    """When it is declared."""
    with pytest.raises(ValueError, match="expected"):
        Measure(*arguments)


@given(st.lists(st.tuples(st.integers(-5, 5), st.floats(-3, 3, width=16)), min_size=3, max_size=30), st.booleans())
@settings(max_examples=40, deadline=None)
def test_correlations_equal_those_of_scipy(pairs: list[tuple[int, float]], is_clustered: bool) -> None:
    """With ties, of single items and of clusters; a value that does not vary has none; a bound from below holds."""
    first, second = [float(x) for x, _ in pairs], [y for _, y in pairs]
    items: list[Item] = [((x, 1.0), (y, 1.0)) for x, y in zip(first, second, strict=True)]
    units: list[list[Repeats]] = [[[items[0]], [items[1]]], *([[item]] for item in items[2:])]
    if not is_clustered:
        units = [[[item]] for item in items]
    all_units = np.arange(len(units))[None, :]
    found = [
        float(statistic_of(make("c", of=("x", "y"), low=low), units)(all_units)[0])
        for make, low in ((spearman, -1.0), (pearson, -1.0), (spearman, 0.0))
    ]
    if len(set(first)) == 1 or len(set(second)) == 1:
        assert np.isnan(found).all()
        return
    rank = float(stats.spearmanr(np.array(first), np.array(second)).statistic)
    straight = float(stats.pearsonr(np.array(first), np.array(second)).statistic)
    assert found == pytest.approx([rank, straight, max(0.0, rank)], abs=1e-9)


def test_a_correlation_has_an_interval_by_resampling() -> None:
    """Which holds the figure, and is within the range."""
    outcomes = [outcome(number, {"x": float(number), "y": float(number + 7 * (number % 3))}) for number in range(30)]
    figure = figure_of(spearman("c", of=("x", "y")), outcomes)
    assert figure.interval is not None
    assert figure.value is not None
    assert 0.5 < figure.interval.low < figure.value < figure.interval.high <= 1.0
    assert figure.interval.method == "bootstrap"


@given(st.lists(st.tuples(st.floats(0, 50), st.integers(1, 30)), min_size=2, max_size=20))
@settings(max_examples=30, deadline=None)
def test_a_perplexity_divides_losses_by_units(texts: list[tuple[float, int]]) -> None:
    """Of all texts together, and bits are its logarithm to the base 2."""
    outcomes = [outcome(number, {"loss": loss, "words": words}) for number, (loss, words) in enumerate(texts)]
    of_one = sum(loss for loss, _ in texts) / sum(words for _, words in texts)
    found = figure_of(perplexity("p", loss="loss", units="words"), outcomes)
    assert found.value is not None
    assert found.value == pytest.approx(math.exp(of_one))
    assert figure_of(bits("b", loss="loss", units="words"), outcomes).value == pytest.approx(of_one / math.log(2))
    if found.interval is not None:
        assert found.interval.low <= found.value * (1 + 1e-9)
