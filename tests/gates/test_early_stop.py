"""Betting tests and stopping early: valid at any look, in the planned order, certain when they say so."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modeleval.gates import FAILED, PASSED, EarlyStop, judge, parse_gates, seeded_order
from pytest_modeleval.gates.betting import Wealth, bets, betting_p, log_growth, log_wealth
from pytest_modeleval.metrics import macro
from pytest_modeleval.records import ItemKey, Outcome
from tests.support.gate_worlds import as_baseline, evidence, outcomes

bad = st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0]), max_size=40)


def gates(extra: str = "", kind: str = "regression", alpha: float = 0.05) -> str:
    """A file with one gate."""
    return f'alpha = {alpha}\n[[gate]]\nkind = "{kind}"\nbenchmark = "gsm8k"\n{extra}'


@given(st.floats(0.01, 0.99), st.floats(0.02, 3.0))
def test_no_bet_gains_from_a_true_claim(chance: float, worst: float) -> None:
    """For a badness of mean 0 with two values, the expected wealth after one sample is exactly 1 for every bet."""
    best = worst * (1.0 - chance) / chance
    growth = np.exp(log_growth(np.asarray([best, -worst]), worst))
    assert chance * growth[0] + (1.0 - chance) * growth[1] == pytest.approx(1.0)


def expected_wealth(depth: int, chance: float, path: tuple[float, ...] = ()) -> float:
    """The mean wealth over all paths of so many samples of badness 1 - chance or -chance."""
    if len(path) == depth:
        return math.exp(log_wealth(log_growth(np.asarray(path), chance).sum(axis=0)))
    return chance * expected_wealth(depth, chance, (*path, 1.0 - chance)) + (1.0 - chance) * expected_wealth(
        depth, chance, (*path, -chance)
    )


@pytest.mark.parametrize("chance", [0.05, 0.3, 0.5])
def test_wealth_is_a_martingale(chance: float) -> None:
    """Averaged over all 2^8 paths of a true claim, the wealth is 1: nothing is won by waiting."""
    assert expected_wealth(8, chance) == pytest.approx(1.0)


def crossing(depth: int, alpha: float, path: tuple[float, ...] = ()) -> float:
    """The chance that a fair coin's wealth ever reaches 1 / alpha within so many tosses, all paths counted."""
    if path and log_wealth(log_growth(np.asarray(path), 1.0).sum(axis=0)) >= -math.log(alpha):
        return 1.0
    if len(path) == depth:
        return 0.0
    return 0.5 * (crossing(depth, alpha, (*path, 1.0)) + crossing(depth, alpha, (*path, -1.0)))


@pytest.mark.parametrize("alpha", [0.3, 0.1])
def test_looking_after_every_sample_keeps_alpha(alpha: float) -> None:
    """Ville's inequality, counted out over all paths of 11 tosses: 1 / alpha is crossed with a chance <= alpha."""
    assert 0.0 < crossing(11, alpha) <= alpha


@given(bad)
def test_running_wealth_agrees_with_all_at_once(values: list[float]) -> None:
    """One by one or from counts, the last wealth is the same, and p is 1 over the highest one seen."""
    wealth = Wealth(1.0, 1.0)
    heights = [0.0]
    for number, value in enumerate(values, start=1):
        wealth.observe(value)
        heights.append(log_wealth(log_growth(np.asarray(values[:number]), 1.0).sum(axis=0)))
    assert wealth.p == pytest.approx(math.exp(-max(heights)))
    if values:
        assert betting_p(values, 1.0) == pytest.approx(min(1.0, math.exp(-heights[-1])))


@given(bad, st.integers(0, 30))
def test_can_reach_is_what_the_worst_future_does(values: list[float], remaining: int) -> None:
    """P can still reach alpha exactly if it does when every remaining sample is as bad as can be."""
    wealth, worst = Wealth(1.0, 1.0), Wealth(1.0, 1.0)
    for value in values:
        wealth.observe(value)
        worst.observe(value)
    for _ in range(remaining):
        worst.observe(1.0)
    assert wealth.can_reach(0.02, remaining) == (worst.p <= 0.02 * (1 + 1e-12))


def test_bets_never_ruin() -> None:
    """Even the largest bet survives the worst badness."""
    assert np.all(1.0 - bets(0.37) * 0.37 > 0.0)


