"""The score of a subset: against brute force, and every rule of the kinds."""

from itertools import combinations
from statistics import fmean
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval.metrics import mean_interval, pass_at_k, score_subset, wilson
from pytest_modeleval.records import ItemKey, Kind, Outcome
from pytest_modeleval.results import Score

KINDS = st.sampled_from(list(Kind))


def known(value: float | None) -> float:
    """A value that must be there."""
    assert value is not None
    return value


def outcome(sample: Any, kind: Any, value: float | None = None, repeat: Any = 0, **more: Any) -> Outcome:
    """One item."""
    value = (1.0 if kind is Kind.RIGHT else 0.0) if value is None else value
    return Outcome(ItemKey("b", "s", str(sample), repeat), kind, value, **more)


def score(outcomes: Any, planned: Any = None, metric: str = "mean_acc") -> Score:
    """Its score as one subset; planned defaults to the samples seen."""
    samples = len({one.key.sample for one in outcomes})
    return score_subset("s", outcomes, samples if planned is None else planned, metric=metric)


@given(st.lists(st.booleans(), min_size=1, max_size=10), st.integers(1, 10))
def test_pass_at_k_is_the_share_of_draws_with_a_success(results: Any, k: int) -> None:
    """Counted over every way to draw k of the repeats."""
    draws = [any(draw) for draw in combinations(results, k)]
    found = pass_at_k(sum(results), len(results), k=k)
    assert found == (pytest.approx(fmean(draws)) if draws else None)


@given(st.integers(1, 30), st.data())
def test_pass_at_k_rises(total: int, data: st.DataObject) -> None:
    """With k and with the number correct."""
    correct = data.draw(st.integers(0, total))
    values = [known(pass_at_k(correct, total, k=k)) for k in range(1, total + 1)]
    assert values == sorted(values)
    if correct < total:
        assert values[0] < known(pass_at_k(correct + 1, total, k=1))


@pytest.mark.parametrize(("correct", "total", "k"), [(3, 2, 1), (-1, 2, 1), (1, 2, 0)])
def test_pass_at_k_refuses_nonsense(correct: int, total: int, k: int) -> None:
    """Rather than give a number."""
    with pytest.raises(ValueError, match="expected k of at least 1"):
        pass_at_k(correct, total, k=k)


ITEMS = st.lists(st.lists(st.tuples(KINDS, st.sampled_from([0.0, 0.5, 1.0])), min_size=1, max_size=4), max_size=8)


def outcomes_of(items: Any) -> list[Outcome]:
    """Items from (kind, value) by sample and repeat."""
    return [
        outcome(sample, kind, value, repeat)
        for sample, repeats in enumerate(items)
        for repeat, (kind, value) in enumerate(repeats)
    ]


def credits_of(repeats: Any) -> list[float]:
    """What the repeats with a verdict count."""
    return [value if kind in (Kind.RIGHT, Kind.WRONG) else 0.0 for kind, value in repeats if kind.is_verdict]


@given(ITEMS, st.integers(0, 3))
def test_mean_score_against_brute_force(items: Any, never_started: int) -> None:
    """Question means of what has a verdict; counts of all nine kinds; bounds over all that was planned."""
    planned = len(items) + never_started
    found = score(outcomes_of(items), planned)
    means = [fmean(credits_of(repeats)) for repeats in items if credits_of(repeats)]
    assert found.num == len(means)
    assert found.score == (pytest.approx(fmean(means)) if means else None)
    epochs = max((len(repeats) for repeats in items), default=1)
    assert found.repeats == epochs
    assert set(found.counts) == set(Kind)
    assert found.items == planned * epochs
    for kind in Kind:
        seen = sum(one is kind for repeats in items for one, _ in repeats)
        assert found.counts[kind] == seen + (planned * epochs - sum(map(len, items)) if kind is Kind.NOT_RUN else 0)
    if planned:
        least = [sum(credits_of(repeats)) / epochs for repeats in items]
        most = [(sum(credits_of(repeats)) + epochs - len(credits_of(repeats))) / epochs for repeats in items]
        assert found.if_ungraded_wrong == pytest.approx(sum(least) / planned)
        assert found.if_ungraded_right == pytest.approx((sum(most) + never_started) / planned)


@given(ITEMS, st.sampled_from(["mean_acc", "acc", "pass@1", "pass@2", "pass@3"]), st.integers(0, 2))
def test_score_lies_in_its_interval_and_its_bounds(items: Any, metric: str, never_started: int) -> None:
    """Whatever is missing; and with nothing ungraded the bounds are the score."""
    found = score(outcomes_of(items), len(items) + never_started, metric)
    if found.score is None:
        return
    assert 0.0 <= found.score <= 1.0
    # A question with a few repeats, but not k of them, enters the bounds of pass@k and not its score.
    needed = int(metric.partition("@")[2] or 1)
    if not any(0 < len(credits_of(repeats)) < needed for repeats in items):
        assert known(found.if_ungraded_wrong) - 1e-12 <= found.score <= known(found.if_ungraded_right) + 1e-12
    if found.low is not None:
        assert found.low - 1e-12 <= found.score <= known(found.high) + 1e-12
        assert found.low < known(found.high)
    if found.ungraded == 0:
        assert found.if_ungraded_wrong == pytest.approx(found.score)
        assert found.if_ungraded_right == pytest.approx(found.score)


