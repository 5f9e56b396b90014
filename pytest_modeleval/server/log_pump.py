"""Copies the output of a server into its log without the secrets of the run. Standard library only: the guard runs it.

SGLang and vLLM write their arguments into the log when they start, and errors with the headers of requests.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import threading
import time
from collections.abc import Sequence

from pytest_modeleval._support.redactor import Redactor

_IDLE_S = 0.2
_MAX_LINE_BYTES = 1_000_000
_SHORTEST_PREFIX = 4
_LINE_END = re.compile(rb"[\r\n]")


class LogPump:
    """A thread that reads a pipe until its end. A line is written when it is complete, or after a pause."""

    def __init__(self, source: int, path: str, secrets: Sequence[str]) -> None:
        """source: the reading end of the pipe; closed at its end. path: the log, which is appended to."""
        self._source = source
        self._log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self._redactor = Redactor()
        self._redactor.remember(secrets)
        self._pending = b""
        self._is_idle = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log-pump", daemon=True)
        self._thread.start()

    def settle(self, limit_s: float) -> None:
        """Wait until everything that was written so far is in the log, at most limit_s."""
        deadline = time.monotonic() + limit_s
        self._is_idle.clear()
        while self._thread.is_alive() and time.monotonic() < deadline:
            if self._is_idle.wait(0.02):
                return

    def finish(self, limit_s: float) -> None:
        """Wait for the end of the pipe, at most limit_s."""
        self._thread.join(limit_s)

    def _run(self) -> None:
        while True:
            if select.select([self._source], [], [], _IDLE_S)[0]:
                piece = os.read(self._source, 65_536)
                if not piece:
                    break
                self._pending += piece
                self._write_lines()
            else:
                self._write(len(self._pending) - self._held_back())
                self._is_idle.set()
        self._write(len(self._pending))
        os.close(self._source)
        os.close(self._log)

    def _write_lines(self) -> None:
        ends = [found.end() for found in _LINE_END.finditer(self._pending)]
        if ends:
            self._write(ends[-1])
        elif len(self._pending) > _MAX_LINE_BYTES:
            self._write(len(self._pending) - self._held_back())

    def _held_back(self) -> int:
        """Bytes at the end that may be the beginning of a secret."""
        longest = 0
        for secret in self._redactor.secrets:
            raw = secret.encode("utf-8", "surrogateescape")
            for size in range(min(len(raw) - 1, len(self._pending)), max(longest, _SHORTEST_PREFIX - 1), -1):
                if self._pending.endswith(raw[:size]):
                    longest = size
                    break
        return longest

    def _write(self, size: int) -> None:
        if size <= 0:
            return
        text = self._pending[:size].decode("utf-8", "surrogateescape")
        self._pending = self._pending[size:]
        # A full disk must not stop the server: its output is read on.
        with contextlib.suppress(OSError):
            data = self._redactor.text(text).encode("utf-8", "surrogateescape")
            while data:
                data = data[os.write(self._log, data) :]
