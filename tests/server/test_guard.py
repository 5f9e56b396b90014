"""The guard outlives pytest, and nothing of a server outlives the guard."""

from __future__ import annotations

import base64
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_modeleval._support import redact
from pytest_modeleval.server import orphans
from pytest_modeleval.server.guard import end_all, find_marked, in_group, process_state
from pytest_modeleval.server.launched_server import LaunchedServer
from pytest_modeleval.server.process import GuardedProcess
from tests.support.stand_ins import eventually, running, stand_in

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")

# Stands for pytest: starts a server with two deaf children and waits until it is killed.
OWNER = """
import sys, signal
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.support.stand_ins import stand_in
from pytest_modeleval.server.launched_server import LaunchedServer
from pytest_modeleval.server.process import GuardedProcess
server = LaunchedServer(stand_in(children=2, note={seen!r}), log_file=Path({log!r})).wait_ready()
print(server.pid, flush=True)
{then}
"""


@contextlib.contextmanager
def owner(tmp_path: Path, then: str = "signal.pause()") -> Iterator[tuple[subprocess.Popen[str], str, int]]:
    """A process that owns a running server; the mark of its processes; the server's pid. The owner is ended after."""
    seen = f"seen-{tmp_path}"
    code = OWNER.format(root=str(Path(__file__).parents[2]), seen=seen, log=str(tmp_path / "log"), then=then)
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process, seen, int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


# The server, its two children, and the guard, whose environment is the server's.
ALL = 4


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGSEGV])
def test_nothing_is_left_when_pytest_is_gone(tmp_path: Path, number: signal.Signals) -> None:
    """However the owner ends, server, children and guard are gone within ten seconds."""
    with owner(tmp_path) as (process, seen, pid):
        assert len(running(seen)) == ALL
        process.send_signal(number)
        process.wait(timeout=300)
        assert eventually(lambda: running(seen) == [])
        assert eventually(lambda: process_state(pid) is None)


def test_nothing_is_left_when_pytest_ends_without_stopping(tmp_path: Path) -> None:
    """os._exit, which runs no clean-up at all, leaves nothing either."""
    with owner(tmp_path, then="import os; os._exit(3)") as (process, seen, _):
        assert process.wait(timeout=300) == 3
        assert eventually(lambda: running(seen) == [])


def test_a_fork_of_pytest_that_lives_on_does_not_keep_the_server(tmp_path: Path) -> None:
    """A forked child holds pytest's end of the pipe open; the guard sees by its parent that pytest is gone."""
    then = "import os, time\nif os.fork() == 0:\n    time.sleep(250)\nos._exit(0)"
    with owner(tmp_path, then=then) as (process, seen, _):
        assert process.wait(timeout=300) == 0
        # Before the forked child ends by itself.
        assert eventually(lambda: running(seen) == [], within_s=200)


def test_ctrl_c_in_the_terminal_reaches_neither_guard_nor_server(tmp_path: Path) -> None:
    """Both lead sessions of their own, so a signal to pytest's group does not touch them."""
    with LaunchedServer(stand_in(), log_file=tmp_path / "log") as server:
        server.wait_ready()
        state = process_state(server.pid)
        assert state is not None
        assert state[1] == server.pid != os.getpgid(0)


def test_a_killed_guard_takes_the_server_with_it(tmp_path: Path) -> None:
    """Kill -9 of the guard: the server goes by its parent-death signal, the children by stop."""
    seen = f"seen-{tmp_path}"
    with LaunchedServer(stand_in(children=1, note=seen), log_file=tmp_path / "log") as server:
        server.wait_ready()
        os.kill(parent_of(server.pid), signal.SIGKILL)
        assert server.wait_exit(5) == 128 + signal.SIGKILL
        assert eventually(lambda: process_state(server.pid) is None)
    assert running(seen) == []


def parent_of(pid: int) -> int:
    """The parent of a process."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_the_next_run_cleans_what_a_killed_guard_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """RunController and guard are both killed: the trace file lets the next run end the children, and only those."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    stranger = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    try:
        with owner(tmp_path) as (process, seen, pid):
            guard_pid = parent_of(pid)
            folder = orphans.state_dir()
            assert orphans.clean(folder) == []
            assert len(running(seen)) == ALL
            # Both at once: with only its owner gone the guard would clean up itself.
            os.kill(guard_pid, signal.SIGSTOP)
            process.kill()
            process.wait(timeout=300)
            os.kill(guard_pid, signal.SIGKILL)
            assert eventually(lambda: process_state(guard_pid) is None)
        assert len(running(seen)) >= 2
        told = orphans.clean(folder)
        assert len(told) == 1
        assert "an earlier run left behind (MiniMax-M2, pid" in told[0]
        assert running(seen) == []
        assert list(folder.iterdir()) == []
        assert orphans.clean(folder) == []
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_traces_that_are_not_ours_are_left_alone(tmp_path: Path) -> None:
    """A broken file, one of another boot, one without a mark: nothing is ended for them."""
    victim = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], start_new_session=True)
    gone = (999_999_999, 5, 999_999_998, 5)
    boot = orphans.boot_id()
    try:
        orphans.ServerRecord("m" * 32, "another boot", *gone, victim.pid, orphans.start_time(victim.pid), "x").write(
            tmp_path
        )
        orphans.ServerRecord("n" * 32, boot, *gone, victim.pid, 7, "start time differs").write(tmp_path)
        orphans.ServerRecord("", boot, *gone, victim.pid, orphans.start_time(victim.pid), "no mark").write(tmp_path)
        (tmp_path / "broken.json").write_text('{"mark": ')
        assert orphans.clean(tmp_path) == []
        assert victim.poll() is None
    finally:
        victim.kill()
        victim.wait()


