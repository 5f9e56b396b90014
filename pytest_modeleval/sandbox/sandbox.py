"""One sandbox: started, given programs, asked to run them, closed. The plugin's side of the socket.

What it contains and what it does not: docs/sandbox.md.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pytest_modeleval.sandbox import ipc
from pytest_modeleval.sandbox.cgroup import create_cgroup
from pytest_modeleval.sandbox.isolation import Isolation, advice, launch
from pytest_modeleval.sandbox.limits import Limits, RunReport, SandboxError, SandboxUnavailable

_START_S = 30.0
_GRACE_S = 20.0
_ERROR_BYTES = 8192
_TICKET_BYTES = 16


@dataclass(frozen=True, slots=True)
class SourceFile:
    """Source that runs in the program's module. Several run in order; only the last one is the model's."""

    name: str
    source: str


@dataclass(frozen=True, slots=True)
class Link:
    """The connection between the tests of a benchmark and the program that they call."""

    socket_fd: int
    """This side's end of a socket pair."""
    counter_fd: int
    """A file of memory in which the tests count their calls (link.py)."""


class Sandbox:
    """Runs untrusted programs, one at a time. For one thread at a time.

    packages: names of packages of this environment that programs may import. tmp_bytes: size of each of the two
    writable folders. has_cgroup: count with a control group where there is one. Raises SandboxUnavailable if this
    isolation cannot be built here.
    """

    def __init__(
        self,
        isolation: Isolation,
        *,
        packages: Sequence[str] = (),
        tmp_bytes: int = 64 * 2**20,
        has_cgroup: bool = True,
    ) -> None:
        self.isolation = isolation
        self.packages = tuple(packages)
        self.is_usable = False
        self.runs = 0
        if sys.platform != "linux":
            raise SandboxUnavailable(f"programs can be graded on Linux only, found {sys.platform}")
        self._cgroup = create_cgroup(is_wanted=has_cgroup)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._channel = ours
        with theirs:
            try:
                self._process = launch(isolation, theirs.fileno(), self.packages, tmp_bytes, self._cgroup)
            except BaseException:
                ours.close()
                self._cgroup.remove()
                raise
        self._cgroup.close_files()
        try:
            self.facts = self._receive(_START_S)
        except SandboxError as error:
            reason = f"{isolation} sandbox does not start: {self._stderr_tail() or error}"
            raise SandboxUnavailable(reason, advice(isolation)) from error
        if "failed" in self.facts:
            self.close()
            raise SandboxUnavailable(f"{isolation} sandbox does not start: {self.facts['failed']}", advice(isolation))
        self.is_usable = True

    def load(self, sources: Sequence[SourceFile], *, limits: Limits) -> RunReport:
        """Compile a program for the runs that follow.

        The exit code is exit_codes.COMPILE_FAILED if it does not compile; the error text then says why.
        """
        content = json.dumps([[file.name, file.source] for file in sources]).encode("utf-8", "surrogatepass")
        mentioned = [name for name in self.packages if any(name in file.source for file in sources)]
        files = [memory_file(content), memory_file(), memory_file()]
        try:
            ticket = self._send({"do": "load", "warm": mentioned, "limits": asdict(limits)}, tuple(files))
            return self._report(ticket, limits, output=files[1], error=files[2], result=-1)
        finally:
            _close(files)

    def start(
        self,
        mode: str,
        stdin: bytes,
        *,
        limits: Limits,
        link: Link | None = None,
        target: tuple[str, str] = ("", ""),
        names: Sequence[str] = (),
    ) -> Run:
        """Begin one run of the loaded program; `finish` of the returned Run waits for its end.

        mode: see run_modes.py. link: for the modes that talk. target: class ("" for none) and name of the function to
        call. names: in mode `check`, the names under which the tests know the program's function.
        """
        has_result = mode == "function"
        files = [memory_file(stdin), memory_file(), memory_file()]
        extra = [memory_file()] if has_result else [os.dup(link.socket_fd), os.dup(link.counter_fd)] if link else []
        message: dict[str, Any] = {
            "do": "run",
            "mode": mode,
            "limits": asdict(limits),
            "class": target[0],
            "function": target[1],
        }
        message |= {"names": list(names), "has_counter": mode == "calls"}
        try:
            ticket = self._send(message, (*files, *extra))
        except BaseException:
            _close([*files, *extra])
            raise
        if not has_result:
            _close(extra)
        return Run(self, ticket, limits, files, extra if has_result else [])

    def close(self) -> None:
        """End the sandbox and everything in it."""
        self.is_usable = False
        self._channel.close()
        try:
            self._process.wait(0.5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stderr:
            self._process.stderr.close()
        self._cgroup.remove()

    def kill(self) -> None:
        """End the sandbox without waiting for it to end itself."""
        self.is_usable = False
        self._channel.close()
        self._process.kill()
        self._process.wait()
        self._cgroup.remove()

    def _send(self, message: dict[str, Any], fds: tuple[int, ...]) -> bytes:
        """Send a job; the ticket that its report must carry."""
        if not self.is_usable:
            raise SandboxError("this sandbox has ended")
        ticket = secrets.token_bytes(_TICKET_BYTES)
        try:
            ipc.send(self._channel, message, fds)
            # A message of its own: the supervisor reads it once the program's process exists without it.
            self._channel.send(ticket)
        except OSError as error:
            self.close()
            raise SandboxError(f"the sandbox is gone: {error}") from error
        return ticket

    def _receive(self, within_s: float) -> dict[str, Any]:
        self._channel.settimeout(within_s)
        try:
            return ipc.receive(self._channel)[0]
        except (OSError, EOFError, ValueError) as error:
            self.kill()
            raise SandboxError(f"the sandbox does not answer: {error}") from error

    def _stderr_tail(self) -> str:
        if not self._process.stderr:
            return ""
        with contextlib.closing(self._process.stderr) as stream:
            return stream.read()[-500:].decode(errors="replace").strip()

    def _report(self, ticket: bytes, limits: Limits, *, output: int, error: int, result: int) -> RunReport:
        seen = self._receive(limits.wall_s + _GRACE_S)
        if seen.get("ticket") != ticket.hex():
            self.kill()
            raise SandboxError("the sandbox reported on another run than the one that was started")
        self.runs += 1
        error_text = _tail(error)
        if not seen["is_set_up"]:
            self.close()
            raise SandboxError(f"the program could not be started: {error_text.strip() or seen}")
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
            error=error_text,
            result=_head(result, limits.output_bytes),
            is_output_full=any(full) or seen["stopped"] == "files",
        )


