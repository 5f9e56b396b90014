"""Names that a contest's judge provides without an import, so that a program which counts on them is not failed.

LiveCodeBench's runner puts wildcard imports of these modules before every program, and LeetCode does the like.
Here they never hide a builtin (a wildcard import of math would replace pow, of io and os open).
"""

from __future__ import annotations

from pytest_modeleval.sandbox import Unit

_MODULES = (
    "string re datetime collections heapq bisect copy math random statistics itertools functools operator io sys json "
    "typing"
)
CONTEST_PRELUDE = (
    Unit(
        "prelude.py",
        f"""
def _provide(names, into):
    import builtins, importlib
    for name in names:
        module = importlib.import_module(name)
        public = getattr(module, "__all__", None) or [n for n in vars(module) if not n.startswith("_")]
        for word in public:
            if not hasattr(builtins, word):
                into[word] = getattr(module, word)
    for name in names:
        into[name] = importlib.import_module(name)
_provide({_MODULES.split()!r}, globals())
del _provide
""",
    ),
)
