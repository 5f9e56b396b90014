"""The program's writable folders, emptied and checked after each run. Runs inside the sandbox; standard library."""

# Paths here are arguments of system calls.
# ruff: noqa: PTH108
from __future__ import annotations

import contextlib
import fcntl
import os

FOLDERS = ("/tmp", "/dev/shm")  # noqa: S108 - the sandbox's own
_MAX_ENTRIES = 100
_FS_IOC_GETFLAGS = 0x80086601


class ScratchFolders:
    """The two folders, and their state before the first program."""

    def __init__(self) -> None:
        self._states = {folder: _state(folder) for folder in FOLDERS}

    def reset(self) -> bool:
        """Remove what a run left. False if anything remains: the sandbox must be replaced.

        The program owns these folders in most sandboxes, so it can change their mode, attributes and times too.
        """
        return all(self._reset(folder) for folder in FOLDERS)

    def inodes(self) -> int:
        """The greater number of files in one of the folders."""
        most = 0
        for folder in FOLDERS:
            with contextlib.suppress(OSError):
                counts = os.statvfs(folder)
                most = max(most, counts.f_files - counts.f_ffree)
        return most

    def _reset(self, folder: str) -> bool:
        if self._states[folder] is None or _state(folder) != self._states[folder]:
            return self._states[folder] is None and not os.path.exists(folder)  # noqa: PTH110
        try:
            for number, entry in enumerate(os.scandir(folder)):
                if number > _MAX_ENTRIES or entry.is_dir(follow_symlinks=False):
                    return False
                os.unlink(entry.path)
        except OSError:
            return False
        with contextlib.suppress(PermissionError):
            # Root's folder: the program cannot choose its times either.
            os.utime(folder, ns=(0, 0))
        return True


def _state(folder: str) -> tuple[object, ...] | None:
    """Everything of a folder that outlives its files; None if it is not there."""
    try:
        found = os.stat(folder)  # noqa: PTH116
    except OSError:
        return None
    attributes: list[tuple[str, bytes]] = []
    flags = bytearray(8)
    with contextlib.suppress(OSError):
        attributes = [(name, os.getxattr(folder, name)) for name in sorted(os.listxattr(folder))]
    with contextlib.suppress(OSError):
        fd = os.open(folder, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, _FS_IOC_GETFLAGS, flags)
        finally:
            os.close(fd)
    return (found.st_mode, found.st_uid, found.st_gid, attributes, bytes(flags))
