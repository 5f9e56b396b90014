"""Finds the run folders below a folder, and says which of them is under way. Links are not followed."""

from __future__ import annotations

import hashlib
import os
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from pytest_modeleval.store.run_file import RUN_FILE
from pytest_modeleval.store.run_folder import LOCK_FILE
from pytest_modeleval.store.summary_file import SUMMARY_FILE

MOST_RUNS = 2_000
MOST_FOLDERS = 50_000
MOST_DEPTH = 12
MOST_ENTRIES = 10_000
_LOCKS = Path("/proc/locks")
# A run whose lock cannot be seen (another container, another machine) counts as under way while its journal grows.
_FRESH_S = 60.0

# (name, modification time, size) of the files that a reader of a run depends on.
Signature = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, slots=True)
class FoundRuns:
    """The run folders below a folder."""

    paths: Mapping[str, Path]
    """Opaque key -> folder, those near to the root first. A key stays the same while the folder has its place."""

    is_cut: bool
    """There are more folders than are looked at."""


def find_runs(root: Path) -> FoundRuns:
    """The run folders in `root` and below it. Folders that cannot be read are passed over."""
    paths: dict[str, Path] = {}
    waiting = deque([(root, 0)])
    count = 0
    while waiting and len(paths) < MOST_RUNS and count < MOST_FOLDERS:
        folder, depth = waiting.popleft()
        count += 1
        entries = _entries(folder)
        if any(entry.name == RUN_FILE and entry.is_file(follow_symlinks=False) for entry in entries):
            paths[_key(root, folder)] = folder
        elif depth < MOST_DEPTH:
            waiting.extend((Path(entry.path), depth + 1) for entry in sorted(entries, key=_name) if _is_searched(entry))
    return FoundRuns(paths, is_cut=bool(waiting))


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(islice(found, MOST_ENTRIES))
    except OSError:
        return []


def _name(entry: os.DirEntry[str]) -> str:
    return entry.name


def _is_searched(entry: os.DirEntry[str]) -> bool:
    return not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False)


def _key(root: Path, folder: Path) -> str:
    return hashlib.sha256(os.fsencode(folder.relative_to(root))).hexdigest()[:16]


def is_inside(root: Path, folder: Path) -> bool:
    """The folder is still where it was found: no part of its path has become a link."""
    try:
        found = folder.resolve(strict=True)
    except OSError:
        return False
    return found == folder and found.is_relative_to(root)


def signature_of(folder: Path) -> Signature:
    """Changes whenever the run was written to."""
    return tuple(_stamps(folder))


def _stamps(folder: Path) -> Iterator[tuple[str, int, int]]:
    for entry in sorted(_entries(folder), key=_name):
        if entry.name in (RUN_FILE, SUMMARY_FILE) or _is_journal(entry.name):
            try:
                found = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            yield entry.name, found.st_mtime_ns, found.st_size


def _is_journal(name: str) -> bool:
    return name.startswith("journal") and name.endswith(".jsonl")


def is_running(folder: Path, run: Mapping[str, Any]) -> bool:
    """A run uses the folder now. run: its run.json. The lock is only looked at: taking it could turn a run away."""
    started = str((run["invocations"] or [{}])[-1].get("time") or "")
    if str(run.get("finished") or "") > started:
        return False
    return _is_lock_held(folder / LOCK_FILE) or _is_fresh(folder)


def _is_lock_held(lock: Path) -> bool:
    """Linux lists every lock with the number of its file; elsewhere nothing is known."""
    try:
        number = str(lock.lstat().st_ino)
        lines = _LOCKS.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return False
    places = (field for line in lines for field in line.split() if field.count(":") == 2)
    return any(place.rpartition(":")[2] == number for place in places)


def _is_fresh(folder: Path) -> bool:
    newest = max((stamp for name, stamp, _ in _stamps(folder) if _is_journal(name)), default=0)
    return time.time() - newest / 1e9 < _FRESH_S
