"""A server that dies or hangs in mid-run is noticed, started again where that is allowed, and never twice at once."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from pytest_modeleval.errors import LaunchError
from pytest_modeleval.server.hang_detector import HangThresholds
from pytest_modeleval.server.launched_server import LaunchedServer
from pytest_modeleval.server.profiles import Profile
from pytest_modeleval.server.watch import ServerWatch
from tests.support.stand_ins import eventually, running, stand_in

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
PATIENT = HangThresholds()
IMPATIENT = HangThresholds(every_s=0.1, answer_s=0.3, probes=2)


@dataclass
class Told:
    """What the watch told, in order."""

    events: list[tuple[str, int]] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    def lost(self, replica: int, why: str) -> None:
        """A server is lost."""
        self.events.append(("lost", replica))
        self.reasons.append(why)

    def back(self, replica: int) -> None:
        """A server is back."""
        self.events.append(("back", replica))

    def over(self, replica: int, why: str) -> None:
        """A server stays away."""
        self.events.append(("over", replica))
        self.reasons.append(why)


@contextlib.contextmanager
def watched(
    tmp_path: Path, profile: Profile, *, thresholds: HangThresholds = PATIENT, replicas: int = 1
) -> Iterator[tuple[list[LaunchedServer], Told, ServerWatch]]:
    """Ready servers under watch; ended afterwards, the watch first."""
    told = Told()
    servers = [LaunchedServer(profile, log_file=tmp_path / f"{one}.log", replica=one) for one in range(replicas)]
    try:
        for server in servers:
            server.wait_ready()
        watch = ServerWatch(servers, on_down=told.lost, on_up=told.back, on_abandoned=told.over, thresholds=thresholds)
        try:
            yield servers, told, watch
        finally:
            watch.stop()
    finally:
        for server in servers:
            server.stop()


def ask(server: LaunchedServer) -> int:
    """The status of one chat request; 0 if the connection breaks."""
    body = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
    try:
        return httpx.post(f"{server.url}/chat/completions", json=body, timeout=60, trust_env=False).status_code
    except httpx.TransportError:
        return 0


def test_death_without_restart_is_told_in_a_moment(tmp_path: Path) -> None:
    """Killed in mid-run: over, with the reason, and its children are gone."""
    seen = f"seen-{tmp_path}"
    with watched(tmp_path, stand_in(children=2, note=seen)) as (servers, told, _):
        os.kill(servers[0].pid, signal.SIGKILL)
        assert eventually(lambda: told.events == [("over", 0)])
        assert "SIGKILL" in told.reasons[0]
        assert eventually(lambda: running(seen) == [])


def test_death_with_restart_comes_back_at_the_same_address(tmp_path: Path) -> None:
    """Restart = 1: lost, then back; the second death is the end."""
    with watched(tmp_path, stand_in(restart=1, children=1)) as (servers, told, _):
        first, url = servers[0].pid, servers[0].url
        os.kill(first, signal.SIGKILL)
        assert eventually(lambda: told.events == [("lost", 0), ("back", 0)])
        assert servers[0].url == url
        assert servers[0].pid != first
        assert ask(servers[0]) == 200
        os.kill(servers[0].pid, signal.SIGKILL)
        assert eventually(lambda: told.events[2:] == [("over", 0)])
    assert (tmp_path / "0.log").read_text().count("ready to roll") == 2


def test_the_watch_writes_nowhere(tmp_path: Path) -> None:
    """A restart tells only its callbacks: who listened to the first start is not called from the watch's thread."""
    callers: list[str] = []
    told = Told()
    server = LaunchedServer(
        stand_in(restart=1), log_file=tmp_path / "log", report=lambda _: callers.append(threading.current_thread().name)
    )
    with server.wait_ready():
        watch = ServerWatch([server], on_down=told.lost, on_up=told.back, on_abandoned=told.over)
        os.kill(server.pid, signal.SIGKILL)
        assert eventually(lambda: told.events == [("lost", 0), ("back", 0)])
        watch.stop()
    assert set(callers) == {threading.current_thread().name}


def test_death_under_load_is_noticed(tmp_path: Path) -> None:
    """A server that dies on its third request: the request breaks, the server comes back, the next one succeeds."""
    with watched(tmp_path, stand_in(restart=1, die_after=3)) as (servers, told, _):
        assert [ask(servers[0]), ask(servers[0]), ask(servers[0])] == [200, 200, 0]
        assert eventually(lambda: told.events == [("lost", 0), ("back", 0)])
        assert ask(servers[0]) == 200


def test_hang_is_noticed_and_the_server_replaced(tmp_path: Path) -> None:
    """A process that lives but answers nothing is ended and started again."""
    with watched(tmp_path, stand_in(restart=1), thresholds=IMPATIENT) as (servers, told, _):
        os.kill(servers[0].pid, signal.SIGSTOP)
        assert eventually(lambda: told.events == [("lost", 0), ("back", 0)])
        assert "hangs" in told.reasons[0]
        assert ask(servers[0]) == 200


def test_restart_that_fails_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second start fails: over, with the cause of the death and of the failure."""
    with watched(tmp_path, stand_in(restart=1)) as (servers, told, _):
        monkeypatch.setattr(servers[0], "command", (sys.executable, "-c", "raise SystemExit('CUDA out of memory')"))
        os.kill(servers[0].pid, signal.SIGKILL)
        assert eventually(lambda: told.events == [("lost", 0), ("over", 0)])
        assert "SIGKILL" in told.reasons[1]
        assert "the GPUs are full" in told.reasons[1]


def test_run_may_end_while_a_server_starts_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end does not wait for a long start; nothing is told, nothing is left."""
    seen = f"seen-{tmp_path}"
    with watched(tmp_path, stand_in(restart=1, note=seen)) as (servers, told, _):
        monkeypatch.setattr(servers[0], "command", (sys.executable, "-c", "import signal; signal.pause()"))
        os.kill(servers[0].pid, signal.SIGKILL)
        assert eventually(lambda: told.events == [("lost", 0)])
    assert told.events == [("lost", 0)]
    assert running(seen) == []


def test_end_of_the_run_is_no_death(tmp_path: Path) -> None:
    """Watch, then servers are stopped: nobody is told anything."""
    with watched(tmp_path, stand_in(restart=1)) as (_, told, watch):
        watch.stop()
    assert told.events == []


def test_replicas_are_watched_one_by_one(tmp_path: Path) -> None:
    """One of two dies: the other one is not touched."""
    with watched(tmp_path, stand_in(), replicas=2) as (servers, told, _):
        os.kill(servers[1].pid, signal.SIGKILL)
        assert eventually(lambda: told.events == [("over", 1)])
        assert ask(servers[0]) == 200
        assert servers[0].poll() is None


def test_a_stopped_server_does_not_start_again(tmp_path: Path) -> None:
    """Restart after stop leaves nothing running."""
    seen = f"seen-{tmp_path}"
    server = LaunchedServer(stand_in(note=seen), log_file=tmp_path / "log").wait_ready()
    server.stop()
    with pytest.raises(LaunchError, match="the run ends"):
        server.restart()
    assert running(seen) == []
