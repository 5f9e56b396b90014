"""Where the shipped benchmarks are."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parents[1]


def shipped_folder() -> Path:
    """The folder of the shipped benchmarks: inside the wheel, or at the top of the repository."""
    inside = _PACKAGE / "shipped_benchmarks"
    return inside if inside.is_dir() else _PACKAGE.parent / "benchmarks"
