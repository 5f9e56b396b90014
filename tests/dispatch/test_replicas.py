"""Which replicas are asked: those that the watch says are up, and those where somebody was found."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval.dispatch.replicas import AWAY_S, BROKEN_AFTER, MOST_AWAY_S, Replicas
from pytest_modeleval.errors import AttemptFailed
from pytest_modeleval.records import Kind

LOST = AttemptFailed("x", kind=Kind.SERVER_ERROR, cause="connection_lost")
REFUSED = AttemptFailed("x", kind=Kind.SERVER_ERROR, cause="http_500")


class Told:
    """A watch with states that the test sets, and the beats it got."""

    def __init__(self, *states: str) -> None:
        self.states = list(states)
        self.beats: list[int] = []

    def now(self) -> list[str]:
        """The states."""
        return self.states

    def beat(self, replica: int) -> None:
        """Keep it."""
        self.beats.append(replica)


def replicas(count: int, told: Told | None = None) -> Replicas:
    """So many replicas, eight requests at once."""
    return Replicas([f"http://h{number}/v1" for number in range(count)], limit=8, watched=told)


def chosen(found: Replicas, times: int = 8) -> set[int]:
    """Which replicas get requests that share nothing."""
    numbers = [found.choose(None) for _ in range(times)]
    for number in numbers:
        found.done(number)
    return set(numbers)


def test_a_replica_where_nobody_is_found_is_left_alone_for_a_while() -> None:
    """Three attempts in a row; then others get its requests, and the attempts on it are nobody's fault."""
    found = replicas(2)
    verdicts = [found.failed(0, LOST, begun_s=1.0, now_s=2.0) for _ in range(BROKEN_AFTER + 1)]
    assert verdicts == [False, False, True, True]
    assert chosen(found) == {1}
    assert found.look(2.0 + AWAY_S - 0.1) == ""
    assert chosen(found) == {1}
    found.look(2.0 + AWAY_S)
    assert chosen(found) == {0, 1}
    # Still nobody: one attempt is enough, and it is left alone for longer.
    assert found.failed(0, LOST, begun_s=8.0, now_s=8.0)
    found.look(8.0 + AWAY_S)
    assert chosen(found) == {1}
    found.look(8.0 + 2 * AWAY_S)
    found.completed(0)
    assert not found.failed(0, LOST, begun_s=30.0, now_s=30.0)


def test_answers_and_single_breaks_count_nothing() -> None:
    """A refusal is an answer; a break while other requests are answered says nothing about the server."""
    found = replicas(2)
    for now in range(20):
        assert not found.failed(0, REFUSED, begun_s=float(now), now_s=float(now))
    for now in range(20):
        found.heard(0, now + 0.5)
        assert not found.failed(0, LOST, begun_s=float(now), now_s=now + 1.0)
    assert chosen(found) == {0, 1}


def test_the_last_replica_is_never_left_alone() -> None:
    """One alone, or the other one away: its failures are counted as failures, so that a run ends."""
    single = replicas(1)
    assert not any(single.failed(0, LOST, begun_s=1.0, now_s=2.0) for _ in range(10))
    found = replicas(2)
    for _ in range(BROKEN_AFTER):
        found.failed(0, LOST, begun_s=1.0, now_s=2.0)
    assert not any(found.failed(1, LOST, begun_s=1.0, now_s=2.0) for _ in range(10))
    assert chosen(found) == {1}


def test_what_the_watch_says_counts() -> None:
    """Held replicas get nothing, and what broke on them is excused; gone for good is a reason once all are."""
    told = Told("up", "up")
    found = replicas(2, told)
    told.states[0] = "held"
    assert found.look(1.0) == ""
    assert chosen(found) == {1}
    assert found.failed(0, REFUSED, begun_s=0.0, now_s=1.0)
    told.states[1] = "it died"
    assert found.look(2.0) == ""
    told.states[0] = "it died too"
    assert found.look(3.0) == "the server is gone: it died too"
    told.states[0] = "up"
    assert found.look(4.0) == ""
    assert chosen(found) == {0}


def test_asking_waits_while_all_are_started_again() -> None:
    """Ready returns when one is up, or when all are gone for good."""

    async def run() -> list[bool]:
        told = Told("up")
        found = replicas(1, told)
        await found.ready()
        told.states[0] = "held"
        found.look(1.0)
        waiting = asyncio.ensure_future(found.ready())
        await asyncio.sleep(0)
        before = waiting.done()
        told.states[0] = "up"
        found.look(2.0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return [before, waiting.done()]

    assert asyncio.run(run()) == [False, True]


def test_the_watch_hears_who_was_heard() -> None:
    """One beat for each replica that something came from since the last look."""
    told = Told("up", "up")
    found = replicas(2, told)
    found.heard(1, 1.0)
    found.heard(1, 1.1)
    found.look(2.0)
    found.look(3.0)
    assert told.beats == [1]


@given(st.lists(st.tuples(st.integers(0, 2), st.booleans(), st.floats(0, 30)), max_size=60))
def test_somebody_is_always_asked(events: list[tuple[int, bool, float]]) -> None:
    """Whatever breaks when, a replica is chosen, nothing is counted wrong, and each comes back in a minute."""
    found = replicas(3)
    now = 0.0
    for replica, is_break, passed in events:
        now += passed
        if is_break:
            found.failed(replica, LOST, begun_s=now, now_s=now)
        else:
            found.completed(replica)
        found.look(now)
        assert chosen(found) <= {0, 1, 2}
    found.look(now + MOST_AWAY_S)
    assert chosen(found) == {0, 1, 2}
