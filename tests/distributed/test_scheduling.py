"""Handing out items under xdist, without processes: a node that records what it is sent."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xdist.scheduler.protocol import Scheduling

from pytest_modeleval.distributed.scheduling import BatchScheduling, top_up, worker_count
from pytest_modeleval.distributed.worker_channel import WorkerFiles, WorkerInbox, as_spans, share_of


class RecordingNode:
    """The part of a worker that the scheduler uses. batches: what was announced before it was sent."""

    class _Gateway:
        def __init__(self, name: str) -> None:
            self.id = name

    def __init__(self, name: str) -> None:
        self.sent: list[int] = []
        self.shutting_down = False
        self.gateway = self._Gateway(name)

    def send_runtest_some(self, indices: Sequence[int]) -> None:
        """Record the batch."""
        self.sent.extend(indices)

    def shutdown(self) -> None:
        """Record the end."""
        self.shutting_down = True


class Bench:
    """A scheduler with its nodes, and what it told."""

    def __init__(self, workers: int, items: int, *, exclusive: int = 0) -> None:
        self.announced: dict[str, list[int]] = {}
        self.stops = 0
        self.completed: list[int] = []
        self.mismatches: list[str] = []
        self.scheduler = BatchScheduling(
            workers,
            in_flight=4,
            on_batch=lambda worker, indices: self.announced.setdefault(worker, []).extend(indices),
            on_stop=self._stop,
            on_mismatch=self.mismatches.append,
            is_exclusive=lambda node_id: node_id.startswith("load"),
        )
        self.ids = [f"t[{index}]" for index in range(items)] + [f"load[{index}]" for index in range(exclusive)]
        self.nodes = [self.add(f"gw{number}") for number in range(workers)]

    def add(self, name: str, ids: Sequence[str] | None = None) -> RecordingNode:
        """A further node that collected the items, or others."""
        node = RecordingNode(name)
        self.scheduler.add_node(node)
        self.scheduler.add_node_collection(node, self.ids if ids is None else ids)
        return node

    def held(self, node: RecordingNode) -> list[int]:
        """What a node was sent and has not completed."""
        return [item for item in node.sent if item not in self.completed]

    def complete(self, node: RecordingNode) -> None:
        """A node completes its next item."""
        item = self.held(node)[0]
        self.completed.append(item)
        self.scheduler.mark_test_complete(node, item)

    def _stop(self) -> None:
        self.stops += 1


def test_a_worker_that_xdist_ends_with_items_stops_the_run() -> None:
    """Xdist ends all workers after -x: what they hold is not run."""
    bench = Bench(2, 50)
    bench.scheduler.schedule()
    node = bench.nodes[0]
    node.shutdown()
    bench.complete(node)
    assert bench.held(node)
    assert bench.stops == 1


def test_the_last_reports_of_a_killed_worker_do_not_stop_the_run() -> None:
    """Xdist's receiving thread notices the death before the reports in its queue are read; others get the rest."""
    bench = Bench(2, 50)
    bench.scheduler.schedule()
    killed, other = bench.nodes
    killed._down = killed.shutting_down = True  # type: ignore[attr-defined] # what xdist's node does
    bench.complete(killed)
    rest = bench.held(killed)
    assert rest
    bench.scheduler.remove_node(killed)
    while bench.held(other):
        bench.complete(other)
    assert bench.stops == 0
    assert set(rest) <= set(other.sent)


def test_a_worker_that_dies_while_it_is_sent_items_loses_none() -> None:
    """The channel is closed and xdist has not said so yet."""
    bench = Bench(2, 50)
    killed, other = bench.nodes

    def fail(indices: Sequence[int]) -> None:
        raise OSError("cannot send (already closed?)")

    killed.send_runtest_some = fail  # type: ignore[method-assign] # as a closed channel does
    bench.scheduler.schedule()
    bench.scheduler.remove_node(killed)
    while bench.held(other):
        bench.complete(other)
    assert sorted(other.sent) == list(range(50))


def test_it_has_all_members_of_the_protocol_of_xdist() -> None:
    """The members of xdist's `Scheduling`, with the same parameters."""
    members = {name: value for name, value in vars(Scheduling).items() if not name.startswith("_")}
    assert members.keys() >= {"nodes", "schedule", "remove_node", "mark_test_complete"}
    for name, value in members.items():
        ours = getattr(BatchScheduling, name)
        if isinstance(value, property):
            assert isinstance(ours, property), name
        else:
            assert list(inspect.signature(ours).parameters) == list(inspect.signature(value).parameters), name


@pytest.mark.parametrize("items", [1, 2, 3, 50, 500])
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_every_item_runs_once_and_every_worker_ends(workers: int, items: int) -> None:
    """Workers take turns until nothing is left: each item was sent to one worker, announced before, and all ended."""
    bench = Bench(workers, items)
    scheduler = bench.scheduler
    assert scheduler.collection_is_completed
    scheduler.schedule()
    done: dict[RecordingNode, int] = dict.fromkeys(bench.nodes, 0)
    while not scheduler.tests_finished or scheduler.has_pending:
        for node in bench.nodes:
            # A worker runs its last item only when it was told to end.
            if len(node.sent) - done[node] > 1 or (len(node.sent) > done[node] and node.shutting_down):
                done[node] += 1
                scheduler.mark_test_complete(node, node.sent[done[node] - 1])
        if scheduler.tests_finished:
            for node in bench.nodes:
                node.shutdown()
    assert sorted(index for node in bench.nodes for index in node.sent) == list(range(items))
    assert bench.announced == {node.gateway.id: node.sent for node in bench.nodes if node.sent}
    assert bench.stops == 0


