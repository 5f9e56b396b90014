"""The counts of workers: summed, damage is nothing, an ended worker has nothing in flight."""

from __future__ import annotations

from pathlib import Path

from pytest_modeleval.distributed.worker_channel import COUNTS_FILE, Counts, WorkerCounts, WorkerFiles


def test_counts_of_workers_are_summed(tmp_path: Path) -> None:
    """Each worker writes its own file; tokens of a worker that ended stay, its requests do not."""
    files = WorkerFiles(tmp_path)
    for worker in ("gw0", "gw1"):
        files.send_batch(worker, [0, 1])
    assert files.counts() == Counts()
    WorkerCounts(tmp_path, "gw0").send(lambda: Counts(3, 100, 5))
    WorkerCounts(tmp_path, "gw1").send(lambda: Counts(2, 10, 1))
    assert files.counts() == Counts(5, 110, 6)
    files.end_worker("gw0")
    assert files.counts() == Counts(2, 110, 1)
    files.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_worker_writes_seldom_and_only_changes(tmp_path: Path) -> None:
    """The second call within half a second asks for no counts."""
    asked = []

    def count() -> Counts:
        asked.append(1)
        return Counts(1, 1, 1)

    counts = WorkerCounts(tmp_path, "gw0")
    counts.send(count)
    counts.send(count)
    assert len(asked) == 1


def test_damaged_counts_are_none(tmp_path: Path) -> None:
    """A file of other content counts as zeros."""
    files = WorkerFiles(tmp_path)
    files.send_batch("gw0", [0])
    for text in ("", "[1]", '[1, "2", 3]', "{}", "[true, 1, 1]"):
        (tmp_path / COUNTS_FILE.format("gw0")).write_text(text)
        assert files.counts() == Counts()
