"""Bytes that wait outside of the memory: the pictures of thousands of samples are read before the first request."""

from __future__ import annotations

import os
import threading
from pathlib import Path

SMALL_BYTES = 16 * 1024
"""Below it the place of the bytes costs as much as the bytes."""
MEMORY_BYTES = 64 * 1024 * 1024


class ByteStore:
    """Keeps bytes by their hash: the first ones in memory, more of them in a file without a name, each of them once.

    Safe to use from several threads. The file is gone with the process, however that ends.
    """

    def __init__(self, memory_bytes: int = MEMORY_BYTES) -> None:
        self._left = memory_bytes
        self._lock = threading.Lock()
        self._file = -1
        self._end = 0
        self._places: dict[str, tuple[int, int]] = {}
        self._held: dict[str, bytes] = {}

    def keep(self, digest: str, data: bytes) -> None:
        """Keep bytes under their hash. Raises OSError where the temporary folder is full."""
        with self._lock:
            if digest in self._held or digest in self._places:
                return
            if len(data) <= self._left or len(data) < SMALL_BYTES:
                self._left -= len(data)
                self._held[digest] = data
                return
            if self._file < 0:
                self._file = _file_without_name()
            self._places[digest] = (self._end, len(data))
            written = 0
            while written < len(data):
                written += os.pwrite(self._file, memoryview(data)[written:], self._end + written)
            self._end += len(data)

    def get(self, digest: str) -> bytes:
        """The bytes of a hash. Raises KeyError for one that was never kept."""
        held = self._held.get(digest)
        if held is not None:
            return held
        offset, length = self._places[digest]
        return os.pread(self._file, length, offset)


def _file_without_name() -> int:
    import tempfile  # noqa: PLC0415 - every benchmark page imports this module, few have that many pictures

    descriptor, path = tempfile.mkstemp(prefix="modeleval-images-")
    Path(path).unlink()
    return descriptor