def test_batches_are_neighbours() -> None:
    """The first batch of each worker is one piece of the plan, large enough to ask ahead."""
    bench = Bench(2, 1000)
    bench.scheduler.schedule()
    for node in bench.nodes:
        assert node.sent == list(range(node.sent[0], node.sent[0] + len(node.sent)))
        assert len(node.sent) == 64


def test_a_crashed_worker_loses_nothing() -> None:
    """Its items go to the others; the one it died with is tried again once, then blamed."""
    bench = Bench(2, 10)
    scheduler = bench.scheduler
    scheduler.schedule()
    first, second = bench.nodes
    suspect = first.sent[0]
    assert scheduler.remove_node(first) is None
    for item in second.sent[: second.sent.index(suspect)]:
        scheduler.mark_test_complete(second, item)
    late = bench.add("gw2")
    scheduler.schedule()
    assert scheduler.remove_node(second) == f"t[{suspect}]"
    done = 0
    while not late.shutting_down:
        scheduler.mark_test_complete(late, late.sent[done])
        done += 1
    before = second.sent[: second.sent.index(suspect)]
    assert sorted([*before, suspect, *late.sent]) == list(range(10))


def test_a_node_that_is_ended_with_items_means_stop() -> None:
    """Xdist ends every node to stop a run: the next completed item tells the workers."""
    bench = Bench(2, 100)
    bench.scheduler.schedule()
    node = bench.nodes[0]
    bench.scheduler.mark_test_complete(node, node.sent[0])
    assert bench.stops == 0
    node.shutdown()
    bench.scheduler.mark_test_complete(node, node.sent[1])
    assert bench.stops == 1


def test_workers_that_collect_other_items_get_none() -> None:
    """At the start nothing is sent; a late worker with other items stays idle. The first difference is named."""
    bench = Bench(1, 3)
    other = BatchScheduling(
        2, in_flight=1, on_batch=lambda *_: None, on_stop=lambda: None, on_mismatch=bench.mismatches.append
    )
    for name, ids in (("gw0", ["a", "b"]), ("gw1", ["a", "c"])):
        node = RecordingNode(name)
        other.add_node(node)
        other.add_node_collection(node, ids)
    other.schedule()
    assert not other.has_pending
    bench.scheduler.schedule()
    late = bench.add("gw9", ["t[0]"])
    bench.scheduler.schedule()
    assert late.sent == []
    assert len(bench.mismatches) == 2
    assert "gw1 collected other items" in bench.mismatches[0]
    assert "item 1 is c, expected b" in bench.mismatches[0]
    assert "1, expected 3" in bench.mismatches[1]


@given(st.integers(0, 200), st.integers(0, 5000), st.integers(1, 8), st.integers(1, 128))
def test_top_up_gives_at_most_what_is_left(held: int, pending: int, workers: int, in_flight: int) -> None:
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


@pytest.mark.parametrize(
    ("specs", "workers"), [([], 0), (["popen"], 1), (["3*popen", "ssh=host//python=python3"], 4), (["*x"], 1)]
)
def test_workers_are_counted_as_xdist_starts_them(specs: list[str], workers: int) -> None:
    """`--tx 3*popen` starts three."""
    assert worker_count(specs) == workers


@given(st.lists(st.lists(st.integers(0, 40), max_size=8), max_size=8))
def test_a_worker_reads_every_batch_once(batches: list[list[int]]) -> None:
    """However often it looks, it gets the indices in the order in which they were sent."""
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        files, inbox = WorkerFiles(Path(name)), WorkerInbox(Path(name), "gw0")
        read: list[int] = []
        for number, batch in enumerate(batches):
            files.send_batch("gw0", batch)
            files.send_batch("gw1", [99])
            if number % 2:
                read += inbox.new_indices()
        read += inbox.new_indices()
        assert read == [index for batch in batches for index in batch]
        assert inbox.new_indices() == []
        assert not inbox.is_stopped()
        files.send_stop()
        assert inbox.is_stopped()
        files.remove()
        assert list(Path(name).iterdir()) == []


@given(st.lists(st.integers(0, 20)))
def test_spans_hold_the_indices(indices: list[int]) -> None:
    """[first, end) pairs, read in turn, give the indices again."""
    assert [index for first, end in as_spans(indices) for index in range(first, end)] == indices


def test_exclusive_items_go_to_one_worker_when_the_others_have_ended() -> None:
    """Nothing runs beside them; where that worker dies, another gets those that are left."""
    bench = Bench(2, 6, exclusive=2)
    bench.scheduler.schedule()
    one, other = bench.nodes
    while bench.held(other):
        assert not {6, 7} & {*one.sent, *other.sent}
        bench.complete(other)
        if len(bench.held(one)) > 1:
            bench.complete(one)
    assert other.shutting_down
    assert one.sent[-2:] == [6, 7]
    assert not bench.scheduler.tests_finished
    third = bench.add("gw2")
    while bench.held(one)[0] != 7:
        bench.complete(one)
    bench.scheduler.remove_node(one)
    assert third.sent == [7]
