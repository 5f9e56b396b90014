"""The manifest of a subset: number of rows, ids and source file, known before a row is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_modeleval.datasets.files import Stamp

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Manifest:
    """One subset as collection needs it."""

    subset: str
    rows: int
    ids: tuple[str, ...] | None
    """One for each row, where the benchmark takes ids from the data; else None."""
    sha256: str
    """Of the file's bytes on disk, compressed or not; for inline rows, of their JSON."""
    origin: str
    """The data set's id, or the file's name below --eval-data; for messages and run.json."""
    revision: str | None
    """Commit or version; None for a local file."""
    file: str
    """The file's name in messages."""
    path: Path | None = None
    """None for inline rows, and where a folder of several files is the subset."""
    stamp: Stamp | None = None
    ordinals: tuple[int, ...] | None = None
    """Positions of the rows in a file that several subsets share; None where the file is the subset."""
    folder: Path | None = None
    """The folder of several files that is the subset; None elsewhere."""
    excluded: Mapping[str, str] = field(default_factory=dict)
    """Id -> why the data itself allows no grade; such a sample is not asked."""

    def lock_entry(self) -> dict[str, Any]:
        """The entry in run.json: origin, revision, sha256, rows, file."""
        return {
            "origin": self.origin,
            "revision": self.revision,
            "sha256": self.sha256,
            "rows": self.rows,
            "file": self.file,
        }
