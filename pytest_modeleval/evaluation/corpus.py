"""A corpus becomes vectors, once a run: read as a stream, asked for in batches, stored at the places of its texts.

Of several processes (xdist) one embeds while the others wait for it, so that no text is sent twice.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pytest_modeleval._support.file_lock import HeldLock, try_file_lock
from pytest_modeleval.embedding.vectors import check_dimension
from pytest_modeleval.errors import DeclarationError, Ungraded
from pytest_modeleval.evaluation.vector_space import encode_text
from pytest_modeleval.records import JsonObject, Kind
from pytest_modeleval.vectors.batches import batched
from pytest_modeleval.vectors.vector_file import KEY_BYTES, Rows, VectorFile, create, open_vectors

if TYPE_CHECKING:
    from pytest_modeleval.evaluation.embedder import Embedder

CorpusTexts = Callable[[], Iterable[str]]
LOCK_WAIT_S = 0.2
MOST_AT_ONCE = 64
"""Requests in flight for one corpus; the run's own limit counts as well."""
_PAUSE = 500
"""Texts that are looked at before others may work."""
Batch = Sequence[tuple[int, bytes, str]]
"""Of place, key and text."""


class Corpus:
    """The work on one corpus. texts: called whenever they are read; gives `count` texts, always the same."""

    def __init__(self, embedder: Embedder, name: str, texts: CorpusTexts, count: int, prefix: str) -> None:
        self._embedder = embedder
        self._name = name
        self._texts = texts
        self._count = count
        self._prefix = prefix
        self._file: VectorFile | None = None
        self._copies: list[tuple[int, int]] = []
        self._failure: BaseException | None = None
        digest = hashlib.sha256(f"{name}\x00{prefix}\x00{count}".encode(errors="replace")).hexdigest()
        self.file_name = f"{embedder.space.name}-corpus-{digest[:16]}"

    async def vectors(self) -> Rows:
        """The vectors, zeros for an empty text, as a read-only map of the file. Raises Ungraded."""
        folder = self._embedder.space.folder
        path = folder / f"{self.file_name}.vec"
        if self._embedder.is_offline:
            self._file = open_vectors(path)
            await self._check_stored()
        else:
            folder.mkdir(exist_ok=True)
            lock = await self._lock()
            try:
                self._file = open_vectors(path, is_writable=True)
                await self._embed()
            finally:
                lock.release()
        if self._file is None:
            raise Ungraded(f"corpus {self._name}: no text in it", kind=Kind.BAD_RESPONSE, cause="empty_text")
        rows = self._file.view(self._count)
        self._file.close()
        return rows

    async def _lock(self) -> HeldLock:
        path = self._embedder.space.folder / f"{self.file_name}.lock"
        while (lock := try_file_lock(path)) is None:
            await asyncio.sleep(LOCK_WAIT_S)
        return lock

    async def _check_stored(self) -> None:
        """Raise Ungraded unless the vectors of all texts are stored."""
        for batch in batched(self._missing(), self._embedder.space.rate):
            if batch:
                raise Ungraded(
                    f"the stored run has no vectors of corpus {self._name} as it is now: text {batch[0][0]} is another",
                    kind=Kind.NOT_RUN,
                    cause="not_stored",
                )
            await asyncio.sleep(0)

    async def _embed(self) -> None:
        batches = batched(self._missing(), self._embedder.space.rate)
        await asyncio.gather(*(self._work(batches) for _ in range(MOST_AT_ONCE)))
        if self._failure is not None:
            raise self._failure
        if self._file is not None:
            for place, earlier in self._copies:
                self._file.copy(earlier, place)
            self._file.extend(self._count)

    async def _work(self, batches: Iterator[Batch]) -> None:
        """Ask for one batch after another. After a failure the requests in flight are still waited for and kept."""
        while self._failure is None:
            try:
                batch = next(batches, None)
                if batch is None:
                    return
                await (self._ask(batch) if batch else asyncio.sleep(0))
            except Exception as error:  # noqa: BLE001 - raised by _embed when all have ended
                self._failure = self._failure or error

    async def _ask(self, batch: Batch) -> None:
        places, keys, texts = zip(*batch, strict=True)

        def keep(rows: Rows, reply: JsonObject) -> None:
            if self._file is None:
                self._file = create(self._embedder.space.folder / f"{self.file_name}.vec", rows.shape[1])
            check_dimension(rows, self._file.dimension)
            for first, last in _runs(places):
                self._file.write(places[first], keys[first:last], rows[first:last])

        stored = {"type": "vectors", "subset": "", "sample": "", "corpus": self._name, "texts": len(texts)}
        stored["sha256"] = hashlib.sha256(b"".join(keys)).hexdigest()
        dimension = self._file.dimension if self._file is not None else None
        await self._embedder.ask_vectors(texts, keys, keep, dimension=dimension, corpus=stored)

    def _missing(self) -> Iterator[tuple[tuple[int, bytes, str], int] | None]:
        """Place, key and text of what is not stored, with the bytes of the text; None now and then, see `batched`.

        A text that was seen before is noted in _copies instead. Raises DeclarationError for another number of texts.
        """
        stored = self._stored_keys()
        first: dict[int, int] = {}
        place = -1
        for place, text in enumerate(itertools.islice(self._texts(), self._count + 1)):
            if place % _PAUSE == _PAUSE - 1:
                yield None
            if place == self._count or not text.strip():
                continue
            sent, data = encode_text(self._prefix + text)
            key = hashlib.sha256(data).digest()
            earlier = first.setdefault(int.from_bytes(key[:12], "little"), place)
            if stored is not None and stored[place].tobytes() == key:
                continue
            if earlier != place:
                self._copies.append((place, earlier))
            else:
                yield (place, key, sent), len(data)
        if place + 1 != self._count:
            found = f"more than {self._count}" if place == self._count else f"{place + 1}"
            raise DeclarationError(f"corpus {self._name}: expected {self._count} texts, found {found}")

    def _stored_keys(self) -> np.ndarray[tuple[int], np.dtype[np.void]] | None:
        """The keys of the texts whose vectors are stored whole, by place."""
        if self._file is None:
            return None
        stored = np.zeros(self._count, f"V{KEY_BYTES}")
        for place, key, _ in self._file.entries():
            if place < self._count:
                stored[place] = np.void(key)
        return stored


def _runs(places: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First and last + 1 of each run of neighbours among ascending places."""
    start = 0
    for at in range(1, len(places) + 1):
        if at == len(places) or places[at] != places[at - 1] + 1:
            yield start, at
            start = at
