"""Handing out items under xdist, without processes: a node that records what it is sent."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval.distributed.controller import share_of
from pytest_modeleval.distributed.scheduling import AHEAD, BatchScheduling, top_up


class MockNode:
    """What the scheduler needs of a worker."""

    class _Gateway:
        id = "gw"

    def __init__(self) -> None:
        self.sent: list[int] = []
        self.shutting_down = False
        self.gateway = self._Gateway()

    def send_runtest_some(self, indices: list[int]) -> None:
        """Keep what was sent."""
        self.sent.extend(indices)

    def shutdown(self) -> None:
        """Remember that the end was told."""
        self.shutting_down = True


def _scheduler(pytestconfig: pytest.Config, workers: int, items: int) -> tuple[Any, list[MockNode]]:
    class Log:
        loadsched = staticmethod(lambda *args: None)

    class Config:
        option = pytestconfig.option

        @staticmethod
        def getvalue(name: str) -> Any:
            return ["popen"] * workers if name == "tx" else None

        @staticmethod
        def getoption(name: str) -> Any:
            return None

    scheduler = BatchScheduling.__new__(BatchScheduling)
    scheduler.numnodes = workers
    scheduler.node2collection = {}
    scheduler.node2pending = {}
    scheduler.pending = []
    scheduler.collection = None
    scheduler.log = lambda *args: None
    scheduler.config = None
    scheduler.maxschedchunk = None
    scheduler._in_flight = 4
    scheduler._ahead = AHEAD
    scheduler._crashes = {}
    nodes = [MockNode() for _ in range(workers)]
    for node in nodes:
        scheduler.add_node(node)
        scheduler.add_node_collection(node, [f"t[{index}]" for index in range(items)])
    scheduler.schedule()
    return scheduler, nodes


@pytest.mark.parametrize("items", [1, 2, 3, 50, 500])
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_every_item_runs_once_and_every_worker_ends(pytestconfig: pytest.Config, workers: int, items: int) -> None:
    """Workers take turns until nothing is left: each item was sent to one worker, and all were told to end."""
    scheduler, nodes = _scheduler(pytestconfig, workers, items)
    for _ in range(items * 2):
        for node in nodes:
            held = scheduler.node2pending[node]
            if len(held) > 1 or (held and node.shutting_down):
                scheduler.mark_test_complete(node, held[0])
        if scheduler.tests_finished:
            for node in nodes:
                node.shutdown()
    assert sorted(index for node in nodes for index in node.sent) == list(range(items))
    assert all(node.shutting_down for node in nodes)
    assert not any(scheduler.node2pending.values())


def test_batches_are_neighbours(pytestconfig: pytest.Config) -> None:
    """The first batch of each worker is one piece of the plan, large enough to ask ahead."""
    _, nodes = _scheduler(pytestconfig, 2, 1000)
    for node in nodes:
        assert node.sent == list(range(node.sent[0], node.sent[0] + len(node.sent)))
        assert len(node.sent) == 64


def test_a_crashed_worker_loses_nothing(pytestconfig: pytest.Config) -> None:
    """Its items go to the others; the one it died with is tried again once, then blamed."""
    scheduler, nodes = _scheduler(pytestconfig, 2, 10)
    first = nodes[0].sent[0]
    assert scheduler.remove_node(nodes[0]) is None
    assert first in scheduler.pending or first in nodes[1].sent
    late = MockNode()
    scheduler.add_node(late)
    scheduler.node2collection[late] = scheduler.collection
    scheduler.pending.insert(0, first)
    scheduler.node2pending[late] = [first]
    assert scheduler.remove_node(late) == f"t[{first}]"


@given(st.integers(0, 200), st.integers(0, 5000), st.integers(1, 8), st.integers(1, 128))
def test_top_up_gives_what_is_there(held: int, pending: int, workers: int, in_flight: int) -> None:
    """Never more than is left; an idle worker always gets something."""
    count = top_up(held=held, pending=pending, workers=workers, in_flight=in_flight)
    assert 0 <= count <= pending
    if held < 2 and pending:
        assert count > 0


@given(st.integers(1, 500), st.integers(1, 16))
def test_shares_add_up(in_flight: int, workers: int) -> None:
    """The workers' shares are the whole limit, or one each where that is less."""
    shares = [share_of(number, in_flight=in_flight, workers=workers) for number in range(workers)]
    assert sum(shares) == max(in_flight, workers)
    assert max(shares) - min(shares) <= 1
