"""Lifts CPython's fixed limit of recursion through C code. Runs inside the sandbox; standard library only.

Python 3.12 and 3.13 count calls that pass through C (a function under functools.cache, a generator in sum() or max(), a
key function) apart from sys.setrecursionlimit, and stop at 500 to 10,000 of them, whatever limit the program set.
Programs that a contest accepts would fail here, and a score would depend on the Python that grades. The counter lies in
the thread state next to the recursion limit, by which it is located. Python 3.14 checks the stack and needs nothing.
"""

from __future__ import annotations

import ctypes
import sys
import threading

# C stack used by one level of such a recursion, with a wide margin.
LEVEL_BYTES = 2_600
_IS_NEEDED = (3, 12) <= sys.version_info < (3, 14) and sys.implementation.name == "cpython"
_MAX_WORDS = 64
# A recursion limit that no other field of the thread state equals.
_MARK = 1_234_577
_MAX_EXPECTED_LIMIT = 100_000


def allow_deep_recursion(stack_bytes: int) -> bool:
    """Allow this thread as many nested calls through C as its stack of stack_bytes holds; False if nothing changed."""
    if not _IS_NEEDED:
        return False
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(_MARK)
    try:
        state = ctypes.pythonapi.PyThreadState_Get
        state.restype = ctypes.c_void_p
        words = (ctypes.c_int * _MAX_WORDS).from_address(state())
        places = [place for place in range(1, _MAX_WORDS - 1) if words[place] == _MARK]
        # Expected layout: recursion left, recursion limit, C recursion left. Any other layout is left alone.
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
    """Do the same in every thread started from now on; stack_bytes applies where the program sets no size."""
    start = threading.Thread._bootstrap_inner  # type: ignore[attr-defined]
    if not _IS_NEEDED or start.__name__ == "start_deep":
        return

    def start_deep(self: threading.Thread) -> None:
        # threading.stack_size() is the size of the next thread, most likely also of this one.
        allow_deep_recursion(threading.stack_size() or stack_bytes)
        start(self)

    threading.Thread._bootstrap_inner = start_deep  # type: ignore[attr-defined]
