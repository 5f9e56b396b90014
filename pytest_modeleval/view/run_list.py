"""The runs below a folder, their rows kept while their files stay as they are."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from pytest_modeleval.records import JsonObject
from pytest_modeleval.store.journal import JournalReader
from pytest_modeleval.view.recent import Locks, Recent
from pytest_modeleval.view.run_folders import MOST_RUNS, FoundRuns, Signature, find_runs, is_inside, signature_of
from pytest_modeleval.view.run_row import RunRow, entries_with_changes, read_row

# The folder is searched anew when it was searched longer ago than this.
SEARCH_S = 2.0
# A request for the list reads new runs for this long; the others are "pending", and the page asks again.
READ_S = 1.0
# Runs under way whose journals are read on from where they were, not from their start.
_MOST_FOLLOWED = 8


class RunList:
    """The runs below `root`. Safe to use from several threads."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._lock = threading.Lock()
        self._reading = Locks()
        self._found = FoundRuns({}, is_cut=False)
        self._searched_s = float("-inf")
        self._rows: Recent[Path, tuple[Signature, RunRow]] = Recent(MOST_RUNS)
        self._readers: Recent[Path, JournalReader] = Recent(_MOST_FOLLOWED)

    def search(self) -> FoundRuns:
        """The run folders as they were at most SEARCH_S ago."""
        with self._lock:
            if time.monotonic() - self._searched_s > SEARCH_S:
                self._found = find_runs(self.root)
                self._searched_s = time.monotonic()
            return self._found

    def path(self, key: str) -> Path | None:
        """The folder of a key of the list; None for anything else."""
        found = self.search().paths.get(key)
        return found if found is not None and is_inside(self.root, found) else None

    def name(self, path: Path) -> str:
        """The path below the root, for people."""
        return str(path.relative_to(self.root))

    def to_json(self, read_s: float = READ_S) -> JsonObject:
        """The list as the page reads it. read_s: how long it may take to read runs that are not known yet."""
        found = self.search()
        deadline = time.monotonic() + read_s
        rows: dict[str, RunRow] = {}
        pending, has_read = 0, False
        for key, path in found.paths.items():
            row, is_current = self._known(path)
            if not is_current and (not has_read or time.monotonic() < deadline):
                read = self._read(path)
                row, is_current = read or row, read is not None
                has_read = has_read or is_current
            pending += not is_current
            if row is not None:
                rows[key] = row
        entries = entries_with_changes(list(rows.items()))
        names = {key: self.name(path) for key, path in found.paths.items()}
        runs = [{**entry, "name": names[entry["key"]]} for entry in entries]
        counts = {"count": len(found.paths), "pending": pending, "cut": found.is_cut}
        return {"schema": 1, "root": str(self.root), "runs": runs, **counts}

    def live_state(self) -> object:
        """Differs from an earlier one where a run was added or one under way has grown."""
        found = self.search()
        with self._lock:
            followed = [path for path in found.paths.values() if self._is_followed(path)]
        return tuple(found.paths), tuple(map(signature_of, followed))

    def _is_followed(self, path: Path) -> bool:
        known = self._rows.get(path)
        return known is None or known[1].is_live

    def _known(self, path: Path) -> tuple[RunRow | None, bool]:
        """The row that is kept, and whether it still holds. A run may end without a further line in its folder."""
        with self._lock:
            known = self._rows.get(path)
        if known is None:
            return None, False
        signature, row = known
        return row, not row.is_live and signature == signature_of(path)

    def _read(self, path: Path) -> RunRow | None:
        """The row as it is now; None while another request reads it."""
        reading = self._reading.of(path)
        if not reading.acquire(blocking=False):
            return None
        try:
            signature = signature_of(path)
            row = read_row(path, self._reader(path))
            with self._lock:
                self._rows.put(path, (signature, row))
                if not row.is_live:
                    self._readers.drop(path)
            return row
        finally:
            reading.release()

    def _reader(self, path: Path) -> JournalReader:
        with self._lock:
            known = self._readers.get(path)
            return known or self._readers.put(path, JournalReader(path, has_responses=False))
