"""The lock: id, exact revision and sha256 of every file that was ever fetched into a cache folder.

`datasets.lock.json` pins a branch name such as "main" to the commit it meant at the first fetch, so that the same
cache folder gives the same rows for ever. Deleting an entry (or the file) accepts whatever the source has now.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pytest_modeleval._support.bounded_file import read_bounded
from pytest_modeleval.errors import DataError
from pytest_modeleval.fetch.cache import cache_lock, sha256_of, write_cache_file
from pytest_modeleval.fetch.source import Fetched

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FILE_NAME = "datasets.lock.json"
SCHEMA = 1
_MAX_BYTES = 64_000_000


@dataclass(frozen=True, slots=True)
class Pins:
    """The lock file of one cache folder. Nothing is kept in memory: each call reads the file."""

    cache_dir: Path

    @property
    def path(self) -> Path:
        """The lock file."""
        return self.cache_dir / FILE_NAME

    def get(self, key: str) -> Fetched | None:
        """What was fetched under this key; the file may not exist any more, or be another one."""
        entries = self._entries()
        return self._read(key, entries[key]) if key in entries else None

    def find_intact(self, key: str) -> Fetched | None:
        """The same, if its file is there with the bytes of then.

        Size, times and inode are compared; only where they differ (a copied cache) the file is hashed. The status
        change time cannot be set, so a file that was changed and given its old modification time is noticed.
        """
        entries = self._entries()
        if key not in entries:
            return None
        fetched = self._read(key, entries[key])
        try:
            stamp = _stamp_of(fetched.path)
            if stamp == {name: entries[key].get(name) for name in stamp}:
                return fetched
            if sha256_of(fetched.path) != fetched.sha256:
                return None
        except OSError:
            return None
        self._restamp(key, fetched.sha256, stamp)
        return fetched

    def record(self, key: str, fetched: Fetched) -> None:
        """Add or confirm an entry.

        Raises DataError where the same key and revision gave other bytes before: a tag that was moved, a file that
        was replaced in place, or a damaged download.
        """
        with cache_lock(self.path.with_name(f".{FILE_NAME}.held")):
            entries = dict(self._entries())
            before = entries.get(key)
            if before is not None and before.get("sha256") != fetched.sha256:
                raise DataError(
                    f"expected the data of {fetched.origin} as it was fetched on {before.get('fetched')}: "
                    f"sha256 {before.get('sha256')} at revision {before.get('revision')}\n"
                    f"found sha256 {fetched.sha256} at revision {fetched.revision}, in {fetched.path}\n"
                    f"scores over the two do not compare; if that file was changed by hand, delete it to fetch it "
                    f"again; to accept the new data, delete the entry {key!r} from {self.path}"
                )
            path = fetched.path
            entries[key] = {
                "origin": fetched.origin,
                "revision": fetched.revision,
                "sha256": fetched.sha256,
                "path": str(path.relative_to(self.cache_dir) if path.is_relative_to(self.cache_dir) else path),
                **_stamp_of(path),
                "fetched": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
            if fetched.archive_sha256:
                entries[key]["archive_sha256"] = fetched.archive_sha256
            self._write(entries)

    def _restamp(self, key: str, sha256: str, stamp: Mapping[str, int]) -> None:
        """Keep the present state of a file that was hashed, so that the next run need not hash it again."""
        # A cache that cannot be written still serves its files.
        with suppress(DataError), cache_lock(self.path.with_name(f".{FILE_NAME}.held")):
            entries = dict(self._entries())
            if (entry := entries.get(key)) is not None and entry.get("sha256") == sha256:
                entries[key] = {**entry, **stamp}
                self._write(entries)

    def _write(self, entries: Mapping[str, Any]) -> None:
        content = {"schema": SCHEMA, "entries": dict(sorted(entries.items()))}
        write_cache_file(self.path, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())

    def _read(self, key: str, entry: Any) -> Fetched:
        try:
            return Fetched(
                path=self.cache_dir / str(entry["path"]),  # An absolute path stays as it is.
                origin=str(entry["origin"]),
                revision=str(entry["revision"]),
                sha256=str(entry["sha256"]),
                archive_sha256=str(entry.get("archive_sha256", "")),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise self._corrupt(f"entry {key!r} without a usable {error}") from error

    def _entries(self) -> Mapping[str, Any]:
        try:
            content = json.loads(read_bounded(self.path, _MAX_BYTES))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise self._corrupt(str(error)) from error
        except RecursionError as error:
            raise self._corrupt("JSON that is nested too deeply") from error
        if not isinstance(content, dict) or content.get("schema") != SCHEMA:
            raise self._corrupt("another schema")
        entries = content.get("entries")
        if not isinstance(entries, dict):
            raise self._corrupt("no entries")
        return entries

    def _corrupt(self, found: str) -> DataError:
        return DataError(
            f"expected a lock file of schema {SCHEMA}, found {found}, at {self.path}; "
            "delete the file to pin the data anew at the next fetch"
        )


def _stamp_of(path: Path) -> dict[str, int]:
    """The state of a file as an entry keeps it."""
    found = path.stat()
    return {
        "size_bytes": found.st_size,
        "mtime_ns": found.st_mtime_ns,
        "ctime_ns": found.st_ctime_ns,
        "inode": found.st_ino,
    }
