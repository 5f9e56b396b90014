"""How the items of a run are handed to the workers of xdist: neighbours together, topped up, nothing lost in a crash.

Built on xdist's own LoadScheduling; everything here that is not documented API of xdist (`node2pending`, `pending`,
`check_schedule`, `send_runtest_some`, `shutdown`) is pinned by tests/distributed/test_scheduling.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xdist.scheduler import LoadScheduling

if TYPE_CHECKING:
    import pytest

# Items handed to a worker beyond those it asks for at once. In-order reporting wants far more items than requests in
# flight: at 4 times as many, slots stand empty behind one slow answer, at 16 times hardly ever.
AHEAD = 16
SMALLEST = 2


def top_up(*, held: int, pending: int, workers: int, in_flight: int, ahead: int = AHEAD) -> int:
    """How many more items a worker gets. Pure.

    held: items it has. pending: items nobody has. ahead: see AHEAD. The closer the end, the smaller the batches, so
    that workers finish together.
    """
    share = max(SMALLEST, min(ahead * in_flight, pending // (2 * max(1, workers)) or pending))
    if held > share // 2 and held >= SMALLEST:
        return 0
    return min(pending, share - held) if share > held else 0


class BatchScheduling(LoadScheduling):  # type: ignore[misc] # xdist's classes are untyped for us
    """LoadScheduling with batches as `top_up` says, and a second try for the item that a worker died with."""

    def __init__(self, config: pytest.Config, log: Any, *, in_flight: int, ahead: int = AHEAD) -> None:
        super().__init__(config, log)
        self.collection: list[str] | None = None
        self._in_flight = in_flight
        self._ahead = ahead
        self._crashes: dict[int, int] = {}

    def check_schedule(self, node: Any, duration: float = 0) -> None:
        """Top up one worker; tell it to end once nothing is left for it."""
        if node.shutting_down:
            return
        held = self.node2pending[node]
        if self.pending:
            count = top_up(
                held=len(held),
                pending=len(self.pending),
                workers=len(self.node2pending),
                in_flight=self._in_flight,
                ahead=self._ahead,
            )
            if count:
                self._send_tests(node, count)
        elif len(held) <= 1:
            # A worker runs its last item only when it knows that nothing follows. Told earlier, the word "end" would
            # queue behind its items, and could not be told from the word that means: stop now.
            node.shutdown()

    def schedule(self) -> None:
        """Hand out the first batches, or look at every worker again."""
        if self.collection is None:
            if not self._check_nodes_have_same_collection():
                self.log("**Different tests collected, aborting run**")
                return
            collection = list(next(iter(self.node2collection.values())))
            self.collection = collection
            self.pending[:] = range(len(collection))
            if not collection:
                return
        for node in self.nodes:
            self.check_schedule(node)

    def remove_node(self, node: Any) -> str | None:
        """A worker is gone: its items go to others. The one it died with is tried once more before it is blamed.

        A worker is killed by the machine (out of memory, a lost node) far more often than by a sample.
        """
        pending = self.node2pending.pop(node)
        if not pending:
            return None
        assert self.collection is not None
        suspect = pending[0]
        self._crashes[suspect] = self._crashes.get(suspect, 0) + 1
        is_blamed = self._crashes[suspect] > 1
        # In front, in their order: neighbours stay together.
        self.pending[:0] = pending[1:] if is_blamed else pending
        for other in self.node2pending:
            self.check_schedule(other)
        return str(self.collection[suspect]) if is_blamed else None
