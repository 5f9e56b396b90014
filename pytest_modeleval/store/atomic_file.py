"""Small files written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import orjson


def write_whole(path: Path, data: bytes) -> None:
    """Put data in place of whatever is at path; a reader sees the old file or the new one, never half of it."""
    # The process id keeps two writers apart.
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with draft.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file, indented for people."""
    write_whole(path, orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
