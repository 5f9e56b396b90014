"""Names that a contest's judge provides without an import. Runs inside the sandbox; standard library only.

LiveCodeBench's runner puts wildcard imports of these modules before every program, and LeetCode does the like. Here
they never hide a builtin (a wildcard import of math would replace pow, of io and os open).

They are put beside the builtins once, when the sandbox starts: to put six hundred names into the module of every test
would touch six hundred objects, and copy their pages, in every test. A program that is not given them has the builtins
as they were.
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
    """All of them: what the modules export, then the modules themselves under their names."""
    found: dict[str, Any] = {}
    modules = {name: importlib.import_module(name) for name in MODULES.split()}
    for module in modules.values():
        public = getattr(module, "__all__", None) or [name for name in vars(module) if not name.startswith("_")]
        found.update((name, getattr(module, name)) for name in public if not hasattr(builtins, name))
    return found | modules


PLAIN = dict(vars(builtins))


def install() -> None:
    """Put the names beside the builtins, for all processes that are forked from now on."""
    vars(builtins).update(gather())


def provide(namespace: dict[str, Any]) -> None:
    """Let a program's module see the names. Units that run in it from now on do."""
    namespace["__builtins__"] = builtins
    for name in _STREAMS:
        namespace[name] = getattr(sys, name)
