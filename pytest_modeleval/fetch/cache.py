"""The cache folder on disk: where it is, one writer at a time, files that appear whole or not at all.

Several processes may share the folder (xdist workers, two terminals, jobs on one machine). Advisory locks are
released by the system when a process dies, so a crash leaves nothing to clear up.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_modeleval._support.atomic_file import atomic_file
from pytest_modeleval.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

try:
    import fcntl
except ImportError:  # Windows, which we do not claim to support: then two downloads may do the same work twice.
    fcntl = None  # type: ignore[assignment]


def default_cache_dir() -> Path:
    """The folder for fetched data: MODELEVAL_CACHE, else `pytest-modeleval` below the user's cache folder (XDG)."""
    if chosen := os.environ.get("MODELEVAL_CACHE"):
        return Path(chosen).expanduser().absolute()
    xdg = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG base directory specification says that a relative path is to be ignored.
    base = Path(xdg) if Path(xdg).is_absolute() else Path.home() / ".cache"
    return base / "pytest-modeleval"


@contextmanager
def hold(path: Path, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Keep every other process and thread out of the same `hold(path)` until the block ends.

    path: the lock file, made if missing and never removed (removing it would let two holders in).
    on_wait: called once, before waiting for another holder.
    Raises DataError where the file cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = path.open("ab")
    except OSError as error:
        raise unwritable(path, error) from error
    with stream:
        if fcntl is not None:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                on_wait()
                fcntl.flock(stream, fcntl.LOCK_EX)
            except OSError:
                # Some network file systems know no locks. Files still appear whole; work may be done twice.
                pass
        yield  # Closing the stream releases the lock.


def unwritable(path: Path, error: OSError) -> DataError:
    """What to tell the user when the cache folder does not take a file."""
    return DataError(
        f"expected a cache folder that can be written, found {error.strerror or error} at {path}; "
        "set MODELEVAL_CACHE to a folder of yours with room, or name prepared data with --eval-data DIR"
    )


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`; what was written there becomes `path` at the end, or nothing does."""
    # Without fsync: a file that a power cut damages has another hash, and is fetched again.
    with ExitStack() as stack:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = stack.enter_context(atomic_file(path, fsync=False))
        except OSError as error:
            raise unwritable(path, error) from error
        yield draft


def write_whole(path: Path, content: bytes) -> None:
    """Write `content` so that a reader sees the old file or the new one, never a part."""
    with whole_file(path) as temporary:
        try:
            temporary.write_bytes(content)
        except OSError as error:
            raise unwritable(path, error) from error


def sha256_of(path: Path) -> str:
    """The sha256 of the bytes of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
