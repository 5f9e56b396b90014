"""A server that we start: the command of a profile, awaited while its log grows, and stopped for certain."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from typing import TYPE_CHECKING, Self

from pytest_modeleval._support import child_env, redact
from pytest_modeleval._support.side_requests import SideRequestError, http_get
from pytest_modeleval.errors import LaunchError, SettingsError
from pytest_modeleval.server import gpu_memory, shared_memory
from pytest_modeleval.server.crash_diagnosis import describe_exit, diagnose
from pytest_modeleval.server.log import LogTail
from pytest_modeleval.server.process import GuardedProcess
from pytest_modeleval.server.startup_progress import find_milestone

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

    from pytest_modeleval.server.profiles import Profile

HOST = "127.0.0.1"
_LOG = logging.getLogger("pytest_modeleval.server")
_PROBE_EVERY_S = 0.2
# SGLang's own health check may take 20 s.
_PROBE_ANSWER_S = 25.0
_REPORT_EVERY_S = 15.0


class LaunchedServer:
    """One running server of a profile. After construction the command runs; `wait_ready` waits until it serves."""

    profile: Profile
    log_file: Path
    """Everything that it wrote."""
    port: int
    command: tuple[str, ...]
    """As started."""
    is_ready: bool
    """Whether it has served since it was last started."""

    def __init__(
        self,
        profile: Profile,
        *,
        log_file: Path,
        report: Callable[[str], None] = lambda _: None,
        show_progress: Callable[[str], bool] = lambda _: False,
        replica: int = 0,
    ) -> None:
        """Start the command and return at once. Raises LaunchError if it cannot even start.

        report: called with each milestone, a short sentence. show_progress: called several times a second with the
        progress; returns True if there is a status line to show it in, and then milestones are not reported.
        replica: from 0; fills {replica} and {gpus}.
        """
        if profile.launch is None:
            raise SettingsError(
                f"{profile.source}: [{profile.name}] has no [launch] table, so nothing can be started for it; "
                f"give the address of a running server with --model-url"
            )
        self.profile = profile
        self.launch = profile.launch
        self.log_file = log_file
        self._report = report
        self._show_progress = show_progress
        of = self.launch.replicas
        self._name = profile.name if of == 1 else f"{profile.name} ({replica + 1} of {of})"
        self.port = free_port(None if self.launch.port is None else self.launch.port + replica)
        self.command, own_environment = self.launch.fill_placeholders(port=self.port, replica=replica)
        redact.remember(*redact.secrets_in_argv(self.command))
        redact.remember_environment(own_environment)
        log_file.parent.mkdir(parents=True, exist_ok=True)
        self._log_start = self._write_command_to_log()
        allowed = (*child_env.SERVER, *self.launch.pass_env)
        self._environment = {**child_env.child_environment(os.environ, allowed), **own_environment}
        redact.remember_environment(self._environment)
        self._memory_before = gpu_memory.used_bytes() if self.launch.gpu_release_s else {}
        self._segments_before = shared_memory.segments()
        self.is_ready = False
        self._is_given_up = threading.Event()
        self._changing = threading.Lock()
        self._process = self._start()

    @property
    def url(self) -> str:
        """Its OpenAI address, e.g. http://127.0.0.1:41234/v1."""
        return f"http://{HOST}:{self.port}/v1"

    @property
    def version(self) -> str:
        """The installed version of the profile's package, for servers that do not state theirs; "" if unknown."""
        from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - only where one is launched

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
        """The mark that its processes carry in their environment."""
        return self._process.mark

    def poll(self) -> int | None:
        """The server's exit status (128 + signal if one ended it); None while it runs. Costs one system call."""
        return self._process.poll()

    def wait_exit(self, timeout_s: float) -> int | None:
        """Sleep until the server ends, at most timeout_s; its exit status, None if it still runs."""
        return self._process.wait(timeout_s)

    def restart(self, report: Callable[[str], None] = lambda _: None) -> Self:
        """End what is left of it and start it again at the same address; then as wait_ready.

        report: instead of the one given at construction. This runs in a thread of the watch, and a terminal that
        pytest captures may only be written from the main thread.
        What the first server wrote stays in the log. Raises LaunchError as wait_ready does, or when `stop` was called
        in the meantime from another thread; then no server is left.
        """
        self.is_ready = False
        self._process.stop()
        self._remove_shared_memory()
        self._await_memory(report)
        self._log_start = self._write_command_to_log("  (again)")
        with self._changing:
            if not self._is_given_up.is_set():
                self._process = self._start()
        return self._wait_ready(report)

    def wait_ready(self) -> Self:
        """Wait until it serves, and report each milestone.

        Raises LaunchError, with advice and the end of the log, when the process dies, its log does not grow for the
        profile's stall_s, or ready_s is over. The server is gone after any exception.
        """
        return self._wait_ready(self._report, self._show_progress)

    def _wait_ready(
        self, report: Callable[[str], None], show_progress: Callable[[str], bool] = lambda _: False
    ) -> Self:
        progress = _Progress(self._name, report, show_progress)
        tail = LogTail(self.log_file, start=self._log_start)
        try:
            while True:
                for line in tail.read():
                    progress.read(line)
                if self._is_given_up.is_set():
                    raise LaunchError(f"{self.profile.name}: its start was given up, because the run ends")
                # Alive before and after: otherwise another program on this port could answer for a dead one.
                if self.poll() is not None:
                    raise self._failure(f"the process {describe_exit(self.poll())}", tail)
                if self._is_answering() and self.poll() is None:
                    self.is_ready = True
                    report(f"{self._name}: ready after {progress.total_s:.0f} s at {self.url}")
                    _LOG.info("%s: ready after %.0f s at %s", self._name, progress.total_s, self.url)
                    return self
                if progress.quiet_s > self.launch.stall_s:
                    raise self._failure(f"its log stood still for {progress.quiet_s:.1f} s (stall_s)", tail)
                if progress.total_s > self.launch.ready_s:
                    raise self._failure(f"it was not ready after {progress.total_s:.1f} s (ready_s)", tail)
                progress.show()
                self.wait_exit(_PROBE_EVERY_S)
        except BaseException:
            self._process.stop()
            raise

    def stop(self) -> int | None:
        """End it and everything it started; its exit status. May be called again, and from another thread.

        Takes at most stop_s + 12 s, and gpu_release_s where GPUs are still full. The guard first makes the server
        abort what it generates, then sends SIGTERM, then SIGKILL. It also ends a wait_ready or restart under way.
        """
        was_given_up = self._is_given_up.is_set()
        self._is_given_up.set()
        with self._changing:
            status = self._process.stop()
        if not was_given_up:
            _LOG.info("%s: stopped, %s", self._name, describe_exit(status))
            self._remove_shared_memory()
            self._await_memory(self._report)
        return status

    def describe_end(self) -> str:
        """Why it ended, in one line, as far as its log says; for a server that died in mid-run."""
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

    def _write_command_to_log(self, note: str = "") -> int:
        """Append the command; returns where it stands in the log."""
        with self.log_file.open("ab") as log:
            start = log.tell()
            log.write(f"$ {redact.command(self.command)}{note}\n".encode())
        return start

    def _start(self) -> GuardedProcess:
        process = GuardedProcess(
            self.command,
            log_file=self.log_file,
            environment=self._environment,
            stop_s=self.launch.stop_s,
            abort_root=f"http://{HOST}:{self.port}",
            name=self.profile.name,
        )
        _LOG.info("%s: started as process %d: %s", self._name, process.pid, redact.command(self.command))
        return process

    def _is_answering(self) -> bool:
        """True if the ready path answers 200 in time; an open port alone proves little."""
        url = f"http://{HOST}:{self.port}{self.launch.ready_path}"
        try:
            return http_get(url, timeout_s=_PROBE_ANSWER_S, max_bytes=65_536).status == 200
        except SideRequestError:
            return False

    def _remove_shared_memory(self) -> None:
        removed = shared_memory.remove_leftovers(self._segments_before)
        if removed:
            _LOG.info("%s: removed %.0f MB of shared memory that it left", self._name, removed / 1e6)

    def _await_memory(self, report: Callable[[str], None]) -> None:
        if not self.launch.gpu_release_s:
            return
        if gpu_memory.is_missing():
            report(
                f"{self.profile.name}: cannot see whether the GPUs have released their memory; "
                "install pytest-modeleval[gpu] (nvidia-ml-py), or set gpu_release_s = 0"
            )
        elif held := gpu_memory.await_memory(self._memory_before, limit_s=self.launch.gpu_release_s):
            report(f"{self.profile.name}: {held}")

    def _failure(self, reason: str, tail: LogTail) -> LaunchError:
        # The last lines of the process may not have been read yet.
        tail.read()
        lines = tail.last_lines
        failure = diagnose(lines)
        advice = f"  likely cause: {failure.advice}\n" if failure else ""
        shown = "\n".join(f"    {line}" for line in lines) or "    (it wrote nothing)"
        _LOG.info("%s: not ready: %s", self._name, reason)
        return LaunchError(
            f"expected {self.profile.name} to become ready at {self.url}, found: {reason}\n{advice}"
            f"  the last {len(lines)} lines of {self.log_file}:\n{shown}"
        )


