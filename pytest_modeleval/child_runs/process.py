"""A run in a process of its own: started without fork of the caller, watched, ended, and read when it is over."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from pytest_modeleval.child_runs.result import EvaluatedRun, Progress, evaluated_run
from pytest_modeleval.errors import EvaluationIncomplete, RunFolderError
from pytest_modeleval.reports.live import PROGRESS_MARK, BenchmarkProgress
from pytest_modeleval.reports.text_layout import visible
from pytest_modeleval.runs.finished_run import open_run

_CHILD = Path(__file__).with_name("child.py")
_MOST_LINES = 40
_MOST_LINE = 500
# Of a run that is stopped: it writes its summary and stops a server of its own.
STOP_S = 60.0
_WITH_RESULT = (0, 1, 6)
_ADVICE = {
    1: "a test failed before any sample was graded; see the last lines",
    2: "the run was interrupted; the same call with the same run folder goes on",
    3: "an internal error of pytest or of pytest-modeleval; report it with the last lines",
    4: "correct what the last lines name; nothing was asked",
    5: "nothing was selected; check select and subsets (`modeleval benchmarks` lists them)",
    6: "the same call with the same run folder goes on; max_ungraded says how many samples may be without a grade",
}


class ChildRun:
    """A run that was started. `wait()`, once, gives its result; `stop()` ends it. Both work from any thread."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        run: Path | None,
        model: str,
        progress: Callable[[Progress], object] | None,
        temporary: Path | None = None,
    ) -> None:
        """Start it. folder: where. run: the run folder, where the caller named one. temporary: a file to remove."""
        self._temporary = temporary
        self._model = model
        self._run = run
        self._progress = progress
        self._lines: deque[str] = deque(maxlen=_MOST_LINES)
        # With a session of its own: Ctrl-C in the caller's terminal is the caller's.
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(_CHILD), "--owner", str(os.getpid()), *command],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    @property
    def is_over(self) -> bool:
        """The process has ended."""
        return self._process.poll() is not None

    def wait(self) -> EvaluatedRun:
        """The result, when the run is over. Whatever is raised while it waits (Ctrl-C) ends the run.

        Raises EvaluationIncomplete where nothing can be said.
        """
        try:
            self._read_lines()
            status = self._process.wait()
        except BaseException:
            self.stop()
            raise
        finally:
            assert self._process.stdout is not None
            self._process.stdout.close()
            if self._temporary is not None:
                self._temporary.unlink(missing_ok=True)
        return self._result(status)

    def stop(self, wait_s: float = STOP_S) -> None:
        """End the run as Ctrl-C does, so that it can be resumed; after wait_s seconds kill it. Waits for its end."""
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(wait_s)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _read_lines(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        # A line has a bound: a longer one is taken in pieces.
        while line := stream.readline(1_000_000):
            if line.startswith(PROGRESS_MARK):
                self._take_progress(line.removeprefix(PROGRESS_MARK))
            elif text := line.rstrip():
                self._lines.append(visible(text)[:_MOST_LINE])

    def _take_progress(self, text: str) -> None:
        try:
            found = json.loads(text)
            benchmarks = tuple(BenchmarkProgress(**fields) for fields in found.get("benchmarks", ()))
            run = Path(found["run"]) if "run" in found else None
        except (ValueError, TypeError, AttributeError):
            # Not ours: something else printed such a line.
            return
        self._run = self._run or run
        if self._progress is not None:
            self._progress(Progress(self._run, benchmarks))

    def _result(self, status: int) -> EvaluatedRun:
        found = None
        if self._run is not None:
            with suppress(RunFolderError, OSError):
                found = evaluated_run(open_run(self._run), status)
        if found is not None and status in _WITH_RESULT and found.is_complete and found.benchmarks:
            return found
        raise EvaluationIncomplete(
            self._model,
            exit_status=status,
            advice=_ADVICE.get(status, f"the process was ended by signal {-status}" if status < 0 else ""),
            folder=self._run,
            lines=tuple(self._lines),
            summary=found,
        )
