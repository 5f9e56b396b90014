"""The pictures of a run, each once by its content: `images/<sha256>.<ending>` of the run folder.

They are kept there, and not looked up in the data again, because a run folder is read on other machines, and data may
be replaced; content addressing keeps a picture of a hundred questions, repeats or rotations once. A run of more than
MAX_FOLDER_BYTES keeps the first ones; the journal has hash and size of all.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Iterable
from pathlib import Path

from pytest_modeleval._support.atomic_file import atomic_file, atomic_write
from pytest_modeleval._support.bounded_file import read_bounded
from pytest_modeleval.images import Image
from pytest_modeleval.images.headers import NotAnImage, read_header
from pytest_modeleval.images.image import EXTENSIONS
from pytest_modeleval.images.reading import MAX_BYTES
from pytest_modeleval.images.references import FOLDER, parse_reference

MAX_FOLDER_BYTES = 2 << 30


class ImageFiles:
    """Writes the pictures of a run folder. folder: that of the run."""

    def __init__(self, folder: Path, max_bytes: int = MAX_FOLDER_BYTES) -> None:
        self._folder = folder / FOLDER
        self._known: set[str] = set()
        self._max_bytes = max_bytes
        self._left: int | None = None

    def keep(self, image: Image) -> None:
        """Write a picture, unless it is there or the folder is full. Raises OSError."""
        if image.file_name in self._known:
            return
        self._known.add(image.file_name)
        if self._left is None:
            self._left = self._max_bytes - self._open_folder()
        path = self._folder / image.file_name
        if path.exists() or image.size_bytes > self._left:
            return
        self._left -= image.size_bytes
        # Not flushed to the disk: a picture that a power cut takes is missing in reports, and changes no score.
        atomic_write(path, image.data, fsync=False)

    def _open_folder(self) -> int:
        """Make the folder; gives the bytes in it. Raises OSError where it is a link: what that leads to is not ours."""
        self._folder.mkdir(exist_ok=True)
        if self._folder.is_symlink():
            raise NotADirectoryError(f"{self._folder} is a link")
        return sum(entry.stat().st_size for entry in os.scandir(self._folder))


def read_image(folder: Path, name: str) -> bytes | None:
    """The bytes of a kept picture of a run folder; None without one of this name and hash. name: "<sha256>.png".

    The folder may be anybody's: no link is followed, nothing that is no file is opened, at most MAX_BYTES are read.
    """
    if parse_reference(f"{FOLDER}/{name}") is None or (folder / FOLDER).is_symlink():
        return None
    try:
        data = read_bounded(folder / FOLDER / name, MAX_BYTES, follows_link=False)
    except OSError:
        return None
    return data if _is_named(data, name) else None


def _is_named(data: bytes, name: str) -> bool:
    """The name is that of these bytes, and they are a picture of its type within the bounds."""
    try:
        media_type = read_header(data).media_type
    except NotAnImage:
        return False
    return name == f"{hashlib.sha256(data).hexdigest()}.{EXTENSIONS[media_type]}"


def copy_images(target: Path, folders: Iterable[Path]) -> None:
    """Copy the pictures that another run folder has and target has not. Raises OSError."""
    for folder in folders:
        source = folder / FOLDER
        for path in sorted(source.glob("*")) if not source.is_symlink() else ():
            copy = target / FOLDER / path.name
            is_ours = parse_reference(f"{FOLDER}/{path.name}") is not None and stat.S_ISREG(path.lstat().st_mode)
            if is_ours and not copy.exists():
                copy.parent.mkdir(exist_ok=True)
                with atomic_file(copy, fsync=False) as draft:
                    shutil.copyfile(path, draft)
