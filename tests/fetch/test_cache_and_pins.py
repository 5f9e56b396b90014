"""Whole files, one writer at a time, and the lock of what was fetched."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pytest_modeleval.errors import DataError
from pytest_modeleval.fetch import Fetched, FetchError, Pins, Progress, fetch_cached
from pytest_modeleval.fetch.cache import cache_file, cache_lock, sha256_of, write_cache_file
from pytest_modeleval.fetch.modelscope import ScopeFile
from tests.support.hub_imitation import Hub

WAIT_S = 30


@dataclass
class FakeSource:
    """A source that writes `content`, and counts how often it is asked."""

    name: str
    content: bytes = b"rows"
    revision: str = "r1"
    asked: list[str | None] = field(default_factory=list)

    def key(self, subset: str) -> str:
        """See Source."""
        return f"fake:{self.name}/{subset}"

    def origin(self, subset: str) -> str:
        """See Source."""
        return f"fake {self.name}"

    def accepts(self, fetched: Fetched) -> bool:
        """See Source."""
        return True

    def find_elsewhere(self, subset: str, *, pinned: str | None) -> Fetched | None:
        """See Source."""
        return None

    def fetch(self, subset: str, *, pinned: str | None, cache_dir: Path, progress: Progress) -> Fetched:
        """See Source."""
        self.asked.append(pinned)
        path = cache_dir / "fake" / self.name / subset
        write_cache_file(path, self.content)
        return Fetched(path, self.origin(subset), pinned or self.revision, sha256_of(path))


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    """A writer that fails half way leaves the old file and nothing else."""
    path = tmp_path / "f"
    write_cache_file(path, b"old")

    def interrupted() -> None:
        with cache_file(path) as temporary:
            temporary.write_bytes(b"ne")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """A file where the folder should be: the path, and MODELEVAL_CACHE as the way out."""
    (tmp_path / "cache").write_bytes(b"")
    told = r"cache folder that can be written.*MODELEVAL_CACHE"
    with pytest.raises(DataError, match=told):
        write_cache_file(tmp_path / "cache" / "f", b"")
    with pytest.raises(DataError, match=told), cache_lock(tmp_path / "cache" / "f"):
        pass


def test_a_file_is_fetched_once_and_pinned(tmp_path: Path) -> None:
    """The second call asks nothing; with the file gone the pinned revision is asked for."""
    source = FakeSource("d")
    first = fetch_cached(source, "s", cache_dir=tmp_path)
    assert fetch_cached(source, "s", cache_dir=tmp_path) == first
    assert source.asked == [None]
    first.path.unlink()
    source.revision = "r2"
    assert fetch_cached(source, "s", cache_dir=tmp_path).revision == "r1"
    assert source.asked == [None, "r1"]


def test_other_bytes_under_a_pinned_revision_are_refused(tmp_path: Path) -> None:
    """Both hashes, the entry's key and the lock's path; deleting the entry accepts the new bytes."""
    source = FakeSource("d")
    old = fetch_cached(source, "s", cache_dir=tmp_path)
    old.path.unlink()
    source.content = b"other rows"
    for _ in range(2):
        with pytest.raises(DataError) as caught:
            fetch_cached(source, "s", cache_dir=tmp_path)
        new = sha256_of(old.path)
        for part in (old.sha256, new, "'fake:d/s'", str(tmp_path / "datasets.lock.json"), "delete the entry"):
            assert part in str(caught.value)
        old.path.unlink()
    content = json.loads(Pins(tmp_path).path.read_text())
    del content["entries"]["fake:d/s"]
    Pins(tmp_path).path.write_text(json.dumps(content))
    assert fetch_cached(source, "s", cache_dir=tmp_path).sha256 == new


def test_a_refused_file_is_not_taken_for_the_old_one(tmp_path: Path) -> None:
    """After a refusal the new bytes still lie in the cache; the next call must not hand them out as the old ones."""
    source = FakeSource("d")
    fetch_cached(source, "s", cache_dir=tmp_path).path.unlink()
    source.content = b"other rows"
    with pytest.raises(DataError, match="delete the entry"):
        fetch_cached(source, "s", cache_dir=tmp_path)
    with pytest.raises(DataError, match="delete the entry"):
        fetch_cached(source, "s", cache_dir=tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{", b"[]", b'{"schema": 2, "entries": {}}', b'{"schema": 1}', b'{"schema": 1, "entries": []}'),
        b'{"schema": 1, "entries": ' + b"[" * 100_000,
    ],
    ids=range(7),
)
def test_a_damaged_lock_is_told(tmp_path: Path, content: bytes) -> None:
    """A lock that cannot be read is an error with its path, never an unpinned fetch."""
    Pins(tmp_path).path.write_bytes(content)
    source = FakeSource("d")
    with pytest.raises(DataError, match=r"lock file of schema 1.*datasets\.lock\.json; delete the file"):
        fetch_cached(source, "s", cache_dir=tmp_path)
    assert source.asked == []


def test_a_damaged_entry_is_told(tmp_path: Path) -> None:
    """An entry without its fields names itself."""
    entries: list[object] = [{}, [], {"path": "x"}, None, 3]
    for entry in entries:
        Pins(tmp_path).path.write_text(json.dumps({"schema": 1, "entries": {"fake:d/s": entry}}))
        with pytest.raises(DataError, match="entry 'fake:d/s'"):
            fetch_cached(FakeSource("d"), "s", cache_dir=tmp_path)


def test_the_cache_folder_may_move(tmp_path: Path) -> None:
    """Paths below the cache are kept relative, so a cache can be copied to a machine without network."""
    source = FakeSource("d")
    fetch_cached(source, "s", cache_dir=tmp_path / "here")
    (tmp_path / "here").rename(tmp_path / "there")
    found = fetch_cached(source, "s", cache_dir=tmp_path / "there", is_offline=True)
    assert found.path == tmp_path / "there" / "fake" / "d" / "s"
    assert source.asked == [None]


def test_a_copied_cache_is_still_its_own(tmp_path: Path) -> None:
    """Other times of change, as after a copy, cost a hash and no fetch; other bytes are not taken."""
    source = FakeSource("d")
    first = fetch_cached(source, "s", cache_dir=tmp_path)
    os.utime(first.path, (1, 1))
    assert fetch_cached(source, "s", cache_dir=tmp_path) == first
    assert source.asked == [None]
    first.path.write_bytes(b"scribble")
    assert fetch_cached(source, "s", cache_dir=tmp_path) == first
    assert first.path.read_bytes() == b"rows"
    assert source.asked == [None, "r1"]


def test_a_change_is_noticed_though_size_and_time_were_kept(tmp_path: Path) -> None:
    """A cached file with other bytes, the same size and its old modification time is fetched again, not served."""
    source = FakeSource("d")
    first = fetch_cached(source, "s", cache_dir=tmp_path)
    times = first.path.stat()
    first.path.write_bytes(b"swor")
    os.utime(first.path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert fetch_cached(source, "s", cache_dir=tmp_path).path.read_bytes() == b"rows"
    assert source.asked == [None, "r1"]


def test_a_copied_cache_is_hashed_once(tmp_path: Path) -> None:
    """After a copy the file is hashed and its new state kept, so that the next run reads one small file again."""
    source = FakeSource("d")
    first = fetch_cached(source, "s", cache_dir=tmp_path)
    os.utime(first.path, (1, 1))
    assert Pins(tmp_path).find_intact(source.key("s")) == first
    kept = json.loads(Pins(tmp_path).path.read_bytes())["entries"]["fake:d/s"]
    found = first.path.stat()
    assert (kept["mtime_ns"], kept["ctime_ns"], kept["inode"]) == (found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
    assert kept["fetched"]


def test_offline_without_the_file_is_told(tmp_path: Path) -> None:
    """Offline, the source is not asked."""
    source = FakeSource("d")
    with pytest.raises(FetchError, match=r"offline.*--eval-data DIR"):
        fetch_cached(source, "s", cache_dir=tmp_path, is_offline=True)
    assert source.asked == []


def record_many(folder: str, name: str, count: int) -> None:
    """Enter many files of one name into the lock."""
    (Path(folder) / "f").touch()
    for n in range(count):
        Pins(Path(folder)).record(f"{name}{n}", Fetched(Path(folder) / "f", name, "r", "0" * 64))


def test_entries_of_many_processes_all_stay(tmp_path: Path) -> None:
    """Two processes that write the lock at once lose no entry of each other."""
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=record_many, args=(str(tmp_path), name, 40)) for name in "ab"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(WAIT_S)
    entries = json.loads(Pins(tmp_path).path.read_text())["entries"]
    assert sorted(entries) == sorted(f"{name}{n}" for name in "ab" for n in range(40))


def fetch_in_process(folder: str) -> None:
    """One of several processes that want the same file."""
    fetch_cached(ScopeFile("o/d", "s.jsonl"), "", cache_dir=Path(folder))


def test_processes_that_want_one_file_fetch_it_once(model_scope: Hub, tmp_path: Path) -> None:
    """Three processes at once: one download, one whole file."""
    content = b'{"q": "x"}\n' * 20_000
    model_scope.add("o/d", {"s.jsonl": content})
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=fetch_in_process, args=(str(tmp_path),)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(WAIT_S)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert Counter("FilePath" in asked for asked in model_scope.asked)[True] == 1
    (path,) = tmp_path.rglob("s.jsonl")
    assert path.read_bytes() == content
