"""However a run ends, nothing of the server that it started is left, and what it did not start still runs.

The servers have scheduler children that ignore SIGTERM, have left the process group and lost their parent.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.support.sglang_suites import arguments, foreign_server, left, main_processes, responses, write_profile
from tests.support.suites import Suite, kill_group
from tests.support.waiting import until

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
WORKERS = pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["single", "xdist"])
ROWS = 400


@pytest.fixture
def foreign() -> Iterator[subprocess.Popen[bytes]]:
    """A server of the same model that somebody else started, which is there before and after."""
    with foreign_server() as (_, process):
        yield process


def _nothing_left(suite: Suite) -> None:
    until(lambda: not left(suite))


@WORKERS
@pytest.mark.parametrize("more", [[], ["-x", "--eval-strict"]], ids=["normal", "stopped by -x"])
def test_ends_of_its_own(suite: Suite, foreign: subprocess.Popen[bytes], workers: list[str], more: list[str]) -> None:
    """The normal end, and -x at the first wrong answer, which is a failed test with xdist too."""
    status = 1 if more else 0
    suite.write_rows(60)
    write_profile(suite, children=2)
    result = suite.command(*arguments(suite, *workers, *more))
    assert result.status == status, result.out + result.err
    _nothing_left(suite)


@contextlib.contextmanager
def _reading(process: subprocess.Popen[str]) -> Iterator[None]:
    """Take what it writes meanwhile: a full pipe would hold it up."""
    threads = [
        threading.Thread(target=stream.read, daemon=True) for stream in (process.stdout, process.stderr) if stream
    ]
    for thread in threads:
        thread.start()
    yield
    for thread in threads:
        thread.join(300)


def _kill_all(suite: Suite, process: subprocess.Popen[str]) -> None:
    kill_group(process, signal.SIGKILL)


def _kill_pytest_alone(suite: Suite, process: subprocess.Popen[str]) -> None:
    process.kill()


def _interrupt(suite: Suite, process: subprocess.Popen[str]) -> None:
    # As a terminal does it: to everything in the foreground.
    kill_group(process, signal.SIGINT)


def _terminate(suite: Suite, process: subprocess.Popen[str]) -> None:
    # As Slurm, Docker or CI do it: to the main process.
    process.terminate()


def _crash_server(suite: Suite, process: subprocess.Popen[str]) -> None:
    (main,) = main_processes(suite)
    os.kill(main, signal.SIGKILL)


@WORKERS
@pytest.mark.parametrize(
    ("end", "status"),
    [
        (_interrupt, 2),
        (_terminate, 2),
        (_kill_all, -signal.SIGKILL),
        (_kill_pytest_alone, -signal.SIGKILL),
        (_crash_server, 6),
    ],
    ids=["Ctrl-C", "SIGTERM", "kill -9 of all", "kill -9 of the main process", "crash of the server"],
)
def test_ends_from_outside(
    suite: Suite,
    foreign: subprocess.Popen[bytes],
    workers: list[str],
    end: Callable[[Suite, subprocess.Popen[str]], None],
    status: int,
) -> None:
    """In the middle of a run: the server, its deaf children and its guard are gone, and pytest ends as it should."""
    suite.write_rows(ROWS)
    write_profile(suite, children=2, latency_s=0.05)
    with suite.start(*arguments(suite, *workers)) as process:
        try:
            until(lambda: responses(suite) > 20 or process.poll() is not None)
            assert process.poll() is None, process.communicate()
            assert len(left(suite)) >= 4
            end(suite, process)
            with _reading(process):
                _nothing_left(suite)
            assert process.wait(300) == status
        finally:
            if process.poll() is None:
                kill_group(process)
    if status == 6:
        summary = suite.summary()
        assert summary is not None
        assert summary["complete"] is False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_ends_while_the_server_starts(suite: Suite, foreign: subprocess.Popen[bytes], number: int) -> None:
    """Before it is ready, too."""
    suite.write_rows(8)
    write_profile(suite, children=2, freeze_after=4, stall_s=600.0)
    with suite.start(*arguments(suite)) as process:
        until(lambda: len(left(suite)) >= 4)
        kill_group(process, number)
        _nothing_left(suite)
        process.communicate(timeout=300)
