"""Hands the items of a run to the workers of xdist: neighbours together, topped up, nothing lost in a crash.

`BatchScheduling` implements xdist's protocol `xdist.scheduler.Scheduling`, and uses of a node only what that protocol's
implementations use: `send_runtest_some`, `shutdown`, `shutting_down`, `gateway.id`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

from pytest_modeleval.distributed.xdist_private import is_down

# Items handed to a worker for each request that it may have in flight. Reports come in order, so a worker needs many
# more items than requests: at 4 times as many, slots stay empty behind one slow answer; at 16 times hardly ever.
AHEAD = 16
SMALLEST = 2


def worker_count(specs: Sequence[str]) -> int:
    """The workers that xdist starts for the values of --tx, such as "popen" or "4*popen"."""
    total = 0
    for spec in specs:
        number, sign, _ = spec.partition("*")
        total += int(number) if sign and number.isdigit() else 1
    return total


def top_up(*, held: int, pending: int, workers: int, in_flight: int, ahead: int = AHEAD) -> int:
    """How many more items a worker gets. Pure.

    held: items it has. pending: items that no worker has. in_flight: requests that it may have in flight. ahead: as
    AHEAD. Batches become smaller towards the end, so that workers finish together.
    """
    share = max(SMALLEST, min(ahead * in_flight, pending // (2 * max(1, workers)) or pending))
    if held > share // 2 and held >= SMALLEST:
        return 0
    return min(pending, share - held) if share > held else 0


class BatchScheduling:
    """Batches as `top_up` says, and a second try for the item that a worker died with."""

    def __init__(
        self,
        workers: int,
        *,
        in_flight: int,
        ahead: int = AHEAD,
        on_batch: Callable[[str, Sequence[int]], None],
        on_stop: Callable[[], None],
        on_mismatch: Callable[[str], None],
        is_exclusive: Callable[[str], bool] = lambda _: False,
    ) -> None:
        """Distribute over `workers` nodes.

        in_flight: requests of each. on_batch(worker id, indices): called before a batch is sent. on_stop(): the run was
        stopped while workers hold items. on_mismatch(text): two workers collected different items.
        is_exclusive(id): nothing else may run while this item does; asked when all nodes have collected.
        """
        self._workers = workers
        self._in_flight = in_flight
        self._ahead = ahead
        self._on_batch = on_batch
        self._on_stop = on_stop
        self._on_mismatch = on_mismatch
        self._is_exclusive = is_exclusive
        self._exclusive: list[int] = []
        """Indices of the exclusive items that no node has. One node gets them when the others have ended."""
        self._held: dict[Any, list[int]] = {}
        """Node -> indices of the items that it was sent and has not completed, in order."""
        self._collections: dict[Any, list[str]] = {}
        """Node -> the ids that it collected."""
        self._collection: list[str] | None = None
        """The ids that all nodes agree on; None before the first batch."""
        self._pending: list[int] = []
        """Indices that no node has, in order."""
        self._crashes: dict[int, int] = {}

    @property
    def nodes(self) -> list[Any]:
        return list(self._held)

    @property
    def collection_is_completed(self) -> bool:
        return len(self._collections) >= self._workers

    @property
    def tests_finished(self) -> bool:
        is_handed_out = not self._pending and not self._exclusive
        return self.collection_is_completed and is_handed_out and all(len(held) < 2 for held in self._held.values())

    @property
    def has_pending(self) -> bool:
        return bool(self._pending or self._exclusive) or any(self._held.values())

    def add_node(self, node: Any) -> None:
        self._held[node] = []

    def add_node_collection(self, node: Any, collection: Sequence[str]) -> None:
        if self._collection is not None and list(collection) != self._collection:
            # A node that replaces a dead one gets no items.
            self._on_mismatch(_difference(self._collection, collection, str(node.gateway.id)))
            return
        self._collections[node] = list(collection)

    def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:
        held = self._held[node]
        held.remove(item_index)
        if self._exclusive and not held:
            # The node that waits for the others may go on.
            self._top_up_all()
        if node.shutting_down and held and not is_down(node):
            # xdist ends a node that has items only to stop the run: -x, a dead worker too many. A node that was killed
            # counts as ending too, while its last reports are read.
            self._on_stop()
        self._top_up(node)

    def mark_test_pending(self, item: str) -> None:
        assert self._collection is not None
        self._put_back([self._collection.index(item)])
        self._top_up_all()

    def remove_pending_tests_from_node(self, node: Any, indices: Sequence[int]) -> None:
        raise NotImplementedError("items are never taken back from a worker")

    def remove_node(self, node: Any) -> str | None:
        """A worker is gone: its items go to others. The one it died with is tried once more before it is blamed.

        The machine kills workers (out of memory, a lost node) far more often than a sample does.
        """
        held = self._held.pop(node)
        if not held:
            return None
        assert self._collection is not None
        suspect = held[0]
        self._crashes[suspect] = self._crashes.get(suspect, 0) + 1
        is_blamed = self._crashes[suspect] > 1
        # In front, in their order: neighbours stay together.
        self._put_back(held[1:] if is_blamed else held)
        self._top_up_all()
        return self._collection[suspect] if is_blamed else None

    def schedule(self) -> None:
        if self._collection is None:
            first, *others = self._collections.items()
            for node, collection in others:
                if collection != first[1]:
                    self._on_mismatch(_difference(first[1], collection, str(node.gateway.id)))
                    return
            self._collection = first[1]
            places = range(len(self._collection))
            self._put_back(list(places))
            if not self._collection:
                return
        self._top_up_all()

    def _top_up_all(self) -> None:
        for node in self._held:
            self._top_up(node)

    def _top_up(self, node: Any) -> None:
        """Send more items to a node; end it once nothing is left for it."""
        if node.shutting_down or node not in self._collections:
            return
        held = self._held[node]
        if not self._pending:
            if self._exclusive and node is self._last_node():
                self._send_exclusive(node)
            elif len(held) <= 1:
                # A worker runs its last item only when it knows that nothing follows.
                node.shutdown()
            return
        count = top_up(
            held=len(held),
            pending=len(self._pending),
            workers=len(self._held),
            in_flight=self._in_flight,
            ahead=self._ahead,
        )
        if count:
            batch = self._pending[:count]
            del self._pending[:count]
            self._send(node, batch)

    def _put_back(self, places: Sequence[int]) -> None:
        """No node has these items."""
        assert self._collection is not None
        exclusive = {place for place in places if self._is_exclusive(self._collection[place])}
        self._exclusive[:0] = [place for place in places if place in exclusive]
        self._pending[:0] = [place for place in places if place not in exclusive]

    def _last_node(self) -> Any:
        """The node that gets the exclusive items: the first that goes on; None where all are ending."""
        return next((node for node in self._held if not node.shutting_down), None)

    def _send_exclusive(self, node: Any) -> None:
        """Send the exclusive items once no other node has an item."""
        if not any(held for other, held in self._held.items() if other is not node):
            batch, self._exclusive = self._exclusive, []
            self._send(node, batch)

    def _send(self, node: Any, batch: list[int]) -> None:
        self._held[node].extend(batch)
        self._on_batch(str(node.gateway.id), batch)
        # A node that has just died: xdist removes it soon, and others get its items.
        with contextlib.suppress(OSError):
            node.send_runtest_some(batch)


def _difference(expected: Sequence[str], found: Sequence[str], worker: str) -> str:
    """A sentence about the first item in which two collections differ."""
    text = f"worker {worker} collected other items than the first one: {len(found):,}, expected {len(expected):,}"
    for place, (one, other) in enumerate(zip(expected, found, strict=False)):
        if one != other:
            return f"{text}; item {place} is {other}, expected {one}"
    return text
