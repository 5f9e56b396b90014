"""One sandbox: started, given programs, asked to run them, ended. The plugin's side of the socket.

The walls, what they hold and what they do not: docs/sandbox.md.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pytest_modeleval.sandbox import ipc
from pytest_modeleval.sandbox.isolation import Isolation, advice, launch
from pytest_modeleval.sandbox.limits import Limits, RunReport, SandboxError, SandboxUnavailable

_START_S = 30.0
_GRACE_S = 20.0
_ERROR_BYTES = 8192


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A piece of source that runs in the program's module, in order; only the last one is the model's."""

    name: str
    source: str


class Sandbox:
    """A place where untrusted programs run, one after the other. Used by one thread at a time.

    walls: which kind. packages: importable packages of ours that programs may import (a list of names). tmp_bytes:
    size of the program's only writable folders. Raises SandboxUnavailable if the walls cannot be built here.
    """

    def __init__(self, isolation: Isolation, *, packages: Sequence[str] = (), tmp_bytes: int = 64 * 2**20) -> None:
        self.isolation = isolation
        self.packages = tuple(packages)
        self.is_usable = False
        self.runs = 0
        if sys.platform != "linux":
            raise SandboxUnavailable(f"programs can be judged on Linux only, found {sys.platform}")
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._channel = ours
        with theirs:
            try:
                self._process = launch(isolation, theirs.fileno(), self.packages, tmp_bytes)
            except BaseException:
                ours.close()
                raise
        try:
            self.facts = self._answer(_START_S)
        except SandboxError as error:
            said = self._stderr_tail()
            raise SandboxUnavailable(
                f"{isolation} sandbox does not start: {said or error}", advice(isolation)
            ) from error
        if "failed" in self.facts:
            self.close()
            raise SandboxUnavailable(f"{isolation} sandbox does not start: {self.facts['failed']}", advice(isolation))
        self.is_usable = True

    def load(self, sources: Sequence[SourceFile], *, limits: Limits) -> RunReport:
        """Compile a program for the runs that follow. exit_code 3: it does not compile, error says why."""
        source = json.dumps([[unit.name, unit.source] for unit in sources]).encode("utf-8", "surrogatepass")
        mentioned = [name for name in self.packages if any(name in unit.source for unit in sources)]
        files = [_memory_file(source), _memory_file(), _memory_file()]
        try:
            self._start({"do": "load", "warm": mentioned, "limits": asdict(limits)}, tuple(files))
            return self._report(limits, output=files[1], error=files[2], result=-1)
        finally:
            _close(files)

    def start(
        self,
        mode: str,
        given: bytes,
        *,
        limits: Limits,
        link: int = -1,
        target: tuple[str, str] = ("", ""),
        names: Sequence[str] = (),
    ) -> Run:
        """Begin one run of the loaded program; `finish` of what is returned waits for it.

        style: see styles.py. given: what descriptor 0 holds. link: a socket for the styles that talk. target: class
        (or "") and name of the function to call. names: for `check`, under which the tests know the program's function.
        """
        has_result = mode == "function"
        files = [_memory_file(given), _memory_file(), _memory_file()]
        extra = [_memory_file()] if has_result else [os.dup(link)] if link >= 0 else []
        message = {"do": "run", "mode": mode, "limits": asdict(limits), "class": target[0], "function": target[1]}
        message["names"] = list(names)
        try:
            self._start(message, (*files, *extra))
        except BaseException:
            _close([*files, *extra])
            raise
        if not has_result:
            _close(extra)
        return Run(self, limits, files, extra if has_result else [])

    def close(self) -> None:
        """End it and everything in it."""
        self.is_usable = False
        self._channel.close()
        try:
            self._process.wait(0.5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stderr:
            self._process.stderr.close()

    def _start(self, message: dict[str, Any], fds: tuple[int, ...]) -> None:
        if not self.is_usable:
            raise SandboxError("this sandbox has ended")
        try:
            ipc.send(self._channel, message, fds)
        except OSError as error:
            self.close()
            raise SandboxError(f"the sandbox is gone: {error}") from error

    def _answer(self, within_s: float) -> dict[str, Any]:
        self._channel.settimeout(within_s)
        try:
            return ipc.receive(self._channel)[0]
        except (OSError, EOFError, ValueError) as error:
            self.close_hard()
            raise SandboxError(f"the sandbox does not answer: {error}") from error

    def close_hard(self) -> None:
        """End it at once."""
        self.is_usable = False
        self._channel.close()
        self._process.kill()
        self._process.wait()

    def _stderr_tail(self) -> str:
        if not self._process.stderr:
            return ""
        with contextlib.closing(self._process.stderr) as stream:
            return stream.read()[-500:].decode(errors="replace").strip()

    def _report(self, limits: Limits, *, output: int, error: int, result: int) -> RunReport:
        seen = self._answer(limits.wall_s + _GRACE_S)
        self.runs += 1
        said = _tail(error)
        if not seen["is_set_up"]:
            self.close()
            raise SandboxError(f"the program could not be started: {said.strip() or seen}")
        if seen["is_dirty"]:
            self.close()
        full = [os.fstat(fd).st_size >= limits.output_bytes for fd in (output, error, result) if fd >= 0]
        return RunReport(
            exit_code=seen["exit_code"],
            stopped=seen["stopped"],
            cpu_s=seen["cpu_s"],
            blocked_s=seen["blocked_s"],
            wall_s=seen["wall_s"],
            peak_bytes=seen["peak_bytes"],
            output=_head(output, limits.output_bytes),
            error=said,
            result=_head(result, limits.output_bytes),
            is_output_full=any(full) or seen["stopped"] == "files",
        )


class Run:
    """A run under way. `finish` must be called once."""

    def __init__(self, sandbox: Sandbox, limits: Limits, files: list[int], result: list[int]) -> None:
        self._sandbox, self._limits, self._files, self._result = sandbox, limits, files, result

    def finish(self) -> RunReport:
        """Wait for its end. Raises SandboxError if the sandbox failed, not the program."""
        result = self._result[0] if self._result else -1
        try:
            return self._sandbox._report(self._limits, output=self._files[1], error=self._files[2], result=result)
        finally:
            _close([*self._files, *self._result])


def _memory_file(content: bytes = b"") -> int:
    """A file in memory whose position is at its start; the size of what a program writes is limited by its own."""
    fd = os.memfd_create("modeleval")
    view = memoryview(content)
    at = 0
    while at < len(view):
        at += os.pwrite(fd, view[at:], at)
    return fd


def _head(fd: int, most_bytes: int) -> bytes:
    """The start of a file, however large or sparse the program made it."""
    if fd < 0:
        return b""
    parts, at = [], 0
    while at < most_bytes and (part := os.pread(fd, most_bytes - at, at)):
        parts.append(part)
        at += len(part)
    return b"".join(parts)


def _tail(fd: int) -> str:
    size = os.fstat(fd).st_size
    return os.pread(fd, _ERROR_BYTES, max(0, size - _ERROR_BYTES)).decode(errors="replace")


def _close(fds: Sequence[int]) -> None:
    for fd in fds:
        os.close(fd)