@given(ITEMS, st.integers(1, 4))
def test_pass_at_k_score_against_brute_force(items: Any, k: int) -> None:
    """Over questions with at least k graded repeats; partial credit is not correct."""
    values = []
    for repeats in items:
        draws = [any(draw) for draw in combinations([credit >= 1.0 for credit in credits_of(repeats)], k)]
        if draws:
            values.append(fmean(draws))
    found = score(outcomes_of(items), metric=f"pass@{k}")
    assert found.num == len(values)
    assert found.score == (pytest.approx(fmean(values)) if values else None)


def test_kinds_and_credit() -> None:
    """Truncated and no_answer are 0 whatever value they carry; a right answer in a cut reply is right."""
    outcomes = [
        outcome(1, Kind.RIGHT, finish_reason="length"),
        outcome(2, Kind.WRONG, 0.5),
        outcome(3, Kind.TRUNCATED, 1.0, finish_reason="length"),
        outcome(4, Kind.NO_ANSWER, 1.0),
        outcome(5, Kind.TIMEOUT, 1.0),
        outcome(6, Kind.GRADER_ERROR, 1.0),
    ]
    found = score(outcomes)
    assert (found.score, found.num, found.planned) == (1.5 / 4, 4, 6)
    assert (found.if_ungraded_wrong, found.if_ungraded_right) == (1.5 / 6, 3.5 / 6)


def test_binary_single_repeat_gives_wilson() -> None:
    """33 of 40 right: 0.825 with Wilson's interval, 0.681 to 0.913."""
    found = score([outcome(number, Kind.RIGHT if number < 33 else Kind.WRONG) for number in range(40)])
    assert (found.score, found.method) == (0.825, "wilson")
    assert (found.low, found.high) == wilson(33, 40)
    assert (round(known(found.low), 3), round(known(found.high), 3)) == (0.681, 0.913)


def test_repeats_are_clustered_by_question() -> None:
    """Two repeats of each question: the interval comes from the question means, not from twice as many items."""
    outcomes = [
        outcome(sample, Kind.RIGHT if sample % 3 and (sample + repeat) % 4 else Kind.WRONG, repeat=repeat)
        for sample in range(12)
        for repeat in range(2)
    ]
    means = [fmean(one.value for one in outcomes if one.key.sample == str(sample)) for sample in range(12)]
    found = score(outcomes)
    assert (found.low, found.high, found.method) == mean_interval(means)
    assert (found.num, found.repeats, found.items) == (12, 2, 24)


def test_clusters_of_samples_reach_the_interval() -> None:
    """Binary outcomes that share passages are not treated as independent."""
    outcomes = [outcome(n, Kind.RIGHT if n < 8 else Kind.WRONG, cluster=f"passage {n // 4}") for n in range(16)]
    assert score(outcomes).method == "clustered t"


def test_one_cluster_has_no_interval() -> None:
    """All questions on one passage: a score, and no claim about its error."""
    found = score([outcome(n, Kind.RIGHT if n else Kind.WRONG, cluster="p") for n in range(3)])
    assert (found.score, found.low, found.high, found.method) == (2 / 3, None, None, "")


@pytest.mark.parametrize(
    ("kinds", "is_suspicious"),
    [
        ([Kind.WRONG, Kind.WRONG], True),
        ([Kind.NO_ANSWER, Kind.NO_ANSWER], True),
        ([Kind.NO_ANSWER, Kind.TRUNCATED, Kind.TIMEOUT], True),
        ([Kind.WRONG], False),
        ([Kind.WRONG, Kind.TIMEOUT], False),
        ([Kind.WRONG, Kind.RIGHT], False),
        ([Kind.TIMEOUT, Kind.TIMEOUT], False),
        ([], False),
    ],
)
def test_suspicious_zeros(kinds: Any, is_suspicious: bool) -> None:
    """Two or more verdicts and not one point: look at the replies before blaming the model."""
    assert score([outcome(number, kind) for number, kind in enumerate(kinds)]).is_suspicious is is_suspicious


def test_half_a_point_is_not_suspicious() -> None:
    """Partial credit shows that the harness works."""
    assert not score([outcome(1, Kind.WRONG, 0.5), outcome(2, Kind.WRONG)]).is_suspicious


def test_nothing_graded() -> None:
    """No score, no interval, and the widest bounds."""
    found = score([outcome(1, Kind.TIMEOUT)], planned=3)
    assert (found.score, found.low, found.num) == (None, None, 0)
    assert (found.if_ungraded_wrong, found.if_ungraded_right) == (0.0, 1.0)
    assert (found.counts[Kind.TIMEOUT], found.counts[Kind.NOT_RUN]) == (1, 2)


def test_tokens_are_summed() -> None:
    """Replies whose server counted nothing add nothing."""
    outcomes = [
        outcome(1, Kind.RIGHT, completion_tokens=5),
        outcome(2, Kind.RIGHT),
        outcome(3, Kind.TIMEOUT, completion_tokens=7),
    ]
    assert score(outcomes).completion_tokens == 12


@pytest.mark.parametrize("metric", ["accuracy", "pass@0", "pass@", "pass@x", ""])
def test_unknown_metrics_are_refused(metric: str) -> None:
    """Rather than taken for a mean."""
    with pytest.raises(ValueError, match="expected the metric"):
        score([outcome(1, Kind.RIGHT)], metric=metric)
