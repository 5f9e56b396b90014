"""A server that the run starts itself: watched, started again, ended; and nothing of it is left."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from pathlib import Path

import pytest

from tests.support.suites import Suite, kill_group
from tests.support.waiting import until

SERVE = Path(__file__).parents[1] / "support" / "serve_keys.py"


def _profile(suite: Suite, *, restart: int = 0, delay_s: float = 0.05) -> None:
    (suite.path / "models.toml").write_text(
        f"""
[mine]
served_names = ["test-model"]
restart = {restart}

[mine.launch]
argv = ["{sys.executable}", "{SERVE}", "{{port}}", "{delay_s}"]
""",
        encoding="utf-8",
    )


def _arguments(suite: Suite, *more: str) -> list[str]:
    return [
        *("-p", "no:cacheprovider", "--model", "mine", "--eval-data=data"),
        *(f"--eval-run={suite.run_dir}", "--eval-in-flight", "8", "test_quiz.py", *more),
    ]


def _servers(suite: Suite) -> list[int]:
    """Processes of this test's server: they run in this test's folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
                folder = str((entry / "cwd").readlink())
            except OSError:
                continue
            if b"serve_keys.py" in command and b"guard" not in command and folder == str(suite.path):
                found.append(int(entry.name))
    return found


pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
WORKERS = pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["single", "xdist"])


@WORKERS
def test_started_and_ended(suite: Suite, workers: list[str]) -> None:
    """The run starts the server, says so, keeps its log, and leaves no process."""
    suite.write_rows(20)
    _profile(suite)
    result = suite.command(*_arguments(suite, *workers))
    assert result.status == 0, result.out + result.err
    assert result.subset()["score"] == 0.75
    assert "ready" in (suite.run_dir / "server.log").read_text()
    until(lambda: not _servers(suite))


@pytest.mark.parametrize("exists", [True, False])
def test_a_run_folder_on_another_file_system(suite: Suite, exists: bool) -> None:
    """A mounted volume, new or empty: the log gets there although files are not renamed across file systems."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == suite.path.stat().st_dev:
        pytest.skip("no second file system at hand")
    suite.write_rows(5)
    _profile(suite)
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        suite.run_dir = Path(folder) / ("" if exists else "new")
        for _ in range(2):
            result = suite.command(*_arguments(suite))
            assert result.status == 0, result.out + result.err
        assert "ready" in (suite.run_dir / "server.log").read_text()
        assert (suite.run_dir / "server.2.log").exists()
        left = [path.name for place in (Path(folder), suite.path) for path in place.glob("**/.server-*")]
        assert not left


@WORKERS
def test_a_killed_server_is_started_again(suite: Suite, workers: list[str]) -> None:
    """With restart = 1 a server killed in mid-run comes back, and the scores are those of an undisturbed run.

    The restart and the failed attempts are named in summary.json, report.html and on the terminal.
    """
    suite.write_rows(200)
    _profile(suite, restart=1)
    with suite.start(*_arguments(suite, *workers)) as process:
        until(lambda: _answers(suite) > 30)
        for pid in _servers(suite):
            os.kill(pid, signal.SIGKILL)
        out, err = process.communicate(timeout=300)
    assert process.returncode == 0, out + err
    disturbed = suite.summary()
    assert disturbed is not None
    (restart,) = disturbed["run"].pop("restarts")
    failed = disturbed["run"].pop("failed_attempts")
    assert "SIGKILL" in restart["reason"]
    assert "connection_lost" in failed
    page = " ".join((suite.run_dir / "report.html").read_text().split())
    for text in (" ".join(out.split()), page):
        assert "The server was restarted once: the server was ended by SIGKILL" in text
        assert f"Failed attempts: {sum(failed.values())} (" in text
    suite.run_dir = suite.path / "calm"
    assert suite.command(*_arguments(suite)).status == 0
    calm = suite.summary()
    assert calm is not None
    # Times, tokens per second and failed attempts of the requests are those of each run.
    assert calm.pop("requests") != disturbed.pop("requests")
    assert calm == disturbed


@WORKERS
def test_a_killed_server_without_restart_ends_the_run(suite: Suite, workers: list[str]) -> None:
    """Without restart the run ends within seconds as incomplete, and the answers so far are kept."""
    suite.write_rows(400)
    _profile(suite)
    with suite.start(*_arguments(suite, *workers)) as process:
        until(lambda: _answers(suite) > 30)
        for pid in _servers(suite):
            os.kill(pid, signal.SIGKILL)
        out, err = process.communicate(timeout=300)
    assert process.returncode == 6, out + err
    summary = suite.summary()
    assert summary is not None
    counts = summary["benchmarks"][0]["subsets"][0]["counts"]
    assert counts["right"] > 10
    assert counts["server_error"] > 100


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_server_is_left_behind(suite: Suite, number: int) -> None:
    """However pytest ends, the server that it started ends too."""
    suite.write_rows(500)
    _profile(suite)
    with suite.start(*_arguments(suite)) as process:
        until(lambda: _answers(suite) > 10)
        assert _servers(suite)
        kill_group(process, number)
        process.communicate(timeout=300)
    until(lambda: not _servers(suite))


def _answers(suite: Suite) -> int:
    return sum(file.read_bytes().count(b'"type":"response"') for file in suite.run_dir.glob("journal*.jsonl"))
