"""Win rates of pairwise comparisons as measures: clusters, ties, strong wins, a judge that goes by the place."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_modeleval.arena.games import Games, recorded
from pytest_modeleval.metrics import Measure, bradley_terry, style_effect, win_rate_difference
from pytest_modeleval.metrics.figures import Figure, figure_of
from pytest_modeleval.plan import declared_from_json, declared_to_json
from pytest_modeleval.records import ItemKey, Kind, MeasureValue, Outcome


def outcome(sample: str, measures: dict[str, MeasureValue], kind: Kind = Kind.RIGHT) -> Outcome:
    """A judged pair; the question is what the name begins with."""
    return Outcome(ItemKey("arena", "arena", sample), kind, 1.0, measures=measures, cluster=sample.partition("-")[0])


def figure(measure: Measure, pairs: list[Games], kind: Kind = Kind.RIGHT) -> Figure:
    """The measure of pairs of players 0 and 1, a question each."""
    return figure_of(measure, [outcome(f"{n:03}", recorded(games), kind) for n, games in enumerate(pairs)])


WON, LOST, TIED = Games(1.0, 1.0), Games(-1.0, -2.0), Games(1.0, -1.0)


def test_the_win_rate_of_a_pair_is_the_mean_of_its_points() -> None:
    """With an interval over questions; the other player has the rest to 1."""
    pairs = [WON] * 30 + [LOST] * 10 + [TIED, Games(-1.0, 1.0)] * 5
    found, other = figure(bradley_terry("a"), pairs), figure(bradley_terry("b", player=1, baseline=0), pairs)
    assert found.value == pytest.approx(0.7, abs=1e-6)
    assert other.value == pytest.approx(0.3, abs=1e-6)
    assert found.num == 50
    assert found.interval is not None
    assert 0.5 < found.interval.low < 0.7 < found.interval.high < 0.85


def test_a_model_that_loses_everything_has_an_interval() -> None:
    """Wilson's, over questions: resamples of nothing but losses would all be the same."""
    found = figure(bradley_terry("a"), [LOST] * 10)
    assert found.value == 0.0
    assert found.interval is not None
    assert found.interval.low == 0.0
    assert found.interval.high == pytest.approx(0.2775, abs=1e-3)


def test_strong_wins_count_as_often_as_said() -> None:
    """Only those that are strong in both orders."""
    pairs = [Games(2.0, 2.0)] * 10 + [Games(-1.0, -2.0)] * 10
    assert figure(bradley_terry("a", strong=3), pairs).value == pytest.approx(0.75, abs=1e-6)
    assert figure(bradley_terry("a"), pairs).value == pytest.approx(0.5, abs=1e-6)


def test_a_judge_that_goes_by_the_place_gives_no_win_rate() -> None:
    """More pairs go to one place than to an answer; a coin, which knows no place, gives one."""
    pairs = [TIED] * 20 + [WON] * 15 + [LOST] * 4
    assert figure(bradley_terry("a"), pairs).value is None
    assert figure(bradley_terry("a"), [*pairs, LOST]).value == pytest.approx(0.5 + 10 / 80, abs=1e-6)
    coin = np.random.default_rng(3).choice([-1.0, 1.0], size=(200, 2))
    assert figure(bradley_terry("a"), [Games(float(a), float(b)) for a, b in coin]).value is not None


def test_an_answer_that_was_cut_is_lost() -> None:
    """Whatever the judge said of the part that came."""
    assert figure(bradley_terry("a"), [WON] * 5, Kind.TRUNCATED).value == pytest.approx(0.0, abs=1e-4)


def test_pairs_of_one_question_are_one_unit() -> None:
    """Ten times the same verdicts are no further questions: the interval stays, while one without clusters narrows."""
    rng = np.random.default_rng(5)
    pairs = [WON if won else LOST for won in rng.random(40) < 0.6]
    copies = [outcome(f"{n:03}-{copy}", recorded(games)) for n, games in enumerate(pairs) for copy in range(10)]
    one, many = figure(bradley_terry("a"), pairs).interval, figure_of(bradley_terry("a"), copies).interval
    assert one is not None
    assert many is not None
    assert many.high - many.low == pytest.approx(one.high - one.low, rel=0.1)


def test_three_players_and_one_that_was_never_judged() -> None:
    """The mean over all others; no figure against a player without a game."""
    outcomes = [
        outcome(f"{n:03}-{first}{second}", recorded(games, first, second))
        for n in range(60)
        for first, second, games in ((0, 1, WON if n % 3 else LOST), (1, 2, WON if n % 2 else LOST))
    ]
    best = figure_of(bradley_terry("0", baseline=None), outcomes)
    # Twice as strong as 1, which is as strong as 2.
    assert best.value == pytest.approx(2 / 3, abs=1e-4)
    assert figure_of(bradley_terry("3", player=3, baseline=0), outcomes).value is None


def test_the_difference_of_two_win_rates_is_paired() -> None:
    """Both against one baseline on the same questions: a constant lead is sure, however different the questions are."""
    rng = np.random.default_rng(8)
    outcomes = []
    for number in range(80):
        is_easy = bool(rng.random() < 0.5)
        better = WON if is_easy or number % 5 == 0 else LOST
        worse = WON if is_easy else LOST
        outcomes += [
            outcome(f"{number:03}-{player}", recorded(games, player, 0)) for player, games in ((1, better), (2, worse))
        ]
    found = figure_of(win_rate_difference("1 less 2", player=1, other=2, baseline=0), outcomes)
    rates = [figure_of(bradley_terry("n", player=player, baseline=0), outcomes) for player in (1, 2)]
    assert found.value == pytest.approx((rates[0].value or 0.0) - (rates[1].value or 0.0), abs=1e-9)
    assert found.interval is not None
    assert 0.0 < found.interval.low < found.interval.high < 0.25
    assert rates[0].interval is not None
    assert rates[1].interval is not None
    assert rates[0].interval.low < rates[1].interval.high


def test_style_control_and_its_effect() -> None:
    """A judge that goes by length alone: with style none is better, and the effect of length is clear."""
    rng = np.random.default_rng(6)
    outcomes = []
    for number in range(400):
        longer = float(rng.uniform(-0.3, 0.7))
        games = WON if rng.random() < 1.0 / (1.0 + np.exp(-3.0 * longer)) else LOST
        outcomes.append(outcome(f"{number:03}", {**recorded(games), "style_length": longer}))
    style = ("style_length",)
    controlled = figure_of(bradley_terry("a", style=style), outcomes[:200])
    assert controlled.interval is not None
    assert controlled.interval.low < 0.5 < controlled.interval.high
    plain = figure_of(bradley_terry("a"), outcomes).interval
    assert plain is not None
    assert plain.low > 0.5
    effect = figure_of(style_effect("length", of="style_length", style=style), outcomes[:200])
    assert effect.interval is not None
    # A standard deviation of the differences is 0.29: 3 * 0.29 in the logit.
    assert 0.52 < effect.interval.low < 1.0 / (1.0 + np.exp(-3.0 * 0.29)) < effect.interval.high < 0.9


def test_declarations_are_stored_and_read_back() -> None:
    """With their numbers; a measure without any is stored as in earlier versions."""
    made = [bradley_terry("a", player=2, baseline=None, strong=3), style_effect("e", of="s", style=("s",))]
    assert list(declared_from_json(declared_to_json(made))) == made
    assert "numbers" in declared_to_json(made)[0]
