"""Modules of this package are imported as Python imports them, not by pytest's hook that rewrites assert statements.

pytest rewrites the modules of every installed plugin, for plugins that assert in the name of a test. Here only the test
modules of benchmarks do; asserts of the package itself tell the type checker something. Without the hook its modules
load in two thirds of the time, and what pip compiled at installation is used.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

import pytest

PACKAGE = __name__.partition(".")[0]
BENCHMARKS = f"{PACKAGE}.shipped_benchmarks"


class _Finder(MetaPathFinder):
    """Finds modules of this package, benchmarks aside, before anybody else is asked."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """See MetaPathFinder."""
        if not fullname.startswith(f"{PACKAGE}.") or f"{fullname}.".startswith(f"{BENCHMARKS}."):
            return None
        return PathFinder.find_spec(fullname, path, target)


def skip_assertion_rewriting(config: pytest.Config) -> None:
    """From now until pytest ends."""
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    config.add_cleanup(lambda: sys.meta_path.remove(finder))
