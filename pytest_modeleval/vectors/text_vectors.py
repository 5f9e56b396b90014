"""The vectors of single texts, such as queries: each process appends to a file of its own and reads all of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .vector_file import CUT, Rows, VectorFile, create, open_vectors


class TextVectors:
    """Key -> vector. folder: `vectors` of the run folder. space: begins the names of the files. writer: ends its own.

    Raises RunFolderError where a file is none of vectors.
    """

    def __init__(self, folder: Path, space: str, writer: str) -> None:
        self._own = folder / f"{space}-texts-{writer}.vec"
        self._file: VectorFile | None = None
        self._files: list[VectorFile] = []
        self._places: dict[bytes, tuple[VectorFile, int]] = {}
        self._cut: set[bytes] = set()
        for path in sorted(folder.glob(f"{space}-texts-*.vec")):
            file = open_vectors(path, is_writable=path == self._own)
            if file is not None:
                self._read(file)
        self.dimension: int | None = next((file.dimension for file, _ in self._places.values()), None)

    def _read(self, file: VectorFile) -> None:
        self._files.append(file)
        for place, key, flags in file.entries():
            self._enter(key, file, place, is_cut=bool(flags & CUT))
        if file.path == self._own:
            self._file = file

    def _enter(self, key: bytes, file: VectorFile, place: int, *, is_cut: bool) -> None:
        self._places[key] = file, place
        if is_cut:
            self._cut.add(key)

    def __contains__(self, key: bytes) -> bool:
        return key in self._places

    def is_cut(self, key: bytes) -> bool:
        """The server cut this text."""
        return key in self._cut

    def rows(self, keys: Sequence[bytes]) -> Rows:
        """The vectors of keys that are known."""
        found = [self._places[key] for key in keys]
        return np.stack([file.row(place) for file, place in found]) if found else np.empty((0, 0), np.float32)

    def add(self, keys: Sequence[bytes], rows: Rows, *, flags: Sequence[int]) -> None:
        """Append vectors. Raises VectorFileError."""
        if self._file is None:
            self._file = create(self._own, rows.shape[1])
            self._files.append(self._file)
        self.dimension = self.dimension or rows.shape[1]
        first = self._file.places
        self._file.write(first, keys, rows, flags=flags)
        for place, key in enumerate(keys, start=first):
            self._enter(key, self._file, place, is_cut=bool(flags[place - first] & CUT))

    def close(self) -> None:
        """Let go of the files."""
        for file in self._files:
            file.close()
