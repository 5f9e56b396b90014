"""As deep a recursion through C code as Python 3.11 allows. Runs inside the sandbox; standard library only.

Python 3.12 and 3.13 count calls that go through C (a function under functools.cache, a generator in sum() or max(), a
key function) apart from sys.setrecursionlimit, and stop at 500 to 10,000 of them, whatever the program set. Programs
that a contest accepts would fail here, and a score would depend on the Python that grades. The count stands in the
thread's state beside the recursion limit, by which it is found. Python 3.14 looks at the stack and needs nothing.
"""

from __future__ import annotations

import ctypes
import sys
import threading

# What one level of such a recursion may take of the C stack, with much to spare.
LEVEL_BYTES = 2_600
_IS_NEEDED = (3, 12) <= sys.version_info < (3, 14) and sys.implementation.name == "cpython"
_MAX_WORDS = 64
# No other field of the state has this value.
_MARK = 1_234_577
_MAX_EXPECTED_LIMIT = 100_000


def allow_deep_recursion(stack_bytes: int) -> bool:
    """Let this thread nest calls through C as deep as its stack bears. False where nothing was changed.

    stack_bytes: size of this thread's C stack.
    """
    if not _IS_NEEDED:
        return False
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(_MARK)
    try:
        state = ctypes.pythonapi.PyThreadState_Get
        state.restype = ctypes.c_void_p
        words = (ctypes.c_int * _MAX_WORDS).from_address(state())
        places = [place for place in range(1, _MAX_WORDS - 1) if words[place] == _MARK]
        # ..., recursion left, recursion limit, C recursion left, ...: any other surroundings are left alone.
        if len(places) != 1:
            return False
        place = places[0]
        if not (0 < words[place - 1] <= _MARK and 0 < words[place + 1] <= _MAX_EXPECTED_LIMIT):
            return False
        words[place + 1] = max(words[place + 1], stack_bytes // LEVEL_BYTES)
        return True
    finally:
        sys.setrecursionlimit(limit)


def allow_in_threads(stack_bytes: int) -> None:
    """The same for every thread that is started from now on; stack_bytes where the program sets no size."""
    start = threading.Thread._bootstrap_inner  # type: ignore[attr-defined]
    if not _IS_NEEDED or start.__name__ == "start_deep":
        return

    def start_deep(self: threading.Thread) -> None:
        # threading.stack_size() is the size for the next thread, which is most likely that of this one.
        allow_deep_recursion(threading.stack_size() or stack_bytes)
        start(self)

    threading.Thread._bootstrap_inner = start_deep  # type: ignore[attr-defined]
