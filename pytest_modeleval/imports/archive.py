"""A zip archive of a stranger: bounded in its members, in what a member becomes, and in what all of them become."""

from __future__ import annotations

import os
import struct
import zipfile
from pathlib import Path
from typing import IO

from pytest_modeleval.errors import RunFolderError
from pytest_modeleval.imports.reading import json_object, open_file
from pytest_modeleval.records import JsonObject

MOST_MEMBERS = 1_000_000
MOST_MEMBER_BYTES = 64_000_000
MOST_FILE_BYTES = 2_000_000_000
# All members together, decompressed, as a multiple of the file; and what is allowed in any case.
MOST_RATIO, SMALL_BYTES = 100, 512_000_000
ZSTANDARD = 93
_LOCAL_HEADER_BYTES = 30


class Archive:
    """An archive whose members are JSON, to be used in a `with` block.

    Raises RunFolderError for a file that is none, and for one that is larger than allowed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = open_file(path)
        self._decoded_bytes = 0
        size = os.fstat(self._file.fileno()).st_size
        self._most_bytes = max(SMALL_BYTES, MOST_RATIO * size)
        try:
            if size > MOST_FILE_BYTES:
                raise ValueError(f"it is larger than {MOST_FILE_BYTES:,} bytes")
            self._archive = zipfile.ZipFile(self._file)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            self._file.close()
            raise RunFolderError(f"{path}: expected a log of Inspect, a zip archive: {error}") from error
        self._members = {member.filename: member for member in self._archive.infolist()}
        if len(self._members) > MOST_MEMBERS:
            raise RunFolderError(f"{path}: expected at most {MOST_MEMBERS:,} members, found {len(self._members):,}")

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def names(self) -> list[str]:
        """Names of the members, in their order."""
        return list(self._members)

    def json(self, name: str) -> JsonObject:
        """A member. Nothing is written to the disk."""
        member = self._members.get(name)
        if member is None:
            raise RunFolderError(f"{self._path}: expected {name} in the archive, found none")
        try:
            with self._opened(member) as stream:
                content = stream.read(MOST_MEMBER_BYTES + 1)
        except (OSError, EOFError, ValueError, RuntimeError, NotImplementedError, zipfile.BadZipFile) as error:
            raise RunFolderError(f"{self._path}: {name!r:.80} cannot be read: {error}") from error
        self._decoded_bytes += len(content)
        if len(content) > MOST_MEMBER_BYTES or self._decoded_bytes > self._most_bytes:
            raise RunFolderError(
                f"{self._path}: {name!r:.80} is larger than allowed ({MOST_MEMBER_BYTES:,} bytes a member, "
                f"{self._most_bytes:,} in all)"
            )
        return json_object(content, f"{self._path}: {name!r:.80}")

    def _opened(self, member: zipfile.ZipInfo) -> IO[bytes]:
        if member.compress_type != ZSTANDARD:
            return self._archive.open(member)
        # Python reads such members from 3.14 on; pyarrow comes with the dependency datasets.
        import pyarrow  # noqa: PLC0415

        self._file.seek(member.header_offset)
        header = self._file.read(_LOCAL_HEADER_BYTES)
        if len(header) < _LOCAL_HEADER_BYTES or header[:4] != b"PK\x03\x04":
            raise zipfile.BadZipFile("its local header is damaged")
        name_bytes, extra_bytes = struct.unpack("<HH", header[26:30])
        self._file.seek(name_bytes + extra_bytes, 1)
        packed = self._file.read(min(member.compress_size, MOST_MEMBER_BYTES))
        stream: IO[bytes] = pyarrow.CompressedInputStream(pyarrow.BufferReader(packed), "zstd")
        return stream
