"""The samples of one run in the form that the page fetches: an index and compressed chunks, added to as a run goes on.

Samples of a finished run are in the order of its plan; those of a run under way in the order of their grades, so that
chunks that were sent stay as they are. Full chunks are in a file of the system's temporary folder, not in memory.
"""

from __future__ import annotations

import hashlib
import secrets
import tempfile
import threading
import weakref
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from pytest_modeleval._support.shorten import shorten
from pytest_modeleval.records import ItemKey, JsonObject
from pytest_modeleval.reports.page.packing import CHUNK_BYTES, LEVEL, SampleIndex, json_line
from pytest_modeleval.samples.reading import SampleReader
from pytest_modeleval.samples.record import SampleRecord
from pytest_modeleval.view.run_folders import signature_of

# The last chunk of a run under way is fetched again at every change.
_LIVE_CHUNK_BYTES = 1 << 17
# Of a question: repeats that are named, and characters of the answer of each.
_MOST_REPEATS = 1_000
_MOST_ANSWER = 200


class RunSamples:
    """The samples of a run folder. Safe to use from several threads."""

    def __init__(self, folder: Path, *, is_live: bool) -> None:
        self.is_live = is_live
        self._began_live = is_live
        self._folder = folder
        self._lock = threading.Lock()
        self._signature = signature_of(folder)
        self._reader = SampleReader(folder)
        self._index = SampleIndex()
        # Another object may have the samples in another order.
        self._order = secrets.token_hex(4)
        self._taken: set[ItemKey] = set()
        # Open, and without a name, as long as the object is there.
        self._file = tempfile.TemporaryFile()  # noqa: SIM115
        weakref.finalize(self, self._file.close)
        self._places: list[tuple[int, int]] = []
        self._chunks: list[JsonObject] = []
        self._open: list[bytes] = []
        self._open_bytes = 0
        self._take_new()

    @property
    def count(self) -> int:
        """Samples that were read so far."""
        return self._index.count

    def index(self, *, is_live: bool, since: int = 0, epoch: str = "") -> bytes:
        """SampleIndex.to_json with all samples that there are now. is_live: the run is still under way.

        since, epoch: "count" and "epoch" of the index that the page has. Where its rows are still right, "from" is
        since, and the columns have only the rows from there on.
        """
        with self._lock:
            self._refresh(is_live=is_live)
            now = f"{self._order}{self._index.epoch()}"
            start = since if epoch == now and since <= self._index.count else 0
            more = {"from": start, "epoch": now, "chunks": [*self._chunks, *self._open_chunk()]}
            return json_line({**self._index.to_json(start), **more})

    def chunk(self, number: int) -> bytes | None:
        """The chunk as it was when the index was last made, or fuller; None for a number that there is not."""
        with self._lock:
            if 0 <= number < len(self._places):
                offset, length = self._places[number]
                self._file.seek(offset)
                return self._file.read(length)
            return self._packed() if number == len(self._places) and self._open else None

    def record(self, key: ItemKey) -> SampleRecord | None:
        """The whole record of an item; None for one that the run does not have."""
        with self._lock:
            return next(self._reader.read({key}), None)

    def repeats(self, benchmark: str, subset: str, sample: str) -> list[JsonObject]:
        """Every repeat of a question in few words: "repeat", "kind" and "answer". Empty without the question."""
        with self._lock:
            found = [
                brief
                for brief in self._reader.index()
                if (brief.benchmark, brief.subset, brief.sample) == (benchmark, subset, sample)
            ]
        return [
            {"repeat": brief.repeat, "kind": brief.kind, "answer": shorten(brief.answer or "", _MOST_ANSWER)}
            for brief in found[:_MOST_REPEATS]
        ]

    def is_current(self, *, is_live: bool) -> bool:
        """The samples are those of the folder, in the order that they have when they are read anew."""
        if is_live or self._began_live:
            return is_live and self.is_live
        return self._signature == signature_of(self._folder)

    def _refresh(self, *, is_live: bool) -> None:
        if not self.is_live:
            return
        self._reader.refresh()
        # A last time after the end: items that were never asked are added too.
        self.is_live = is_live
        self._signature = signature_of(self._folder)
        self._take_new()

    def _take_new(self) -> None:
        for brief in list(self._briefs()):
            self._taken.add(brief.key)
            self._add(self._reader.complete(brief).to_json())

    def _briefs(self) -> Iterator[SampleRecord]:
        """The items that are not taken yet; of a run under way those that have an outcome, in the order of these."""
        if self.is_live:
            for key in islice(self._reader.contents.outcomes, len(self._taken), None):
                yield self._reader.brief(key)
            return
        for brief in self._reader.index():
            if brief.key not in self._taken:
                yield brief

    def _add(self, sample: JsonObject) -> None:
        self._index.add(sample)
        line = json_line(sample)
        self._open.append(line)
        self._open_bytes += len(line)
        if self._open_bytes >= (_LIVE_CHUNK_BYTES if self.is_live else CHUNK_BYTES):
            self._close_chunk()

    def _close_chunk(self) -> None:
        packed = self._packed()
        self._chunks += self._open_chunk()
        offset = self._file.seek(0, 2)
        self._file.write(packed)
        self._places.append((offset, len(packed)))
        self._open, self._open_bytes = [], 0

    def _packed(self) -> bytes:
        return zlib.compress(b"".join(self._open), LEVEL)

    def _open_chunk(self) -> list[JsonObject]:
        """Where the last chunk begins, in a list; empty where the last chunk is full."""
        if not self._open:
            return []
        digest = hashlib.sha256(b"".join(self._open)).hexdigest()[:16]
        return [{"id": digest, "start": self._index.count - len(self._open), "count": len(self._open)}]
