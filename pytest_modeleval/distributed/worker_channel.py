"""What the controller of xdist sends to its workers: through `workerinput` at the start, then by polled files.

Other than at the start, xdist has no way for plugins to send anything to a worker: only indices of items to run.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from pytest_modeleval.runs.polled_file import PolledFile

# The keys of workerinput and workeroutput.
INPUT = "modeleval"
MISTAKE = "modeleval_mistake"
STOPPED = "modeleval_stopped"
NOTES = "modeleval_notes"
GRADING = "modeleval_grading"

STOP_FILE = "stop-workers.json"
BATCH_FILE = "batches-{}.json"


class WorkerFiles:
    """The controller's side: a stop flag for all workers, and the batches of each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stop = PolledFile(folder / STOP_FILE)
        self._batches: dict[str, list[list[int]]] = {}
        # A run that was killed left its files behind.
        self.remove()

    def send_batch(self, worker: str, indices: Sequence[int]) -> None:
        """Say which items the worker is about to be sent. It then asks them ahead."""
        spans = self._batches.setdefault(worker, [])
        spans.extend(as_spans(indices))
        PolledFile(self._folder / BATCH_FILE.format(worker)).write(spans)

    def send_stop(self) -> None:
        """End all workers after the item that they run."""
        self._stop.write(True)

    def remove(self) -> None:
        """Remove the files."""
        self._stop.remove()
        for file in self._folder.glob(BATCH_FILE.format("*")):
            PolledFile(file).remove()


class WorkerInbox:
    """A worker's side."""

    def __init__(self, folder: Path, worker: str) -> None:
        self._stop = PolledFile(folder / STOP_FILE)
        self._batches = PolledFile(folder / BATCH_FILE.format(worker))
        self._taken = 0

    def is_stopped(self) -> bool:
        """True once the controller stopped the run."""
        return self._stop.read() is True

    def new_indices(self) -> list[int]:
        """The indices of items that were sent since the last call."""
        spans = self._batches.read() or ()
        new, self._taken = spans[self._taken :], len(spans)
        return [index for first, end in new for index in range(first, end)]


def as_spans(indices: Iterable[int]) -> list[list[int]]:
    """Indices as [first, end) pairs, in their order."""
    spans: list[list[int]] = []
    for index in indices:
        if spans and spans[-1][1] == index:
            spans[-1][1] += 1
        else:
            spans.append([index, index + 1])
    return spans


def share_of(worker: int, *, in_flight: int, workers: int) -> int:
    """How many requests a worker may have in flight, so that all together have in_flight; at least one."""
    worker %= workers
    return max(1, in_flight // workers + (worker < in_flight % workers))
