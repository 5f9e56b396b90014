"""Disagreeing judgements widen intervals, and nothing else does."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval.metrics import calibration_error, f_score, mean, quantile, ratio, score_subset
from pytest_modeleval.metrics.figures import figure_of
from pytest_modeleval.metrics.judgements import doubt
from pytest_modeleval.records import ItemKey, Kind, MeasureValue, Outcome

CORRECT, F = ratio("correct"), f_score("f", of=("correct", "given"))
UNTOUCHED = (
    ratio("judge_agreement"),
    mean("tokens", high=None),
    quantile("wait", of="tokens", q=0.5),
    calibration_error("sure", confidence="sure", correct="sure"),
)


def outcomes(agreements: Sequence[tuple[int, int] | None]) -> list[Outcome]:
    """Two of three items right; each judged n times, k of which stand behind the verdict."""
    found = []
    for number, agreement in enumerate(agreements):
        right = number % 3 != 0
        measures: dict[str, MeasureValue] = {"correct": (right, 1), "given": (right, 1), "tokens": 7.0 + number}
        measures |= {"sure": number % 2 / 1.0} | ({"judge_agreement": agreement} if agreement else {})
        key = ItemKey("b", "s", f"{number:04}")
        found.append(Outcome(key, Kind.RIGHT if right else Kind.WRONG, float(right), measures=measures))
    return found


def test_disagreement_adds_its_variance() -> None:
    """Limit by limit: for 30 questions, ten of them judged 2 to 1, (1 + 1/3) / 3 of each over 900."""
    plain, doubted = outcomes([(3, 3)] * 30), outcomes([(2, 3)] * 10 + [(3, 3)] * 20)
    assert doubt(doubted) == pytest.approx(10 * (4 / 3) / 3)
    before, after = (score_subset("s", found, 30, metric="mean_acc") for found in (plain, doubted))
    assert (before.score, before.method) == (after.score, "wilson")
    assert after.method == "wilson, judgements"
    extra = 1.959964 * sqrt(doubt(doubted)) / 30
    assert after.score is not None
    assert before.low is not None
    assert after.low == pytest.approx(after.score - sqrt((after.score - before.low) ** 2 + extra**2), abs=1e-6)
    for measure in (CORRECT, F):
        narrow, wide = figure_of(measure, plain).interval, figure_of(measure, doubted).interval
        assert narrow is not None
        assert wide is not None
        assert wide.low < narrow.low < narrow.high < wide.high
    for measure in UNTOUCHED[1:]:
        assert figure_of(measure, plain) == figure_of(measure, doubted)
    agreement = figure_of(UNTOUCHED[0], doubted).interval
    assert agreement is None or "judgements" not in agreement.method


@given(st.lists(st.sampled_from([None, (1, 1), (3, 3), (2, 3), (3, 5)]), min_size=2, max_size=40))
def test_the_interval_holds_the_score_and_stays_in_its_range(agreements: list[tuple[int, int] | None]) -> None:
    """And is never narrower than without judgements; the same where none disagree."""
    found = score_subset("s", outcomes(agreements), len(agreements), metric="mean_acc")
    single = score_subset("s", outcomes([None] * len(agreements)), len(agreements), metric="mean_acc")
    assert found.score is not None
    assert found.low is not None
    assert found.high is not None
    assert single.low is not None
    assert single.high is not None
    assert 0.0 <= found.low <= single.low <= found.score <= single.high <= found.high <= 1.0
    disagree = any(pair is not None and pair[0] < pair[1] for pair in agreements)
    assert disagree == (found.method != single.method)


def test_the_interval_covers_the_verdicts_of_a_judge_without_noise() -> None:
    """Of 40 answers judged three times by a judge that is wrong in 20 %: at least 95 % of 400 intervals."""
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(400):
        truth = rng.random(40) < 0.7
        said = rng.random((40, 3)) < np.where(truth, 0.8, 0.2)[:, None]
        votes = said.sum(axis=1)
        items = []
        for number, yes in enumerate(votes.tolist()):
            measures: dict[str, MeasureValue] = {"judge_agreement": (max(yes, 3 - yes), 3)}
            kind = Kind.RIGHT if yes >= 2 else Kind.WRONG
            items.append(Outcome(ItemKey("b", "s", str(number)), kind, float(yes >= 2), measures=measures))
        score = score_subset("s", items, 40, metric="mean_acc")
        assert score.low is not None
        assert score.high is not None
        covered += score.low <= float(truth.mean()) <= score.high
    assert covered >= 380
