"""Removes the shared memory that a killed server leaves in /dev/shm. Linux only.

SGLang and vLLM share memory between their processes: /dev/shm/psm_* (hundreds of megabytes each), sem.mp-* and
sglang_*.shm. After SIGKILL nothing removes them, and a machine that starts servers all day runs out of memory.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable
from pathlib import Path

SHM = Path("/dev/shm")  # noqa: S108 - the folder itself is the subject
_NAME = re.compile(r"psm_[0-9a-f]+\Z|sem\.mp-\w+\Z|sglang_\w+\.shm\Z")


def segments(folder: Path = SHM) -> frozenset[str]:
    """The names of segments of this user that a server may have made."""
    try:
        entries = list(folder.iterdir())
    except OSError:
        return frozenset()
    return frozenset(entry.name for entry in entries if _NAME.match(entry.name) and _is_own(entry))


def remove_leftovers(before: Iterable[str], folder: Path = SHM) -> int:
    """Remove the segments that appeared since `before` and that no process maps any more; returns their bytes.

    before: `segments` at the start of the server. Call it when all processes of the server have ended. Segments of
    other programs are mapped by them and stay.
    """
    new = segments(folder) - frozenset(before)
    if not new:
        return 0
    mapped = _mapped_names(folder)
    removed = 0
    for name in new - mapped:
        with contextlib.suppress(OSError):
            size = (folder / name).stat().st_size
            (folder / name).unlink()
            removed += size
    return removed


def _is_own(entry: Path) -> bool:
    try:
        return entry.lstat().st_uid == os.getuid()
    except OSError:
        return False


def _mapped_names(folder: Path) -> frozenset[str]:
    """Names in the folder that a process maps or has open. Only processes of this user can have opened its segments."""
    found: set[str] = set()
    prefix = f"{folder}/"
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            for line in (process / "maps").read_text(errors="replace").splitlines():
                path = line.partition(prefix)[2]
                if path:
                    found.add(path)
        with contextlib.suppress(OSError):
            for descriptor in (process / "fd").iterdir():
                with contextlib.suppress(OSError):
                    target = str(descriptor.readlink())
                    if target.startswith(prefix):
                        found.add(target.removeprefix(prefix))
    return frozenset(found)
