"""Advisory locks on files, between the processes and threads of one machine.

The system releases the lock of a process that dies, so a crash leaves nothing to clean up. The lock file itself stays
in place: deleting it would let two holders in.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# What a file system without locks (some network mounts) answers.
_UNSUPPORTED = frozenset({errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})


class HeldLock:
    """A lock that this process holds until `release` or its death."""

    __slots__ = ("_release",)

    def __init__(self, release: Callable[[], None]) -> None:
        self._release = release

    def release(self) -> None:
        """Let others in. A second call does nothing."""
        release, self._release = self._release, _do_nothing
        release()


def try_file_lock(path: Path) -> HeldLock | None:
    """Take the lock without waiting; None where another process or thread holds it.

    path: the lock file, created in an existing folder if it is missing.
    On a file system without locks the result is a lock without effect.
    Raises OSError where the file cannot be opened for writing.
    """
    return _acquire(path, is_waiting=False)


@contextmanager
def file_lock(path: Path, on_wait: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the lock for the length of the block, waiting until it is free.

    path: as in `try_file_lock`. on_wait: called once, before waiting for another holder.
    Raises OSError as `try_file_lock` does.
    """
    held = _acquire(path, is_waiting=False)
    if held is None:
        if on_wait is not None:
            on_wait()
        held = _acquire(path, is_waiting=True)
    assert held is not None
    try:
        yield
    finally:
        held.release()


def _acquire(path: Path, *, is_waiting: bool) -> HeldLock | None:
    from filelock import FileLock, Timeout  # noqa: PLC0415 (40 ms, paid by those who lock)

    # Not bound to a thread: a lock may be released by another thread than the one that took it.
    lock = FileLock(path, thread_local=False)
    try:
        lock.acquire(blocking=is_waiting)
    except Timeout:
        return None
    except OSError as error:
        if error.errno in _UNSUPPORTED:
            return HeldLock(_do_nothing)
        raise
    return HeldLock(lock.release)


def _do_nothing() -> None:
    return
