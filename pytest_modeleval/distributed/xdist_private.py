"""Every private name of pytest-xdist that this package uses, each with the versions it was seen in and a fallback.

| name | seen in | without it |
|---|---|---|
| `DSession.queue` | pytest-xdist 1.0 to 3.8 | under -n the live lines change only with reports |
| `DSession._active_nodes`, `worker_testreport` | pytest-xdist 2.0 to 3.8 | after Ctrl-C no further report is shown |
| `WorkerController._down` | pytest-xdist 1.0 to 3.8 | the last reports of a worker that was killed stop the run |
| `WorkerInteractor.item_index` | pytest-xdist 1.0 to 3.8 | a stopped worker grades nothing more |
"""

from __future__ import annotations

import queue
from collections.abc import Callable
from typing import Any

import pytest


def poll_between_events(dsession: Any, poll: Callable[[], None], *, every_s: float) -> None:
    """Call poll while the controller of xdist waits for an event of its workers, where it takes them from a queue."""
    if not isinstance(events := getattr(dsession, "queue", None), queue.Queue):
        return
    take = events.get

    def get(block: bool = True, timeout: float | None = None) -> Any:
        # xdist waits in a loop: less than its timeout serves as well.
        try:
            return take(block, every_s if timeout is None else min(every_s, timeout))
        except queue.Empty:
            poll()
            raise

    events.get = get  # type: ignore[method-assign]


def take_last_reports(dsession: Any) -> None:
    """Show what the workers report after the run was interrupted, until all have ended."""
    events, active = getattr(dsession, "queue", None), getattr(dsession, "_active_nodes", None)
    if not isinstance(events, queue.Queue) or not isinstance(active, set):
        return
    for node in active:
        if not node.shutting_down:
            node.shutdown()
    while active:
        try:
            name, given = events.get(timeout=2.0)
        except queue.Empty:
            continue
        if name == "testreport":
            dsession.worker_testreport(**given)
        elif name in ("workerfinished", "errordown"):
            # xdist's own handling would replace a worker that the interrupt ended.
            active.discard(given["node"])
            dsession.config.hook.pytest_testnodedown(node=given["node"], error=given.get("error"))


def is_down(node: Any) -> bool:
    """True if a worker has ended, or was killed, though its last reports may still wait in the queue."""
    return getattr(node, "_down", False) is True


def worker_cursor(config: pytest.Config) -> Callable[[int], None] | None:
    """Says to which item of the session the reports of this worker belong; None where that is not known."""
    for plugin in config.pluginmanager.get_plugins():
        if type(plugin).__name__ == "WorkerInteractor" and hasattr(plugin, "item_index"):
            return lambda place: setattr(plugin, "item_index", place)
    return None
