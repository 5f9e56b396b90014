"""Which items are still needed: seen once each, decided once, told to workers through a file."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval.gates import EarlyStop, parse_gates, seeded_order
from pytest_modeleval.pytest_plugin.skipped_by_gate import SkippedByGate
from pytest_modeleval.records import DECIDED, STOPPED_CAUSES, STOPPED_EARLY, ItemKey, Kind, Outcome
from pytest_modeleval.runs.item_filter import (
    RepeatUntilDecided,
    StopFlagReader,
    StopWhenDecided,
    in_order,
    in_rounds,
    publish_stopped,
)
from tests.support.gate_worlds import outcomes

FLOOR = 'alpha = 0.05\n[[gate]]\nkind = "floor"\nbenchmark = "gsm8k"\nfloor = 0.9\n'
keys = st.builds(ItemKey, st.just("b"), st.sampled_from(["s", "t"]), st.sampled_from("xyz"), st.integers(0, 4))


def test_a_run_that_goes_on_sees_every_outcome_once() -> None:
    """Stored outcomes and the same ones made again count once: the state is that of an uninterrupted run."""
    found = outcomes("w" * 60)
    plan = seeded_order(list(found))
    told: list[frozenset[tuple[str, str]]] = []

    def state() -> EarlyStop:
        return EarlyStop(parse_gates(FLOOR), plan, None, metrics={"gsm8k": "mean_acc"})

    whole, resumed = (
        StopWhenDecided(state()),
        StopWhenDecided(state(), [found[key] for key in plan[:2]], on_stopped=told.append),
    )
    ended = []
    for needs in (whole, resumed):
        for number, key in enumerate(plan):
            if needs.skip_reason(key):
                ended.append(number)
                break
            needs.record(found[key])
    assert ended[0] == ended[1] < 60
    assert told == [{("gsm8k", "main")}]
    assert resumed.skip_reason(plan[-1]) == STOPPED_EARLY
    resumed.record(Outcome(plan[-1], Kind.NOT_RUN, cause=STOPPED_EARLY))
    assert resumed.skip_reason(ItemKey("other", "main", "x")) == ""


def test_workers_read_what_was_decided(tmp_path: Path) -> None:
    """No file: all is needed. A file: what it names is not; when it is gone, what was read last holds."""
    told = StopFlagReader(tmp_path)
    key, other = ItemKey("b", "s", "x"), ItemKey("b", "t", "x")
    assert told.skip_reason(key) == ""
    publish_stopped(tmp_path, [("b", "s")])
    assert (told.skip_reason(key), told.skip_reason(other)) == (STOPPED_EARLY, "")
    publish_stopped(tmp_path, [])
    assert not list(tmp_path.iterdir())
    assert told.skip_reason(key) == STOPPED_EARLY


def test_each_further_repeat_is_decided_once() -> None:
    """Planned repeats are needed; a further one is unknown until it is reached, and then as was decided."""
    asked: list[int] = []

    def decide(repeats: int) -> frozenset[tuple[str, str]]:
        asked.append(repeats)
        return frozenset({("b", "s")} if repeats == 2 else ())

    rounds = RepeatUntilDecided(2, decide)
    assert rounds.skip_reason(ItemKey("b", "t", "x", 1)) == ""
    third = ItemKey("b", "s", "x", 2)
    assert not rounds.is_reached(third)
    rounds.advance_to(third)
    rounds.advance_to(ItemKey("b", "t", "x", 2))
    assert (rounds.skip_reason(third), rounds.skip_reason(ItemKey("b", "t", "x", 2))) == ("", DECIDED)
    rounds.advance_to(ItemKey("b", "s", "x", 3))
    assert rounds.skip_reason(ItemKey("b", "s", "x", 3)) == DECIDED
    assert asked == [2, 3]


@given(st.lists(keys, unique=True), st.integers(1, 3))
def test_rounds_come_one_after_another(items: list[ItemKey], base: int) -> None:
    """All planned repeats first, in their order; then each further repeat as a whole."""
    order = [items[place] for place in in_rounds(items, base)]
    assert sorted(map(repr, order)) == sorted(map(repr, items))
    assert [key.repeat for key in order if key.repeat >= base] == sorted(
        key.repeat for key in items if key.repeat >= base
    )
    planned = [key for key in items if key.repeat < base]
    assert order[: len(planned)] == planned


@given(st.lists(keys, unique=True))
def test_items_follow_an_order_of_keys(items: list[ItemKey]) -> None:
    """The places, taken in turn, give the order."""
    wanted = seeded_order(items, 7)
    assert [items[place] for place in in_order(items, wanted)] == wanted


def test_what_stands_for_a_spared_item_is_known_as_such() -> None:
    """Every cause leads to an outcome that is in no count."""
    for cause in (DECIDED, STOPPED_EARLY):
        for was_asked in (False, True):
            error = SkippedByGate(cause, was_asked=was_asked)
            assert error.cause in STOPPED_CAUSES
            assert str(error.msg).startswith("decided" if cause == DECIDED else "stopped early")
