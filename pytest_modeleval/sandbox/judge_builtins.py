"""Names that contest judges provide without an import. Runs inside the sandbox; standard library only.

LiveCodeBench's runner puts wildcard imports of these modules before every program, and LeetCode does much the same.
Here they never hide a builtin (a wildcard import of math would replace pow, one of io or os would replace open).

They are added to the builtins once, when the sandbox starts: adding six hundred names to the module of every test would
touch six hundred objects, and copy their pages, in every test. Programs of problems without these names get the plain
builtins.
"""

from __future__ import annotations

import builtins
import importlib
import sys
from typing import Any

MODULES = (
    "string re datetime collections heapq bisect copy math random statistics itertools functools operator io sys json "
    "typing"
)
_STREAMS = ("stdin", "stdout", "stderr")


def gather() -> dict[str, Any]:
    """What the modules export, and the modules themselves under their names."""
    found: dict[str, Any] = {}
    modules = {name: importlib.import_module(name) for name in MODULES.split()}
    for module in modules.values():
        public = getattr(module, "__all__", None) or [name for name in vars(module) if not name.startswith("_")]
        found.update((name, getattr(module, name)) for name in public if not hasattr(builtins, name))
    return found | modules


PLAIN = dict(vars(builtins))


def install() -> None:
    """Add the names to the builtins, for all processes forked from now on."""
    vars(builtins).update(gather())


def provide(namespace: dict[str, Any]) -> None:
    """Make the names visible in a program's module, for source files that run in it from now on."""
    namespace["__builtins__"] = builtins
    for name in _STREAMS:
        namespace[name] = getattr(sys, name)