@given(st.integers(0, 5), st.permutations(list(range(12))))
def test_order_comes_from_ids_and_seed_alone(seed: int, shuffled: list[int]) -> None:
    """However the keys arrive, the order is the same; repeats of a question stay together, in their order."""
    keys = [ItemKey("b", "s", f"q{number // 2}", number % 2) for number in shuffled]
    order = seeded_order(keys, seed)
    assert order == seeded_order(sorted(keys, key=repr), seed)
    assert [key.repeat for key in order] == [0, 1] * 6
    assert all(first.sample == second.sample for first, second in zip(order[::2], order[1::2], strict=True))


def run(state: EarlyStop, text: str, plan: list[ItemKey], found: dict[ItemKey, Outcome]) -> int:
    """How many items are asked until nothing more is needed."""
    file = parse_gates(text)
    for number, key in enumerate(plan, start=1):
        state.observe(found[key])
        if all(state.is_decided(gate) for gate in file.gates):
            return number
    return len(plan)


def early(
    text: str, before: str, after: str, seed: int = 0
) -> tuple[EarlyStop, int, dict[ItemKey, Outcome], list[ItemKey]]:
    """A run that may stop: its state, how many were asked, all outcomes, the plan."""
    found = outcomes(after)
    plan = seeded_order(list(found), seed)
    then = evidence(outcomes(before))
    state = EarlyStop(parse_gates(text), plan, as_baseline(then), metrics=then.metrics, identities=then.identities)
    return state, run(state, text, plan, found), found, plan


def test_a_large_drop_stops_long_before_the_end() -> None:
    """A drop of 15 points in 1,000 samples is certain after a small part, and fails."""
    state, asked, found, plan = early(gates(), "r" * 1000, "w" * 150 + "r" * 850)
    assert asked < 200
    partial = {
        key: found[key] if place < asked else Outcome(key, outcomes("-")[ItemKey("gsm8k", "main", "main-0000")].kind)
        for place, key in enumerate(plan)
    }
    now = evidence(partial)
    base = as_baseline(evidence(outcomes("r" * 1000)))
    (verdict,) = judge(parse_gates(gates()), now, base, early=state)
    assert verdict.verdict == FAILED
    assert "valid at any look" in verdict.reason


def test_no_drop_with_a_margin_passes_early_and_without_one_late() -> None:
    """With a margin of 5 points an unchanged run is soon certain to pass; without one only the end makes it so."""
    letters = "r" * 900 + "w" * 100
    state, asked, _, _ = early(gates("margin = 0.05\n"), letters, letters)
    assert asked < 600
    assert state.stopped_subsets() == {("gsm8k", "main")}
    _, late, _, _ = early(gates(), letters, letters)
    assert 950 < late <= 1000


def test_arrival_order_does_not_matter() -> None:
    """Answers that arrive out of order are looked at in the planned order: the p-value is the same."""
    state, asked, found, plan = early(gates(), "r" * 200, "w" * 60 + "r" * 140)
    (gate,) = parse_gates(gates()).gates
    reached = state.p_value(gate)
    again, _, _, _ = early(gates(), "r" * 200, "r" * 200)
    other = EarlyStop(
        parse_gates(gates()),
        plan,
        as_baseline(evidence(outcomes("r" * 200))),
        metrics={"gsm8k": "mean_acc"},
        identities=evidence(found).identities,
    )
    for key in reversed(plan[1:asked]):
        other.observe(found[key])
        assert other.p_value(gate) == 1.0
    other.observe(found[plan[0]])
    assert other.p_value(gate) == reached
    assert again.p_value(gate) == 1.0


def test_floors_and_ceilings_stop_too() -> None:
    """A score far below its floor, and far above it, are both certain early; so are bare comparisons, by counting."""
    for letters, verdict in (("r" * 300 + "w" * 700, FAILED), ("r" * 990 + "w" * 10, PASSED)):
        for extra in ("floor = 0.8\n", 'floor = 0.8\ntest = "point"\n'):
            text = gates(extra, "floor")
            state, asked, found, plan = early(text, "r", letters)
            assert asked < (850 if "point" in extra else 300)
            (found_verdict,) = judge(
                parse_gates(text), evidence({key: found[key] for key in plan[:asked]}), None, early=state
            )
            assert found_verdict.verdict == verdict
    _, asked, _, _ = early(gates('of = "truncated"\nceiling = 0.01\n', "ceiling"), "r", "t" * 200 + "r" * 800)
    assert asked < 200


@pytest.mark.parametrize("letters", ["w" * 1000, "r" * 1000])
def test_a_certain_verdict_waits_for_min_samples(letters: str) -> None:
    """A gate that wants so many questions gets them, however certain it is: fewer could not be judged."""
    text = gates("floor = 0.8\nmin_samples = 400\n", "floor")
    state, asked, found, plan = early(text, "r", letters)
    assert asked == 400
    (verdict,) = judge(parse_gates(text), evidence({key: found[key] for key in plan[:asked]}), None, early=state)
    assert verdict.verdict == (PASSED if letters[0] == "r" else FAILED)