def test_end_all_is_patient_and_then_firm(tmp_path: Path) -> None:
    """A process that needs a moment after SIGTERM gets it; a deaf one is killed afterwards."""
    wait = "print(1, flush=True)\nwhile True: signal.pause()"
    slowly = "lambda *_: (time.sleep(0.2), open({!r}, 'w').close(), sys.exit(0))"
    polite = f"import signal, time, sys\nsignal.signal(15, {slowly})\n{wait}"
    deaf = f"import signal\nsignal.signal(15, signal.SIG_IGN)\n{wait}"
    for code, is_polite in ((polite.format(str(tmp_path / "done")), True), (deaf, False)):
        process = subprocess.Popen([sys.executable, "-c", code], start_new_session=True, stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        assert in_group(process.pid) == [process.pid]
        patience_s = 60.0 if is_polite else 0.5
        assert end_all(process.pid, "0" * 32, patience_s, reap=lambda reaped=process: reaped.poll()) == []  # type: ignore[misc]
        assert process.wait() == (0 if is_polite else -signal.SIGKILL)
        process.stdout.close()
    assert (tmp_path / "done").exists()


def test_only_the_very_mark_is_found() -> None:
    """A mark that is a part of another one does not match."""
    process = subprocess.Popen(
        [sys.executable, "-c", "import signal; print(1, flush=True); signal.pause()"],
        env={**os.environ, "MODELEVAL_SERVER_MARK": "abcdef"},
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.readline()
    try:
        assert find_marked("abcdef") == [process.pid]
        assert find_marked("abc") == []
    finally:
        process.kill()
        process.communicate()


KEY = "sk-CANARY-77aa9b31"


@pytest.fixture
def _key() -> Iterator[None]:
    """A secret of the run."""
    redact.forget()
    redact.remember(KEY)
    yield
    redact.forget()


def run_guarded(tmp_path: Path, code: str) -> tuple[int | None, str]:
    """Exit status and log of a command under the guard."""
    log = tmp_path / "server.log"
    process = GuardedProcess(
        [sys.executable, "-c", code], log_file=log, environment=dict(os.environ), stop_s=1.0, name="x"
    )
    try:
        status = process.wait(300)
        at_exit = log.read_text()
    finally:
        process.stop()
    assert log.read_text().startswith(at_exit)
    return status, at_exit


@pytest.mark.usefixtures("_key")
def test_a_key_in_the_output_of_a_server_is_not_in_its_log(tmp_path: Path) -> None:
    """Both streams, in base64 too, and cut over two writes; the rest is there when the end is reported."""
    code = f"""
import base64, sys, time
key = {KEY!r}
print("server_args=ServerArgs(api_key=%r)" % key, flush=True)
print("Bearer", base64.b64encode(key.encode()).decode(), file=sys.stderr, flush=True)
sys.stdout.write("cut " + key[:9]); sys.stdout.flush(); time.sleep(0.5)
print(key[9:], "end", flush=True)
print("x" * 200_000)
print("last words")
sys.exit(3)
"""
    status, log = run_guarded(tmp_path, code)
    assert status == 3
    assert "CANARY" not in log
    assert base64.b64encode(KEY.encode()).decode()[:20] not in log
    assert "api_key='***'" in log
    assert "cut *** end" in log
    assert "x" * 200_000 in log
    assert log.endswith("last words\n")


@pytest.mark.usefixtures("_key")
def test_a_server_with_secrets_is_stopped_as_any_other(tmp_path: Path) -> None:
    """Orders still reach the guard after the line of secrets, and its output during the stop is kept."""
    code = """
import signal, sys, time
signal.signal(15, lambda *_: (print("bye", flush=True), sys.exit(0)))
print("ready", flush=True)
time.sleep(60)
"""
    log = tmp_path / "server.log"
    process = GuardedProcess(
        [sys.executable, "-c", code], log_file=log, environment=dict(os.environ), stop_s=5.0, name="x"
    )
    assert process.poll() is None
    assert eventually(lambda: "ready" in log.read_text())
    process.stop()
    assert process.poll() is not None
    assert "bye" in log.read_text()