class Run:
    """A run in progress. Call `finish` exactly once."""

    def __init__(self, sandbox: Sandbox, ticket: bytes, limits: Limits, files: list[int], result: list[int]) -> None:
        self._sandbox, self._ticket, self._limits = sandbox, ticket, limits
        self._files, self._result = files, result

    def finish(self) -> RunReport:
        """Wait for the end. Raises SandboxError if the sandbox failed, not the program."""
        result = self._result[0] if self._result else -1
        _, output, error = self._files
        try:
            return self._sandbox._report(self._ticket, self._limits, output=output, error=error, result=result)
        finally:
            _close([*self._files, *self._result])


def memory_file(content: bytes = b"") -> int:
    """A descriptor of a new file in memory, its position at the start."""
    fd = os.memfd_create("modeleval")
    view = memoryview(content)
    at = 0
    while at < len(view):
        at += os.pwrite(fd, view[at:], at)
    return fd


def _head(fd: int, max_bytes: int) -> bytes:
    """The start of a file, however large or sparse the program made it."""
    if fd < 0:
        return b""
    parts, at = [], 0
    while at < max_bytes and (part := os.pread(fd, max_bytes - at, at)):
        parts.append(part)
        at += len(part)
    return b"".join(parts)


def _tail(fd: int) -> str:
    size = os.fstat(fd).st_size
    return os.pread(fd, _ERROR_BYTES, max(0, size - _ERROR_BYTES)).decode(errors="replace")


def _close(fds: Sequence[int]) -> None:
    for fd in fds:
        os.close(fd)