class _Progress:
    """The progress of one start, read from the log and shown."""

    def __init__(self, name: str, report: Callable[[str], None], show: Callable[[str], bool]) -> None:
        self._name = name
        self._report = report
        self._show = show
        self._start_s = self._grown_s = self._reported_s = time.monotonic()
        self._reached, self._awaited = "starting", "its first sign of life"

    @property
    def total_s(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._start_s

    @property
    def quiet_s(self) -> float:
        """Seconds since the log grew."""
        return time.monotonic() - self._grown_s

    def read(self, line: str) -> None:
        """Take in a new line of the log."""
        self._grown_s = time.monotonic()
        step = find_milestone(line)
        if step is None or step.done == self._reached:
            return
        self._reached, self._awaited, self._reported_s = step.done, step.next, self._grown_s
        sentence = f"{self._name}: {self._reached} after {self.total_s:.0f} s; waiting for {self._awaited}"
        _LOG.info("%s", sentence)
        if not self._show(sentence):
            self._report(sentence)

    def show(self) -> None:
        """Show how far the start is; without a status line, every 15 seconds."""
        sentence = f"{self._name}: {self._reached}, {self.total_s:.0f} s so far; waiting for {self._awaited}"
        if not self._show(sentence) and time.monotonic() - self._reported_s > _REPORT_EVERY_S:
            self._reported_s = time.monotonic()
            self._report(sentence)


def free_port(wished: int | None) -> int:
    """A port of this machine that is free now: the wished one if it is, else any."""
    for candidate in (0,) if wished is None else (wished, 0):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            # A server that has just ended leaves connections in TIME_WAIT; they do not block the next one.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, candidate))
            except (OSError, OverflowError):
                continue
            return int(probe.getsockname()[1])
    raise LaunchError("expected a free port on 127.0.0.1, found none; see `ss -ltn`")
