"""Symbolic equality by math-verify, in a child process that is killed when its time is up.

Why a process: sympy can think for hours about one answer a model makes up (9^{9^{9^9}}), a thread cannot be stopped,
and math-verify's own time limit is a SIGALRM, which works in no thread but the main one and would fight with every
other user of that signal. One child serves all grading of this process; it costs its start (imports of a second or
more) only where an answer is no plain number.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import IO

from pytest_modeleval.errors import Ungraded
from pytest_modeleval.records import Kind

# -P: the folder of the script holds a math.py, which must not hide the standard library's.
_COMMAND = (sys.executable, "-P", str(Path(__file__).with_name("symbolic_child.py")))
# All that Python needs to start and find its packages. API keys stay out.
_ENVIRONMENT = frozenset(
    {"PATH", "HOME", "LANG", "LC_ALL", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "SYSTEMROOT"}
)


def is_equal(target: str, answer: str) -> bool:
    """True if math-verify holds both LaTeX texts for the same value.

    Raises Ungraded (kind grader_error) where it fails: cause "math_timeout", "math_error" or "math_unavailable".
    """
    return _comparer(os.getpid()).is_equal(target, answer)


class Comparer:
    """Keeps one child alive, asks it, kills it when it is late. Safe to share between threads.

    timeout_s: for one comparison. start_s: for the child's start, on a busy machine.
    command: the program that is the child.
    """

    def __init__(self, *, timeout_s: float = 10.0, start_s: float = 120.0, command: Sequence[str] = _COMMAND) -> None:
        self._command = list(command)
        self._timeout_s = timeout_s
        self._start_s = start_s
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._owner = os.getpid()

    def is_equal(self, target: str, answer: str) -> bool:
        """See the function of that name."""
        with self._lock:
            process = self._process if self._process and self._process.poll() is None else self._start()
            question = json.dumps({"target": target, "answer": answer, "alarm_s": int(self._timeout_s) + 5})
            try:
                assert process.stdin is not None
                process.stdin.write(question + "\n")
                process.stdin.flush()
            except OSError as error:
                self._stop()
                raise _ungraded(f"its process ended: {error}", "math_error") from error
            reply = self._read(self._timeout_s, cause="math_timeout")
        if "equal" not in reply:
            raise _ungraded(str(reply.get("error"))[:200], "math_error")
        return bool(reply["equal"])

    def close(self) -> None:
        """End the child."""
        if os.getpid() == self._owner:
            with self._lock:
                self._stop()

    def _start(self) -> subprocess.Popen[str]:
        self._stop()
        self._lines = queue.SimpleQueue()
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            env={name: value for name, value in os.environ.items() if name in _ENVIRONMENT},
            start_new_session=True,
        )
        threading.Thread(
            target=_pump, args=(self._process.stdout, self._lines), name="math-verify reader", daemon=True
        ).start()
        ready = self._read(self._start_s, cause="math_unavailable")
        if not ready.get("ready"):
            self._stop()
            raise _ungraded(str(ready.get("error"))[:200], "math_unavailable")
        return self._process

    def _read(self, timeout_s: float, *, cause: str) -> dict[str, object]:
        try:
            line = self._lines.get(timeout=timeout_s)
        except queue.Empty:
            self._stop()
            raise _ungraded(f"no result within {timeout_s:g} s", cause) from None
        if line is None:
            self._stop()
            raise _ungraded("its process ended, most likely out of memory", "math_error")
        try:
            found = json.loads(line)
        except ValueError:
            found = None
        if isinstance(found, dict):
            return found
        self._stop()
        raise _ungraded(f"it printed {line[:80]!r}", "math_error")

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            # What is left in the buffer has no reader any more.
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()


def _pump(source: IO[str] | None, lines: queue.SimpleQueue[str | None]) -> None:
    """Carry lines over to the queue, whose reading can be limited in time on every platform."""
    with contextlib.suppress(OSError, ValueError):
        for line in source or ():
            lines.put(line)
    lines.put(None)


def _ungraded(what: str, cause: str) -> Ungraded:
    return Ungraded(
        f"expected a comparison by math-verify, found a failure: {what}", kind=Kind.GRADER_ERROR, cause=cause
    )


@cache
def _comparer(owner: int) -> Comparer:
    """The comparer of the process with that id: a fork must not talk to its parent's child."""
    del owner
    made = Comparer()
    atexit.register(made.close)
    return made
