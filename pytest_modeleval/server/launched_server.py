"""A server of ours: a profile's command, awaited while its log grows, stopped for certain."""

from __future__ import annotations

import http.client
import os
import socket
import threading
import time
from typing import TYPE_CHECKING, Self

from pytest_modeleval.errors import LaunchError, SettingsError
from pytest_modeleval.server.crash_diagnosis import describe_exit, diagnose
from pytest_modeleval.server.environment import child_environment
from pytest_modeleval.server.gpu_memory import await_memory, used_bytes
from pytest_modeleval.server.log import LogTail
from pytest_modeleval.server.process import GuardedProcess
from pytest_modeleval.server.server_info import command_without_keys
from pytest_modeleval.server.startup_progress import find_milestone

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

    from pytest_modeleval.server.profiles import Profile

HOST = "127.0.0.1"
_PROBE_EVERY_S = 0.2
# SGLang's own health check may take 20 s.
_PROBE_ANSWER_S = 25.0
_SAY_EVERY_S = 15.0


class LaunchedServer:
    """One running server of a profile.

    url: its OpenAI address, ending in /v1. pid: of its main process. log_file: all it wrote. command: as started.
    is_ready: it has been seen serving since it was last started.
    """

    def __init__(
        self,
        profile: Profile,
        *,
        log_file: Path,
        say: Callable[[str], None] = lambda _: None,
        live: Callable[[str], bool] = lambda _: False,
        replica: int = 0,
    ) -> None:
        """Start the command and return at once; `wait_ready` waits. Raises LaunchError if it cannot even start.

        say: told each milestone, a short sentence. live: shown several times a second how far it is; True if there
        is a place for such passing lines, and then milestones are not said. replica: from 0; fills {replica} and
        {gpus}.
        """
        if profile.launch is None:
            raise SettingsError(
                f"{profile.source}: [{profile.name}] has no [launch] table, so nothing can be started for it; "
                f"give the address of a running server with --model-url"
            )
        self.profile = profile
        self.launch = profile.launch
        self.log_file = log_file
        self._say = say
        self._live = live
        of = self.launch.replicas
        self._name = profile.name if of == 1 else f"{profile.name} ({replica + 1} of {of})"
        self.port = free_port(None if self.launch.port is None else self.launch.port + replica)
        self.command, own_environment = self.launch.fill_placeholders(port=self.port, replica=replica)
        log_file.parent.mkdir(parents=True, exist_ok=True)
        with log_file.open("ab") as log:
            self._log_start = log.tell()
            log.write(f"$ {command_without_keys(self.command)}\n".encode())
        self._environment = {**child_environment(os.environ, self.launch.pass_env), **own_environment}
        self._memory_before = used_bytes() if self.launch.gpu_release_s else {}
        self.is_ready = False
        self._is_given_up = threading.Event()
        self._changing = threading.Lock()
        self._process = self._started()

    @property
    def url(self) -> str:
        """Where it answers, e.g. http://127.0.0.1:41234/v1."""
        return f"http://{HOST}:{self.port}/v1"

    @property
    def version(self) -> str:
        """The installed version of the profile's package, for servers that do not tell theirs; "" if unknown."""
        from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 (only where one is launched)

        try:
            return version(self.launch.package) if self.launch.package else ""
        except PackageNotFoundError:
            # The command may run in another environment than ours.
            return ""

    @property
    def pid(self) -> int:
        """The main process of the server, not of its guard."""
        return self._process.pid

    @property
    def mark(self) -> str:
        """What its processes carry in their environment."""
        return self._process.mark

    def poll(self) -> int | None:
        """The server's exit status (128 + signal if one ended it); None while it runs. Costs one system call."""
        return self._process.poll()

    def wait_exit(self, timeout_s: float) -> int | None:
        """Sleep until the server ends, at most timeout_s; its exit status, None if it still runs."""
        return self._process.wait(timeout_s)

    def restart(self, say: Callable[[str], None] = lambda _: None) -> Self:
        """End what is left of it and start it again at the same address; then as wait_ready.

        say: told how far it has come. Not what the server was made with: this runs in a thread of the watch, and a
        terminal that pytest captures may only be written from the main one.
        What the first server wrote stays in the log. Raises LaunchError as wait_ready does, or when `stop` was called
        in the meantime from another thread: then no server is left.
        """
        self.is_ready = False
        self._process.stop()
        self._await_memory(say)
        with self.log_file.open("ab") as log:
            self._log_start = log.tell()
            log.write(f"$ {command_without_keys(self.command)}  (again)\n".encode())
        with self._changing:
            if not self._is_given_up.is_set():
                self._process = self._started()
        return self._wait_ready(say)

    def wait_ready(self) -> Self:
        """Wait until it serves, telling each milestone.

        Raises LaunchError, with advice and the end of the log, when the process dies, its log stands still for the
        profile's stall_s, or ready_s is over. The server is gone after any exception.
        """
        return self._wait_ready(self._say, self._live)

    def _wait_ready(self, say: Callable[[str], None], live: Callable[[str], bool] = lambda _: False) -> Self:
        tail = LogTail(self.log_file, start=self._log_start)
        begun = grown = said_at = time.monotonic()
        reached, awaited = "starting", "its first sign of life"
        try:
            while True:
                for line in tail.read():
                    grown = time.monotonic()
                    step = find_milestone(line)
                    if step is not None and step.done != reached:
                        reached, awaited, said_at = step.done, step.next, grown
                        told = f"{self._name}: {reached} after {grown - begun:.0f} s; waiting for {awaited}"
                        if not live(told):
                            say(told)
                if self._is_given_up.is_set():
                    raise LaunchError(f"{self.profile.name}: its start was given up, because the run ends")
                # Alive before and after: otherwise another program on this port could answer for a dead one.
                if self.poll() is not None:
                    raise self._failure(f"the process {describe_exit(self.poll())}", tail)
                if self.answers() and self.poll() is None:
                    self.is_ready = True
                    say(f"{self._name}: ready after {time.monotonic() - begun:.0f} s at {self.url}")
                    return self
                now = time.monotonic()
                if now - grown > self.launch.stall_s:
                    raise self._failure(f"its log stood still for {now - grown:.1f} s (stall_s)", tail)
                if now - begun > self.launch.ready_s:
                    raise self._failure(f"it was not ready after {now - begun:.1f} s (ready_s)", tail)
                told = f"{self._name}: {reached}, {now - begun:.0f} s so far; waiting for {awaited}"
                if not live(told) and now - said_at > _SAY_EVERY_S:
                    said_at = now
                    say(told)
                self.wait_exit(_PROBE_EVERY_S)
        except BaseException:
            self._process.stop()
            raise

    def stop(self) -> int | None:
        """End it and everything it started; its exit status. May be called again.

        Bounded by stop_s + 12 s, and gpu_release_s where GPUs are still full.
        The guard first tells the server to abort what it generates, then sends SIGTERM, then SIGKILL. From another
        thread it also ends a wait_ready or restart under way.
        """
        was_given_up = self._is_given_up.is_set()
        self._is_given_up.set()
        with self._changing:
            status = self._process.stop()
        if not was_given_up:
            self._await_memory(self._say)
        return status

    def describe_end(self) -> str:
        """Why it ended, in one line, as far as its log tells; for a server that died in mid-run."""
        tail = LogTail(self.log_file, start=self._log_start)
        tail.read()
        failure = diagnose(tail.last_lines)
        return f"the server {describe_exit(self.poll())}" + (f": {failure.advice} [{failure.line}]" if failure else "")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _started(self) -> GuardedProcess:
        return GuardedProcess(
            self.command,
            log_file=self.log_file,
            environment=self._environment,
            stop_s=self.launch.stop_s,
            abort_url=f"http://{HOST}:{self.port}/abort_request",
            what=self.profile.name,
        )

    def answers(self, timeout_s: float = _PROBE_ANSWER_S) -> bool:
        """True if the ready path answers 200 in time: an open port alone proves little."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=timeout_s)
        try:
            connection.request("GET", self.launch.ready_path)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _await_memory(self, say: Callable[[str], None]) -> None:
        if self.launch.gpu_release_s and (held := await_memory(self._memory_before, limit_s=self.launch.gpu_release_s)):
            say(f"{self.profile.name}: {held}")

    def _failure(self, what: str, tail: LogTail) -> LaunchError:
        # What the process wrote last may not have been read yet.
        tail.read()
        lines = tail.last_lines
        failure = diagnose(lines)
        advice = f"  likely cause: {failure.advice}\n" if failure else ""
        shown = "\n".join(f"    {line}" for line in lines) or "    (it wrote nothing)"
        return LaunchError(
            f"expected {self.profile.name} to become ready at {self.url}, found: {what}\n{advice}"
            f"  the last {len(lines)} lines of {self.log_file}:\n{shown}"
        )


def free_port(wished: int | None) -> int:
    """A port of this machine that is free now: the wished one if it is, else any."""
    for candidate in (0,) if wished is None else (wished, 0):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            # A server that has just ended leaves connections in TIME_WAIT; they do not hinder the next one.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, candidate))
            except (OSError, OverflowError):
                continue
            return int(probe.getsockname()[1])
    raise LaunchError("expected a free port on 127.0.0.1, found none; see `ss -ltn`")
