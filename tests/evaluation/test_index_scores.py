"""Indexes over benchmarks, from the scores of the benchmarks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_modeleval.evaluation.index_scores import index_scores
from pytest_modeleval.gates.compare_indexes import unpaired_interval
from pytest_modeleval.indexes import AA_INDEX, Index, is_index
from pytest_modeleval.results import AggregateScore, BenchmarkSummary, Scale
from tests.support.report_cases import a_score


def _entry(name: str, score: float | None, half: float = 0.05, **more: object) -> BenchmarkSummary:
    low, high = (None, None) if score is None else (score - half, score + half)
    entry = BenchmarkSummary(name, "1", "acc", (a_score("all", score, low, high, right=10),))
    return replace(entry, **more)  # type: ignore[arg-type]


def test_the_interval_adds_independent_variances() -> None:
    """Of two parts with equal weight and half-widths of 0.03 and 0.04: half of 0.05."""
    (found,) = index_scores([Index("i", {"a": 1, "b": 1})], [_entry("a", 0.5, 0.03), _entry("b", 0.7, 0.04)])
    assert found.score == pytest.approx(0.6)
    assert (found.low, found.high) == pytest.approx((0.575, 0.625))
    (weighed,) = index_scores([Index("i", {"a": 1, "b": 3})], [_entry("a", 0.5), _entry("b", 0.7)])
    assert weighed.score == pytest.approx(0.65)
    assert unpaired_interval(found, found) == pytest.approx((-(2**0.5) * 0.025, 2**0.5 * 0.025))


def test_a_benchmark_enters_with_its_official_aggregate() -> None:
    """A partial one, several subsets without an aggregate, and a figure where lower is better are missing."""
    official = AggregateScore("OVERALL", 10, 0.25, 0.2, 0.3, is_official=True)
    partial = replace(official, score=None, is_partial=True)
    entries = [
        _entry("whole", 0.9, aggregates=(AggregateScore("LIVE", 5, 0.1, 0, 1), official)),
        _entry("partial", 0.9, aggregates=(partial,)),
        _entry("two", 0.9, subsets=(a_score("x", 0.5, 0, 1, right=1), a_score("y", 0.5, 0, 1, right=1))),
        _entry("tokens", 0.9, scale=Scale(is_higher_better=False)),
    ]
    (found,) = index_scores([Index("i", dict.fromkeys(("whole", "partial", "two", "tokens"), 1.0))], entries)
    assert found.missing == ("partial", "two", "tokens")
    assert (found.score, found.at_least, found.at_most) == (None, 0.0625, 0.8125)


def test_our_index_needs_two_of_its_ten_parts() -> None:
    """Ten parts of equal weight, as the card reports them; one of them alone is no index."""
    assert set(AA_INDEX.weights.values()) == {1.0}
    assert len(AA_INDEX.weights) == 10
    assert index_scores([AA_INDEX], [_entry("aime25", 0.78)]) == ()
    (found,) = index_scores([AA_INDEX], [_entry("aime25", 0.78), _entry("mmlu_pro", 0.82)])
    assert (found.at_least, found.at_most) == pytest.approx((0.16, 0.96))


@pytest.mark.parametrize(
    "entry",
    [
        None,
        {"name": "x"},
        {"name": "x\n", "weights": {"a": 1, "b": 1}, "least": 1},
        {"name": "x", "weights": {"a": 1}, "least": 1},
        {"name": "x", "weights": {"a": 1, "b": float("nan")}, "least": 1},
        {"name": "x", "weights": {"a": 1, "b": 1}, "least": "1"},
    ],
)
def test_a_damaged_index_is_none(entry: object) -> None:
    """What run.json may hold is checked as a declaration is."""
    assert not is_index(entry)
