"""What stands next to the shipped benchmarks in an installation, which pytest makes nodes of on its way to them."""

from __future__ import annotations

import os
from pathlib import Path

PACKAGE = Path(__file__).parents[1]


class InstalledSiblings:
    """The entries of site-packages and of this package, without those that lead to the shipped benchmarks.

    pytest walks from the root to a path that it is given, and makes a node of each entry of each folder between them,
    some 200 in an installation. In a checkout the benchmarks stand among the tests of the project: nothing is left out.
    """

    def __init__(self, shipped: Path) -> None:
        kept = (shipped, PACKAGE) if shipped.parent == PACKAGE else ()
        self._kept = frozenset(map(str, kept))
        self._folders = frozenset(str(path.parent) for path in kept)

    def __contains__(self, path: Path) -> bool:
        name = str(path)
        return name.rpartition(os.sep)[0] in self._folders and name not in self._kept
