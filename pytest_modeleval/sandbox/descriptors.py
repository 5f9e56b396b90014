"""File descriptors of a process, put in order. Runs inside the sandbox; standard library only."""

from __future__ import annotations

import ctypes
import fcntl
import os
import resource
from collections.abc import Sequence

from pytest_modeleval.sandbox.privileges import libc

_SYS_CLOSE_RANGE = 436
_LAST = 2**32 - 1


def keep_only(fds: Sequence[int], *, first: int) -> None:
    """Move fds to the numbers first, first + 1, ... and close every descriptor above them; those below stay.

    No number of open files makes a difference: a descriptor that is not named here is not open afterwards.
    """
    above = first + len(fds)
    moved = [fcntl.fcntl(fd, fcntl.F_DUPFD, above) for fd in fds]
    for number, fd in enumerate(moved, first):
        os.dup2(fd, number)
    if libc.syscall(_SYS_CLOSE_RANGE, ctypes.c_uint(above), ctypes.c_uint(_LAST), 0) != 0:
        # Before Linux 5.9. An open descriptor may be above a soft limit that was lowered later.
        os.closerange(above, max(65_536, *(n for n in resource.getrlimit(resource.RLIMIT_NOFILE) if n < 2**20), above))
