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
from pytest_modeleval.evaluation.vector_requests import VectorRequests
from pytest_modeleval.evaluation.vector_space import encode_text
from pytest_modeleval.records import Kind
from pytest_modeleval.vectors.batches import Text, batched
from pytest_modeleval.vectors.vector_file import CUT, KEY_BYTES, Rows, VectorFile, create, open_vectors

if TYPE_CHECKING:
    from pytest_modeleval.evaluation.embedder import Embedder

CorpusTexts = Callable[[], Iterable[str]]
LOCK_WAIT_S = 0.2
MOST_AT_ONCE = 64
"""Requests in flight for one corpus; the run's own limit counts as well."""
_PAUSE = 500
"""Texts that are looked at before others may work."""


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

    async def vectors(self) -> tuple[Rows, int]:
        """The vectors, zeros for an empty text, as a read-only map of the file; and how many texts were cut.

        Raises Ungraded.
        """
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
        file = self._file
        try:
            cut = await asyncio.to_thread(lambda: sum(flags & CUT for _, _, flags in file.entries()))
            return file.view(self._count), cut
        finally:
            file.close()

    async def _lock(self) -> HeldLock:
        path = self._embedder.space.folder / f"{self.file_name}.lock"
        while (lock := try_file_lock(path)) is None:
            await asyncio.sleep(LOCK_WAIT_S)
        return lock

    async def _check_stored(self) -> None:
        """Raise Ungraded unless the vectors of all texts are stored."""
        for batch in self._batches():
            if batch:
                raise Ungraded(
                    f"the stored run has no vector of text {batch[0].place} of corpus {self._name} as it is now",
                    kind=Kind.NOT_RUN,
                    cause="not_stored",
                )
            await asyncio.sleep(0)

    async def _embed(self) -> None:
        batches = self._batches()
        await asyncio.gather(*(self._work(batches) for _ in range(MOST_AT_ONCE)))
        if self._failure is not None:
            raise self._failure
        if self._file is not None:
            for place, earlier in self._copies:
                self._file.copy(earlier, place)
            self._file.extend(self._count)

    async def _work(self, batches: Iterator[list[Text]]) -> None:
        """Ask for one batch after another. After a failure the requests in flight are still waited for and kept."""
        requests = VectorRequests(self._embedder, self._keep, dimension=self._dimension, corpus=self._name)
        while self._failure is None:
            try:
                batch = next(batches, None)
                if batch is None:
                    return
                await (requests.ask(batch) if batch else asyncio.sleep(0))
            except Exception as error:  # noqa: BLE001 - raised by _embed when all have ended
                self._failure = self._failure or error

    def _dimension(self) -> int | None:
        return self._file.dimension if self._file is not None else None

    def _keep(self, batch: Sequence[Text], rows: Rows, flags: Sequence[int]) -> None:
        """Write the vectors of a batch to the places of its texts."""
        if self._file is None:
            self._file = create(self._embedder.space.folder / f"{self.file_name}.vec", rows.shape[1])
        check_dimension(rows, self._file.dimension)
        keys = [text.key for text in batch]
        for first, last in _runs([text.place for text in batch]):
            self._file.write(batch[first].place, keys[first:last], rows[first:last], flags=flags[first:last])

    def _batches(self) -> Iterator[list[Text]]:
        return batched(self._missing(), self._embedder.space.rate, limit=self._embedder.limit)

    def _missing(self) -> Iterator[Text | None]:
        """The texts whose vectors are not stored; None now and then, see `batched`.

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
                yield Text(key, sent, len(data), place)
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
