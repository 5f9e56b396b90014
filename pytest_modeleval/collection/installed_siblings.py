"""What stands next to the shipped benchmarks in an installation, which pytest makes nodes of on its way to them."""

from __future__ import annotations

import os
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
# By these pytest knows the folder of an environment, which it does not enter.
_ENVIRONMENT_FILES = ("pyvenv.cfg", "conda-meta/history")


class InstalledSiblings:
    """The entries of an installation that do not lead to the shipped benchmarks.

    pytest walks from the root to a path that it is given, and makes a node of each entry of each folder between them,
    some 200 in site-packages. Where the environment lies in the project, such as `.venv`, pytest would not enter it at
    all. In a checkout the benchmarks stand among the tests of the project: nothing is left out.
    """

    def __init__(self, shipped: Path) -> None:
        is_installed = shipped.parent == PACKAGE
        self._way = frozenset(map(str, (shipped, *shipped.parents))) if is_installed else frozenset()
        self._folders = frozenset(map(str, _folders(shipped))) if is_installed else frozenset()

    def leads_there(self, path: Path) -> bool:
        """Whether the path is the folder of the benchmarks, or a folder on the way to it."""
        return str(path) in self._way

    def __contains__(self, path: Path) -> bool:
        name = str(path)
        return name.rpartition(os.sep)[0] in self._folders and name not in self._way


def _folders(shipped: Path) -> list[Path]:
    """The folders between the environment and the benchmarks; outside of one, this package and site-packages."""
    parents = list(shipped.parents)
    for place, folder in enumerate(parents):
        if any((folder / name).is_file() for name in _ENVIRONMENT_FILES):
            return parents[: place + 1]
    return parents[:2]
