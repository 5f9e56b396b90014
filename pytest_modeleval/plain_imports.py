"""Modules of this package are imported by Python's own loader, not by pytest's assertion rewriting.

pytest rewrites the modules of every installed plugin. Here only the test modules of benchmarks assert for a reader, and
an evaluation imports some 250 modules before its first request: through the rewriting hook that takes twice the time,
and the byte code that pip compiled is not used.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

PACKAGE = __name__.partition(".")[0]


class PlainFinder(MetaPathFinder):
    """Finds the modules of this package before pytest's hook is asked, test modules of benchmarks excepted."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module as Python finds it; None for every module that is left to the next finder."""
        package, _, name = fullname.rpartition(".")
        if not f"{package}.".startswith(f"{PACKAGE}.") or name.startswith("test_"):
            return None
        return PathFinder.find_spec(fullname, path, target)


def import_plainly() -> Callable[[], None]:
    """Install the finder and return what removes it."""
    finder = PlainFinder()
    sys.meta_path.insert(0, finder)
    return lambda: sys.meta_path.remove(finder)
