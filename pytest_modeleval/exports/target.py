"""Where an export is written: never over a file, and whole or not at all."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pytest_modeleval._support.atomic_file import atomic_file
from pytest_modeleval.errors import SettingsError

_UNSAFE = re.compile(r"[^\w.+=-]+", re.ASCII)
_MOST_CHARS = 80


def safe_name(name: str) -> str:
    """A name as a part of a path, on any file system: it leads nowhere else, and different names stay different."""
    found = _UNSAFE.sub("_", name).lstrip(".")[:_MOST_CHARS]
    if found == name and found:
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{found or 'unnamed'}-{digest}"


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Yield a draft that becomes the file. Raises SettingsError where the path is taken or its folder is missing."""
    _check(path)
    with atomic_file(path, fsync=False) as draft:
        yield draft


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield a new folder; it is removed when the block raises. Raises SettingsError as new_file does."""
    _check(path)
    path.mkdir()
    try:
        yield path
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise


def _check(path: Path) -> None:
    if path.exists() or path.is_symlink():
        raise SettingsError(f"--out: expected a new path, but {path} exists; remove it or name another")
    if not path.parent.is_dir():
        raise SettingsError(f"--out: expected a path in a folder that exists, found {path}; make {path.parent} first")
