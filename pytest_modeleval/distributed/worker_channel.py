"""What xdist's controller and workers send each other: through `workerinput` at the start, then by polled files.

Other than at the start, xdist has no way for plugins to send anything to a worker: only indices of items to run. The
reports of a worker come in the order of its items, so the number of its answers is in a file.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
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
COUNTS_FILE = "counts-{}.json"
_COUNT_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class Counts:
    """How far a worker is."""

    in_flight: int = 0
    """Requests under way."""
    tokens: int = 0
    """Completion tokens so far."""
    answered_ahead: int = 0
    """Items that are answered and whose test has not run."""

    @classmethod
    def from_json(cls, value: object) -> Counts:
        """As `to_json` made it; zeros for anything else."""
        if isinstance(value, list) and len(value) == 3 and all(type(number) is int for number in value):
            return cls(*value)
        return cls()

    def to_json(self) -> list[int]:
        """Three numbers."""
        return [self.in_flight, self.tokens, self.answered_ahead]

    def plus(self, other: Counts) -> Counts:
        """The sums."""
        return Counts(*map(sum, zip(self.to_json(), other.to_json(), strict=True)))


class WorkerFiles:
    """The controller's side: a stop flag for all workers, and the batches of each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stop = PolledFile(folder / STOP_FILE)
        self._batches: dict[str, list[list[int]]] = {}
        self._counts: dict[str, PolledFile] = {}
        """By worker."""
        self._ended: set[str] = set()
        # A run that was killed left its files behind.
        self.remove()

    def send_batch(self, worker: str, indices: Sequence[int]) -> None:
        """Say which items the worker is about to be sent. It then asks them ahead."""
        spans = self._batches.setdefault(worker, [])
        spans.extend(as_spans(indices))
        PolledFile(self._folder / BATCH_FILE.format(worker)).write(spans)

    def counts(self) -> Counts:
        """The counts of all workers together."""
        total = Counts()
        for worker in self._batches:
            file = self._counts.setdefault(worker, PolledFile(self._folder / COUNTS_FILE.format(worker)))
            found = Counts.from_json(file.read())
            # A worker that ended has reported its answers, or lost them.
            total = total.plus(replace(found, in_flight=0, answered_ahead=0) if worker in self._ended else found)
        return total

    def end_worker(self, worker: str) -> None:
        """The worker is gone: nothing of it is in flight any more."""
        self._ended.add(worker)

    def send_stop(self) -> None:
        """End all workers after the item that they run."""
        self._stop.write(True)

    def remove(self) -> None:
        """Remove the files."""
        self._stop.remove()
        for pattern in (BATCH_FILE, COUNTS_FILE):
            for file in self._folder.glob(pattern.format("*")):
                PolledFile(file).remove()


class WorkerCounts:
    """A worker's counts, written a few times a second at most."""

    def __init__(self, folder: Path, worker: str) -> None:
        self._file = PolledFile(folder / COUNTS_FILE.format(worker))
        self._written_s = -_COUNT_EVERY_S
        self._last = Counts()

    def send(self, counts: Callable[[], Counts]) -> None:
        """Write the counts if it is time to, and they changed."""
        now = time.monotonic()
        if now - self._written_s < _COUNT_EVERY_S:
            return
        self._written_s = now
        if (current := counts()) != self._last:
            self._last = current
            self._file.write(current.to_json())


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