def test_gates_that_no_answer_can_judge_wait_for_nothing() -> None:
    """Without a baseline a regression gate is over at once, and nothing is needed for it."""
    plan = seeded_order(list(outcomes("r" * 10)))
    state = EarlyStop(parse_gates(gates()), plan, None, metrics={"gsm8k": "mean_acc"})
    assert state.is_decided(parse_gates(gates()).gates[0])
    assert state.stopped_subsets() == {("gsm8k", "main")}


def test_clustered_questions_are_asked_to_the_end() -> None:
    """Questions that share a passage are no independent bets: the gate waits for all and is judged by clusters."""
    found = outcomes("w" * 100 + "r" * 100, cluster="one passage")
    plan = seeded_order(list(found))
    then = evidence(outcomes("r" * 200))
    state = EarlyStop(parse_gates(gates()), plan, as_baseline(then), metrics=then.metrics, identities=then.identities)
    assert run(state, gates(), plan, found) == 200
    assert state.p_value(parse_gates(gates()).gates[0]) is None


def test_repeats_count_when_all_are_in() -> None:
    """A question is looked at once all of its repeats have ended."""
    found = {**outcomes("ww"), **outcomes("ww", repeat=1)}
    plan = seeded_order(list(found))
    then = evidence(outcomes("rr"))
    state = EarlyStop(parse_gates(gates()), plan, as_baseline(then), metrics=then.metrics, identities=then.identities)
    (gate,) = parse_gates(gates()).gates
    state.observe(found[plan[0]])
    assert state.p_value(gate) == 1.0
    state.observe(found[plan[1]])
    assert (state.p_value(gate) or 1.0) < 1.0


@settings(max_examples=30, deadline=None)
@given(st.text(alphabet="rwe", min_size=1, max_size=60), st.integers(0, 3))
def test_what_is_certain_stays_so(after: str, seed: int) -> None:
    """Once a gate is decided no further answer undoes it."""
    found = outcomes(after)
    plan = seeded_order(list(found), seed)
    then = evidence(outcomes("r" * len(after)))
    text = gates("margin = 0.1\n", alpha=0.2)
    state = EarlyStop(parse_gates(text), plan, as_baseline(then), metrics=then.metrics, identities=then.identities)
    (gate,) = parse_gates(text).gates
    decided = False
    for key in plan:
        state.observe(found[key])
        assert state.is_decided(gate) or not decided
        decided = state.is_decided(gate)


def test_subsets_stop_when_every_gate_on_them_is_decided() -> None:
    """A subset closes when all gates that look at it are decided; one that no gate looks at never does."""
    found = {
        **outcomes("w" * 200, subset="low"),
        **outcomes("rw" * 100, subset="even"),
        **outcomes("r" * 20, subset="free"),
    }
    text = gates('subset = "low"\nfloor = 0.9\n', "floor") + (
        '[[gate]]\nname = "both"\nkind = "floor"\nbenchmark = "gsm8k"\nsubset = "even"\nfloor = 0.5\n'
    )
    plan = seeded_order(list(found))
    state = EarlyStop(parse_gates(text), plan, None, metrics={"gsm8k": "mean_acc"})
    assert not state.stopped_subsets()
    seen_alone = False
    for key in plan:
        state.observe(found[key])
        seen_alone |= state.stopped_subsets() == {("gsm8k", "low")}
        assert ("gsm8k", "free") not in state.stopped_subsets()
    assert seen_alone
    assert state.stopped_subsets() == {("gsm8k", "low"), ("gsm8k", "even")}


def test_an_aggregate_waits_for_each_of_its_subsets() -> None:
    """However clear the rest is, an aggregate is not decided while one of its parts has no answer at all."""
    found = {**outcomes("w" * 300, subset="big"), **outcomes("w", subset="small"), **outcomes("w" * 9, subset="other")}
    plan = sorted(found, key=lambda key: key.subset)
    aggregates = {"gsm8k": (macro("ALL", of=("big", "small")),)}
    text = gates('aggregate = "ALL"\nfloor = 0.9\n', "floor")
    state = EarlyStop(parse_gates(text), plan, None, metrics={"gsm8k": "mean_acc"}, aggregates=aggregates)
    for key in plan[:-1]:
        state.observe(found[key])
        assert not state.stopped_subsets()
    state.observe(found[plan[-1]])
    assert state.stopped_subsets() == {("gsm8k", "big"), ("gsm8k", "small")}
