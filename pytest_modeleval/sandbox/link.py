"""What is known from outside about calls between the tests of a benchmark and a program. Standard library only.

The tests (trusted, in their own sandbox) keep a counter in a file of memory: odd while a call waits for its answer. The
program's supervisor reads it to tell sleep inside a call from waiting for the next one; the program has no access.
"""

from __future__ import annotations

import array
import fcntl
import os
import struct
import termios

COUNTER_FD = 4
"""The counter's descriptor in the process of the tests."""


class CallCounter:
    """The supervisor's view of the counter. link: the program's end of the socket over which calls come."""

    def __init__(self, fd: int, link: int) -> None:
        self.fd = fd
        self._link = link
        self._last = 0

    def is_owing(self) -> bool:
        """True if the program has not answered a call that was already open at the previous look."""
        now = read_count(self.fd)
        is_same_call = now % 2 == 1 and now == self._last
        self._last = now
        return is_same_call and not self._is_answer_unread()

    def _is_answer_unread(self) -> bool:
        """The program has written bytes that its caller, which waits for a core, has not read."""
        size = array.array("i", [0])
        fcntl.ioctl(self._link, termios.TIOCOUTQ, size)
        return size[0] > 0


def write_count(fd: int, count: int) -> None:
    """Store the number of calls begun and ended."""
    os.pwrite(fd, struct.pack("<q", count), 0)


def read_count(fd: int) -> int:
    """The number of calls begun and ended; odd while one is open, 0 before the first."""
    content = os.pread(fd, 8, 0)
    return int(struct.unpack("<q", content)[0]) if len(content) == 8 else 0
