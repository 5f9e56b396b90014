"""The cache folder on disk: where it is, one writer at a time, files that appear whole or not at all.

Several processes may share the folder: xdist workers, two terminals, jobs on one machine.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_modeleval._support.atomic_file import atomic_file
from pytest_modeleval._support.file_lock import file_lock
from pytest_modeleval.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def default_cache_dir() -> Path:
    """The folder for fetched data: MODELEVAL_CACHE, else `pytest-modeleval` in the user's cache folder."""
    if chosen := os.environ.get("MODELEVAL_CACHE"):
        return Path(chosen).expanduser().absolute()
    import platformdirs  # noqa: PLC0415 (paid by those who open data)

    return platformdirs.user_cache_path("pytest-modeleval", appauthor=False)


@contextmanager
def cache_lock(path: Path, on_wait: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the lock file `path` for the length of the block; its folder is created if it is missing.

    on_wait: called once, before waiting for another holder.
    Raises DataError where the lock file cannot be made.
    """
    with ExitStack() as stack:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(file_lock(path, on_wait))
        except OSError as error:
            raise unwritable(path, error) from error
        yield


def unwritable(path: Path, error: OSError) -> DataError:
    """The error for a cache folder that does not accept a file."""
    return DataError(
        f"expected a cache folder that can be written, found {error.strerror or error} at {path}; "
        "set MODELEVAL_CACHE to a folder of yours with room, or name prepared data with --eval-data DIR"
    )


@contextmanager
def cache_file(path: Path) -> Iterator[Path]:
    """Yield a draft in the same folder that replaces `path` when the block ends. Raises DataError."""
    # Without fsync: a file that a power cut damages has another hash, and is fetched again.
    with ExitStack() as stack:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = stack.enter_context(atomic_file(path, fsync=False))
        except OSError as error:
            raise unwritable(path, error) from error
        yield draft


def write_cache_file(path: Path, content: bytes) -> None:
    """Write `content` so that a reader sees the old file or the new one, never a part."""
    with cache_file(path) as temporary:
        try:
            temporary.write_bytes(content)
        except OSError as error:
            raise unwritable(path, error) from error


def sha256_of(path: Path) -> str:
    """The sha256 of the bytes of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
