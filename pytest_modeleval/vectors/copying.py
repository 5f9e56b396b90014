"""Vectors of the parts of a run become those of the merged run."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterable
from pathlib import Path

from pytest_modeleval._support.atomic_file import atomic_file

FOLDER = "vectors"
"""In the run folder."""


def copy_vectors(target: Path, folders: Iterable[Path]) -> None:
    """Copy files of vectors that other run folders have. Raises OSError.

    Each part of a run has embedded a whole corpus, so the first file of a corpus does; single texts differ by part.
    """
    for number, folder in enumerate(folder for folder in folders if folder != target):
        source = folder / FOLDER
        for path in sorted(source.glob("*.vec")) if not source.is_symlink() else ():
            copy = target / FOLDER / path.name.replace("-texts-", f"-texts-part{number}-")
            if stat.S_ISREG(path.lstat().st_mode) and not copy.exists():
                copy.parent.mkdir(exist_ok=True)
                with atomic_file(copy, fsync=False) as draft:
                    shutil.copyfile(path, draft)
