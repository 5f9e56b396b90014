"""Requests that share a prefix meet on one replica, and no replica is much fuller than the others."""

from __future__ import annotations

import heapq
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval.dispatch.balance import SLACK, Balancer, prefix_key


def simulated(
    groups: list[int], *, replicas: int = 2, limit: int = 64, down_at: int | None = None, seed: int = 7
) -> tuple[float, list[int], int]:
    """Ask groups of requests in order, `limit` at once, each taking a random time.

    Returns the share of requests that went to their group's most used replica, requests per replica, and requests
    that went to replica 1 after it went down. down_at: replica 1 goes down before that request.
    """
    chance = random.Random(seed)
    balancer = Balancer(replicas, limit)
    running: list[tuple[float, int]] = []
    now, count, after_down = 0.0, 0, 0
    at: dict[int, Counter[int]] = {}
    for group, size in enumerate(groups):
        for _ in range(size):
            if len(running) >= limit:
                now, replica = heapq.heappop(running)
                balancer.release(replica)
            if count == down_at:
                balancer.mark_unreachable(1)
            chosen = balancer.choose(group)
            after_down += down_at is not None and count >= down_at and chosen == 1
            heapq.heappush(running, (now + chance.uniform(0.5, 2.0), chosen))
            at.setdefault(group, Counter())[chosen] += 1
            count += 1
    together = sum(counts.most_common(1)[0][1] for counts in at.values())
    per_replica = [load.chosen for load in balancer.loads()]
    assert sum(per_replica) == count
    return together / count, per_replica, after_down


@pytest.mark.parametrize("size", [1, 4, 8, 16])
@pytest.mark.parametrize("replicas", [2, 4])
def test_repeats_stay_together_and_loads_are_even(size: int, replicas: int) -> None:
    """Repeats of one prompt: at least 95 % on one replica, loads within 20 % of the mean."""
    together, loads, _ = simulated([size] * (4000 // size), replicas=replicas, limit=32 * replicas)
    assert together >= 0.95
    mean = sum(loads) / len(loads)
    assert all(abs(load - mean) <= 0.2 * mean for load in loads)


def test_groups_of_every_size_are_even() -> None:
    """Subsets of very different sizes, among them one far larger than what is in flight: loads within 20 %."""
    chance = random.Random(1)
    sizes = [1200, *(chance.choice([5, 20, 60, 150]) for _ in range(40))]
    chance.shuffle(sizes)
    _, loads, _ = simulated(sizes)
    mean = sum(loads) / len(loads)
    assert all(abs(load - mean) <= 0.2 * mean for load in loads)


def test_one_huge_group_fills_all_replicas_and_pays_its_prefix_once_each() -> None:
    """One prefix for everything: all replicas work, and equally."""
    _, loads, _ = simulated([2000], replicas=2)
    assert min(loads) >= 0.95 * max(loads)


def test_an_unreachable_replica_gets_no_request() -> None:
    """Everything goes to the other one."""
    together, loads, after = simulated([8] * 200, down_at=800)
    assert after == 0
    assert loads[0] > 1000
    assert together >= 0.95


def test_a_reachable_replica_shares_the_work_again() -> None:
    """A replica that is back gets new prefixes, and its old ones have moved."""
    balancer = Balancer(2, 4)
    home = balancer.choose(1)
    balancer.release(home)
    balancer.mark_unreachable(home)
    other = balancer.choose(1)
    balancer.release(other)
    assert other != home
    balancer.mark_reachable(home)
    assert balancer.choose(1) == other
    assert balancer.choose(2) == home


def test_with_none_reachable_one_is_chosen_all_the_same() -> None:
    """Asking shows whether a replica is back."""
    balancer = Balancer(2, 4)
    balancer.mark_unreachable(0)
    balancer.mark_unreachable(1)
    assert {balancer.choose(), balancer.choose()} == {0, 1}


@given(
    replicas=st.integers(1, 5),
    limit=st.integers(1, 20),
    steps=st.lists(st.tuples(st.sampled_from("cccddlf"), st.integers(0, 6)), max_size=80),
)
def test_invariants(replicas: int, limit: int, steps: list[tuple[str, int]]) -> None:
    """Never an unreachable replica while another is reachable; never above the bound, unless all are."""
    balancer = Balancer(replicas, limit)
    held: list[int] = []
    for action, value in steps:
        if action == "c":
            before = balancer.loads()
            chosen = balancer.choose(value or None)
            held.append(chosen)
            reachable = [load for load in before if load.is_reachable]
            if reachable:
                assert before[chosen].is_reachable
                bound = SLACK * max(limit, len(held)) / len(reachable) + 1
                assert before[chosen].in_flight <= bound or before[chosen].in_flight == min(
                    load.in_flight for load in reachable
                )
        elif action == "d" and held:
            balancer.release(held.pop(value % len(held)))
        elif action == "l":
            balancer.mark_unreachable(value % replicas)
        elif action == "f":
            balancer.mark_reachable(value % replicas)
        assert Counter(held) == Counter(
            {number: load.in_flight for number, load in enumerate(balancer.loads()) if load.in_flight}
        )


def test_wrong_calls_are_refused() -> None:
    """No replicas, or a release without a choice."""
    with pytest.raises(ValueError, match="at least one"):
        Balancer(0, 1)
    with pytest.raises(ValueError, match="no request in flight"):
        Balancer(1, 1).release(0)


def test_many_prefixes_do_not_fill_the_memory() -> None:
    """The oldest prefixes are forgotten."""
    balancer = Balancer(2, 4)
    for prefix in range(25_000):
        balancer.release(balancer.choose(prefix))
    assert len(balancer._homes) == 20_000


def test_prefix_key() -> None:
    """Same beginning, same key; other system message, other tools, other short prompt: another key."""
    shots = "Q: 1+1?\nA: 2\n" * 60
    one = [{"role": "user", "content": shots + "Q: 2+2?"}]
    two = [{"role": "user", "content": shots + "Q: 3+3?"}]
    assert prefix_key(one) == prefix_key(two)
    assert prefix_key(one, [{"name": "f"}]) != prefix_key(one)
    assert prefix_key([{"role": "user", "content": "a"}]) != prefix_key([{"role": "user", "content": "b"}])
    assert prefix_key([{"role": "system", "content": "a"}]) != prefix_key([{"role": "user", "content": "a"}])
    assert prefix_key([{"role": "user", "content": None}]) == prefix_key([{"role": "user"}])
    assert isinstance(prefix_key([{"role": "user", "content": "\ud800"}]), int)
