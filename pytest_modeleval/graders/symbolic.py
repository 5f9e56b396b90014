"""Symbolic equality by math-verify, in a child process with limits on time and memory.

Why a process: sympy can work for hours on one answer, a thread cannot be stopped, and math-verify's own time limit is a
SIGALRM, which only works in the main thread and conflicts with other users of that signal. One child serves all
grading of this process. It starts, which takes a second or more, when the first answer needs it.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import IO

from pytest_modeleval._support.child_env import child_environment
from pytest_modeleval.errors import Ungraded
from pytest_modeleval.records import Kind

# -P: the folder of the script holds a math.py, which must not hide the standard library's.
_COMMAND = (sys.executable, "-P", str(Path(__file__).with_name("symbolic_child.py")))


class ComparisonFailed(Exception):
    """math-verify cannot compare these two answers, and will fail again if asked again. The text says why."""


def is_equal(target: str, answer: str) -> bool:
    """True if math-verify finds both LaTeX texts equal.

    Raises ComparisonFailed if the answers are the reason: math-verify raises an exception, needs more CPU time or
    memory than its limits allow, or crashes twice. Raises Ungraded (kind grader_error) for other failures: cause
    "math_timeout" (no result in time, although little CPU time was used), "math_error" or "math_unavailable".
    """
    return _comparer(os.getpid()).is_equal(target, answer)


class _Crashed(Exception):
    """The child ended without an answer."""


class Comparer:
    """Keeps one child alive, asks it, and kills it when it is late. Safe to share between threads.

    timeout_s: for one comparison by the clock. cpu_s: CPU time for one comparison, in whole seconds. start_s: for the
    start of the child. command: the child's program.
    """

    def __init__(
        self,
        *,
        timeout_s: float = 90.0,
        cpu_s: int = 10,
        start_s: float = 120.0,
        command: Sequence[str] = _COMMAND,
    ) -> None:
        self._command = list(command)
        self._cpu_s = cpu_s
        self._timeout_s = timeout_s
        self._start_s = start_s
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._owner = os.getpid()

    def is_equal(self, target: str, answer: str) -> bool:
        """Compare two answers, as the function of that name does."""
        question = json.dumps({"target": target, "answer": answer, "cpu_s": self._cpu_s, "alarm_s": self._alarm_s})
        with self._lock:
            try:
                reply = self._ask(question)
            except _Crashed:
                # A crash may come from outside, such as the kernel's out-of-memory killer. A second one does not.
                try:
                    reply = self._ask(question)
                except _Crashed as crash:
                    raise ComparisonFailed(f"math-verify crashed twice: {crash}") from crash
        if "equal" not in reply:
            raise ComparisonFailed(f"math-verify failed: {str(reply.get('error'))[:200]}")
        return bool(reply["equal"])

    @property
    def _alarm_s(self) -> int:
        return int(self._timeout_s) + 5

    def _ask(self, question: str) -> dict[str, object]:
        process = self._process if self._process and self._process.poll() is None else self._start()
        try:
            assert process.stdin is not None
            process.stdin.write(question + "\n")
            process.stdin.flush()
        except OSError as error:
            self._stop()
            raise _Crashed(f"its process ended: {error}") from error
        return self._read(self._timeout_s, cause="math_timeout")

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
            env=child_environment(os.environ),
            start_new_session=True,
        )
        threading.Thread(
            target=_pump, args=(self._process.stdout, self._lines), name="math-verify reader", daemon=True
        ).start()
        try:
            ready = self._read(self._start_s, cause="math_unavailable")
        except (_Crashed, ComparisonFailed) as error:
            raise _ungraded(str(error), "math_unavailable") from error
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
            code = self._stop(has_ended=True)
            if sys.platform != "win32" and code == -signal.SIGXCPU:
                raise ComparisonFailed(f"math-verify needs more than {self._cpu_s} s of CPU time")
            raise _Crashed(f"its process ended with status {code}, most likely out of memory")
        try:
            found = json.loads(line)
        except ValueError:
            found = None
        if isinstance(found, dict):
            return found
        self._stop()
        raise _ungraded(f"it printed {line[:80]!r}", "math_error")

    def _stop(self, *, has_ended: bool = False) -> int | None:
        """End the child and return its exit status.

        has_ended: its output has ended, so that it is about to exit with a status of its own, which says why.
        """
        process, self._process = self._process, None
        if process is None:
            return None
        if has_ended:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)
        process.kill()
        status = process.wait()
        for pipe in (process.stdin, process.stdout):
            # Closing flushes the buffer, which fails because the reader is gone.
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()
        return status


def _pump(source: IO[str] | None, lines: queue.SimpleQueue[str | None]) -> None:
    """Move lines to the queue, because reading a queue can be limited in time on every platform."""
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
    """Return the comparer of the process with that id: a fork must not use the child of its parent."""
    del owner
    made = Comparer()
    atexit.register(made.close)
    return made
