"""Aggregation functions are recognised by what they compute, and the measure computes the same."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modeleval.foreign_tasks.aggregation import Carried, carry_over
from pytest_modeleval.metrics.figures import figure_of
from pytest_modeleval.records import ItemKey, Kind, Outcome


def mean(values: list[Any]) -> float:
    """The plain mean."""
    return float(sum(values) / len(values))


def percent(values: list[Any]) -> float:
    """The mean times 100."""
    return 100 * mean(values)


def of_flags(values: list[list[bool]]) -> float:
    """Of all flags of all documents."""
    flags = [flag for value in values for flag in value]
    return sum(flags) / len(flags)


def perplexity(values: list[float]) -> float:
    """Of texts of one unit."""
    return math.exp(-mean(values))


def weighted(values: list[tuple[float, float]]) -> float:
    """The perplexity of a unit."""
    return math.exp(-sum(loss for loss, _ in values) / sum(units for _, units in values))


def bits(values: list[tuple[float, float]]) -> float:
    """The same in bits."""
    return math.log(weighted(values)) / math.log(2)


def f1(values: list[tuple[int, int]]) -> float:
    """The F score of label 1."""
    hits = sum(gold == given == 1 for gold, given in values)
    return 2 * hits / (sum(gold for gold, _ in values) + sum(given for _, given in values) or 1)


def brier(values: list[tuple[int, Any]]) -> float:
    """The mean of squared distances."""
    return mean([sum((share - (place == gold)) ** 2 for place, share in enumerate(shares)) for gold, shares in values])


NUMBERS = st.lists(st.sampled_from([0.0, 0.25, 1.0]), min_size=1, max_size=8)
LOSSES = st.lists(st.floats(-9, -0.125), min_size=1, max_size=8)
FLAGS = st.lists(st.lists(st.booleans(), min_size=1, max_size=4), min_size=1, max_size=8)
TEXTS = st.lists(st.tuples(st.floats(-90, -1), st.integers(1, 40)), min_size=1, max_size=8)
# Without label 1 in the data its F score does not exist.
LABELS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), max_size=8).map(lambda pairs: [(1, 0), *pairs])
SHARES = st.lists(
    st.tuples(st.integers(0, 1), st.floats(0, 1).map(lambda share: np.array([share, 1 - share]))),
    min_size=1,
    max_size=8,
)


def carried(aggregate: Callable[[list[Any]], float], example: Any) -> Carried | None:
    """The measure of a function."""
    return carry_over("x", aggregate, example, is_higher_better=True, is_share=aggregate is mean)


@pytest.mark.parametrize(
    ("aggregate", "values"),
    [
        (mean, NUMBERS),
        (percent, NUMBERS),
        (perplexity, LOSSES),
        (of_flags, FLAGS),
        (weighted, TEXTS),
        (bits, TEXTS),
        (f1, LABELS),
        (brier, SHARES),
    ],
)
def test_a_recognised_function_gives_the_figure(
    aggregate: Callable[[list[Any]], float], values: st.SearchStrategy[list[Any]]
) -> None:
    """The measure over what grades record equals the function over the values."""

    @given(values)
    @settings(max_examples=25, deadline=None)
    def equal(drawn: list[Any]) -> None:
        found = carried(aggregate, drawn[0])
        assert found is not None
        outcomes = [
            Outcome(ItemKey("b", "s", str(number)), Kind.RIGHT, measures=found.record(value))
            for number, value in enumerate(drawn)
        ]
        assert figure_of(found.measure, outcomes).value == pytest.approx(aggregate(drawn))
        if found.credit is not None:
            assert all(0 <= found.credit(value) <= 1 for value in drawn)

    equal()


@pytest.mark.parametrize(
    ("aggregate", "example"),
    [
        (statistics.median_low, 1.0),
        (lambda values: max(map(len, values)), ("reference", "text")),
        (lambda values: 999, 1.0),
        (lambda values: 1 / 0, None),
    ],
    ids=["median", "texts", "constant", "fault"],
)
def test_another_function_is_not_carried_over(aggregate: Callable[[list[Any]], Any], example: Any) -> None:
    """Rather none than a wrong figure."""
    assert carried(aggregate, example) is None


@pytest.mark.parametrize("value", [1.5, -0.1, math.nan])
def test_a_value_outside_of_its_range_is_a_fault_of_the_grader(value: float) -> None:
    """It becomes no number of a share."""
    found = carried(mean, 1.0)
    assert found is not None
    with pytest.raises(ValueError, match="expected"):
        found.record(value)
