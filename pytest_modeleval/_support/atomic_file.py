"""Files that appear whole or not at all: written to a draft in the same folder, then renamed."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Characters of the target's name in the name of its draft: file systems limit a name to 255 bytes.
_NAME_IN_DRAFT = 40


@contextmanager
def atomic_file(path: Path, *, fsync: bool = True) -> Iterator[Path]:
    """Yield the path of an empty draft; it replaces `path` when the block ends, and is removed when the block raises.

    fsync: flush the draft to the disk before the rename, so that a power cut leaves the old file or the new one, never
    an empty one. Raises OSError.
    """
    # The process id and a random part keep two writers apart. The draft has the user's own umask.
    draft = path.with_name(f".{path.name[:_NAME_IN_DRAFT]}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    draft.touch(exist_ok=False)
    try:
        yield draft
        if fsync:
            _flush_to_disk(draft)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def atomic_write(path: Path, data: bytes, *, fsync: bool = True) -> None:
    """Replace the file at `path`: a reader sees the old content or the new, never a part. Raises OSError."""
    with atomic_file(path, fsync=fsync) as draft:
        draft.write_bytes(data)


def atomic_write_json(path: Path, value: Any) -> None:
    """Write a JSON file, indented for people. Raises OSError."""
    import orjson  # noqa: PLC0415 (a declaration imports this module, and no JSON parser)

    atomic_write(path, orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def _flush_to_disk(path: Path) -> None:
    number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(number)
    finally:
        os.close(number)
