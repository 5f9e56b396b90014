"""Where the shipped benchmarks are, and how their pages are imported."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]


def shipped_folder() -> Path:
    """The folder of the shipped benchmarks: inside the wheel, or at the top of the repository."""
    inside = _PACKAGE / "shipped_benchmarks"
    return inside if inside.is_dir() else _PACKAGE.parent / "benchmarks"


@contextmanager
def importable_package(folder: Path) -> Iterator[str]:
    """The name under which the pages of the folder are imported."""
    if folder.parent == _PACKAGE:
        yield f"{_PACKAGE.name}.{folder.name}"
        return
    sys.path.insert(0, str(folder.parent))
    try:
        yield folder.name
    finally:
        sys.path.remove(str(folder.parent))
