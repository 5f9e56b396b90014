"""Reading a file whose content was written by others: never a device or a pipe, never more than a bound."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


def read_bounded(path: Path, most_bytes: int, *, follows_link: bool = True) -> bytes:
    """The content of a regular file of at most this size.

    follows_link: see `open_regular`. Raises OSError as it does, and for a file that is larger.
    """
    with open_regular(path, follows_link=follows_link) as file:
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise OSError(errno.EFBIG, f"it is larger than {most_bytes:,} bytes", str(path))
    return content


def open_regular(path: Path, *, follows_link: bool = True) -> BinaryIO:
    """A regular file, opened for reading.

    follows_link: False refuses a symbolic link, whose target may be anything.
    Raises OSError, whose strerror says what is wrong: a file that cannot be opened, or that is no regular file (a pipe
    without a writer would never end, a device never at all).
    """
    descriptor = _open(path, follows_link=follows_link)
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        if stat.S_ISDIR(mode):
            raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    return os.fdopen(descriptor, "rb")


def _open(path: Path, *, follows_link: bool) -> int:
    # Without O_NONBLOCK the opening of a pipe waits for a writer.
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        return os.open(path, flags if follows_link else flags | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno == errno.ELOOP and not follows_link:
            raise OSError(errno.ELOOP, "it is a link", str(path)) from error
        raise
