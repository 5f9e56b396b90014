"""A file of vectors. Each stands in a record with the SHA-256 of its text and a checksum.

    header   16 bytes: "MEVECTOR", the dimension d, 0
    record   key 32 bytes, flags 4 bytes, d float32, CRC-32 of all that 4 bytes; all little-endian

A record is written in one go and counts only if its checksum fits, so that a process can be killed at any moment. A
place that was never written is a hole of zeros.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pytest_modeleval.errors import RunFolderError

from .vector_error import VectorFileError

_HEADER = struct.Struct("<8sII")
_MAGIC = b"MEVECTOR"
KEY_BYTES = 32
HOLE = bytes(KEY_BYTES)
MAX_DIMENSION = 65_536
_BLOCK_BYTES = 4 * 1024 * 1024
CUT = 1
"""Flag: the server cut the text before it made the vector."""
Rows = NDArray[np.float32]


class VectorFile:
    """An open file. Made by `create` or `open_vectors`."""

    def __init__(self, path: Path, file: int, dimension: int) -> None:
        self.path = path
        self.dimension = dimension
        self._file = file
        self._type = np.dtype(
            [("key", f"V{KEY_BYTES}"), ("flags", "<u4"), ("vector", "<f4", (dimension,)), ("crc", "<u4")]
        )

    @property
    def places(self) -> int:
        """Records that fit into the file, holes among them; a torn one at the end does not count."""
        return (os.fstat(self._file).st_size - _HEADER.size) // self._type.itemsize

    def entries(self, start: int = 0) -> Iterator[tuple[int, bytes, int]]:
        """Place, key and flags of each whole record from a place on."""
        size, places = self._type.itemsize, self.places
        at_once = max(1, _BLOCK_BYTES // size)
        for first in range(start, places, at_once):
            count = min(at_once, places - first)
            block = memoryview(os.pread(self._file, count * size, _HEADER.size + first * size))
            for place in range(len(block) // size):
                record = block[place * size : (place + 1) * size]
                key = bytes(record[:KEY_BYTES])
                if key != HOLE and zlib.crc32(record[:-4]) == int.from_bytes(record[-4:], "little"):
                    yield first + place, key, int.from_bytes(record[KEY_BYTES : KEY_BYTES + 4], "little")

    def write(self, place: int, keys: Sequence[bytes], rows: Rows, *, flags: Sequence[int] | None = None) -> None:
        """Write neighbouring records from a place on. Raises VectorFileError if not all of them reached the file."""
        records = np.zeros(len(keys), self._type)
        records["key"] = np.frombuffer(b"".join(keys), self._type["key"])
        records["vector"] = rows
        if flags is not None:
            records["flags"] = flags
        data, size = records.view(np.uint8).data, self._type.itemsize
        records["crc"] = [zlib.crc32(data[start : start + size - 4]) for start in range(0, len(data), size)]
        self._put(data, place)

    def _put(self, data: bytes | memoryview, place: int) -> None:
        try:
            written = os.pwrite(self._file, data, _HEADER.size + place * self._type.itemsize)
        except OSError as error:
            raise VectorFileError(f"cannot write the vectors {self.path}: {error.strerror}") from error
        if written != len(data):
            raise VectorFileError(f"cannot write the vectors {self.path}: only {written} of {len(data)} bytes fit")

    def row(self, place: int) -> Rows:
        """The vector at a place that `entries` or `write` named."""
        data = os.pread(self._file, self._type.itemsize, _HEADER.size + place * self._type.itemsize)
        if len(data) != self._type.itemsize:
            raise VectorFileError(f"{self.path}: the file was cut by another program while the run used it")
        row: Rows = np.frombuffer(data, self._type)["vector"][0]
        return row

    def copy(self, place: int, to: int) -> None:
        """Write the record at a place at another one too. Raises VectorFileError."""
        size = self._type.itemsize
        data = os.pread(self._file, size, _HEADER.size + place * size)
        self._put(data, to)

    def extend(self, places: int) -> None:
        """Make room for this many records; a longer file is left as it is. Raises VectorFileError."""
        size = _HEADER.size + places * self._type.itemsize
        if os.fstat(self._file).st_size < size:
            try:
                os.truncate(self._file, size)
            except OSError as error:
                raise VectorFileError(f"cannot write the vectors {self.path}: {error.strerror}") from error

    def view(self, count: int) -> Rows:
        """The vectors of the first records, read-only, as a map of the file: (count, dimension)."""
        if not count:
            return np.empty((0, self.dimension), np.float32)
        mapped = np.memmap(self.path, self._type, "r", offset=_HEADER.size, shape=(count,))
        rows: Rows = mapped["vector"]
        return rows

    def close(self) -> None:
        """Make it last, and let go of the file."""
        if self._file >= 0:
            os.fsync(self._file)
            os.close(self._file)
            self._file = -1


def create(path: Path, dimension: int) -> VectorFile:
    """A new file for writing, or the one that is there. Raises VectorFileError, RunFolderError."""
    try:
        path.parent.mkdir(exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        if os.fstat(file).st_size < _HEADER.size:
            os.pwrite(file, _HEADER.pack(_MAGIC, dimension, 0), 0)
    except OSError as error:
        raise VectorFileError(f"cannot write the vectors {path}: {error.strerror}") from error
    return _opened(path, file)


def open_vectors(path: Path, *, is_writable: bool = False) -> VectorFile | None:
    """The file at a path; None if there is none, or none that has a header. Raises RunFolderError for another file."""
    flags = (os.O_RDWR if is_writable else os.O_RDONLY) | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        file = os.open(path, flags)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RunFolderError(f"{path}: expected a file of vectors: {error.strerror}; remove it") from error
    if os.fstat(file).st_size < _HEADER.size:
        os.close(file)
        return None
    return _opened(path, file)


def _opened(path: Path, file: int) -> VectorFile:
    head = os.pread(file, _HEADER.size, 0)
    magic, dimension, _ = _HEADER.unpack(head) if len(head) == _HEADER.size else (b"", 0, 0)
    if magic != _MAGIC or not 0 < dimension <= MAX_DIMENSION:
        os.close(file)
        raise RunFolderError(f"{path}: expected a file of vectors, found another one; remove it")
    return VectorFile(path, file, dimension)
