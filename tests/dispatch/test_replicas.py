"""Which replicas get requests: those that the monitor reports as up, and those that answer."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval.dispatch.replicas import FIRST_PAUSE_S, MAX_PAUSE_S, UNREACHABLE_AFTER, Replicas
from pytest_modeleval.errors import AttemptFailed
from pytest_modeleval.records import Kind

NO_SERVER = AttemptFailed("x", kind=Kind.SERVER_ERROR, cause="connection_lost")
REFUSED = AttemptFailed("x", kind=Kind.SERVER_ERROR, cause="http_500")


class Monitor:
    """A monitor with states that the test sets; keeps the touches that it got."""

    def __init__(self, *states: str) -> None:
        self.now = list(states)
        self.touched: list[int] = []

    def states(self) -> list[str]:
        """The states."""
        return self.now

    def touch(self, replica: int) -> None:
        """Keep it."""
        self.touched.append(replica)


def replicas(count: int, monitor: Monitor | None = None) -> Replicas:
    """`count` replicas, eight requests at once."""
    return Replicas([f"http://h{number}/v1" for number in range(count)], limit=8, monitor=monitor)


def chosen(found: Replicas, times: int = 8) -> set[int]:
    """Which replicas get requests that share nothing."""
    numbers = [found.choose(None) for _ in range(times)]
    for number in numbers:
        found.release(number)
    return set(numbers)


def test_an_unreachable_replica_is_paused() -> None:
    """After three attempts in a row others get its requests, and attempts on it no longer count."""
    found = replicas(2)
    verdicts = [found.on_failure(0, NO_SERVER, started_s=1.0, now_s=2.0) for _ in range(UNREACHABLE_AFTER + 1)]
    assert verdicts == [False, False, True, True]
    assert chosen(found) == {1}
    assert found.probe(2.0 + FIRST_PAUSE_S - 0.1) == ""
    assert chosen(found) == {1}
    found.probe(2.0 + FIRST_PAUSE_S)
    assert chosen(found) == {0, 1}
    # Still unreachable: one attempt is enough, and the pause is longer.
    assert found.on_failure(0, NO_SERVER, started_s=8.0, now_s=8.0)
    found.probe(8.0 + FIRST_PAUSE_S)
    assert chosen(found) == {1}
    found.probe(8.0 + 2 * FIRST_PAUSE_S)
    found.on_complete(0)
    assert not found.on_failure(0, NO_SERVER, started_s=30.0, now_s=30.0)


def test_refusals_and_single_broken_connections_pause_nothing() -> None:
    """A refusal is a response; a connection that breaks while others get data says nothing about the server."""
    found = replicas(2)
    for now in range(20):
        assert not found.on_failure(0, REFUSED, started_s=float(now), now_s=float(now))
    for now in range(20):
        found.on_data(0, now + 0.5)
        assert not found.on_failure(0, NO_SERVER, started_s=float(now), now_s=now + 1.0)
    assert chosen(found) == {0, 1}


def test_the_last_replica_is_never_paused() -> None:
    """A single replica, or the last reachable one: its failures count as failures, so that the run ends."""
    single = replicas(1)
    assert not any(single.on_failure(0, NO_SERVER, started_s=1.0, now_s=2.0) for _ in range(10))
    found = replicas(2)
    for _ in range(UNREACHABLE_AFTER):
        found.on_failure(0, NO_SERVER, started_s=1.0, now_s=2.0)
    assert not any(found.on_failure(1, NO_SERVER, started_s=1.0, now_s=2.0) for _ in range(10))
    assert chosen(found) == {1}


def test_the_monitor_decides() -> None:
    """Restarting replicas get no requests and their failures do not count; once all are gone that is the reason."""
    monitor = Monitor("up", "up")
    found = replicas(2, monitor)
    monitor.now[0] = "restarting"
    assert found.probe(1.0) == ""
    assert chosen(found) == {1}
    assert found.on_failure(0, REFUSED, started_s=0.0, now_s=1.0)
    monitor.now[1] = "it died"
    assert found.probe(2.0) == ""
    monitor.now[0] = "it died too"
    assert found.probe(3.0) == "the server is gone: it died too"
    monitor.now[0] = "up"
    assert found.probe(4.0) == ""
    assert chosen(found) == {0}


def test_requests_wait_while_all_replicas_restart() -> None:
    """Ready returns when one is up, or when all are gone for good."""

    async def run() -> list[bool]:
        monitor = Monitor("up")
        found = replicas(1, monitor)
        await found.ready()
        monitor.now[0] = "restarting"
        found.probe(1.0)
        waiting = asyncio.ensure_future(found.ready())
        await asyncio.sleep(0)
        before = waiting.done()
        monitor.now[0] = "up"
        found.probe(2.0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return [before, waiting.done()]

    assert asyncio.run(run()) == [False, True]


def test_the_monitor_learns_which_replicas_send_data() -> None:
    """One touch for each replica that sent data since the last probe."""
    monitor = Monitor("up", "up")
    found = replicas(2, monitor)
    found.on_data(1, 1.0)
    found.on_data(1, 1.1)
    found.probe(2.0)
    found.probe(3.0)
    assert monitor.touched == [1]


@given(st.lists(st.tuples(st.integers(0, 2), st.booleans(), st.floats(0, 30)), max_size=60))
def test_a_replica_is_always_chosen(events: list[tuple[int, bool, float]]) -> None:
    """Whatever breaks when, a replica is chosen, the counts stay right, and each replica is back in a minute."""
    found = replicas(3)
    now = 0.0
    for replica, is_break, passed in events:
        now += passed
        if is_break:
            found.on_failure(replica, NO_SERVER, started_s=now, now_s=now)
        else:
            found.on_complete(replica)
        found.probe(now)
        assert chosen(found) <= {0, 1, 2}
    found.probe(now + MAX_PAUSE_S)
    assert chosen(found) == {0, 1, 2}
