"""When a server counts as hanging: signs of life, with time passed in; and the two ways of looking for one."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_modeleval.server import hang_detector
from pytest_modeleval.server.guard import MARK
from pytest_modeleval.server.hang_detector import HangDetector, HangThresholds
from pytest_modeleval.server.listening_process import cpu_seconds
from pytest_modeleval.server.probe import HttpProbe
from tests.support.scripted_server import models, scripted
from tests.support.stand_ins import eventually

DEFAULT_THRESHOLDS = HangThresholds(quiet_s=8.0, every_s=10.0, answer_s=25.0, probes=2)


class World:
    """A server as the detector sees it; each field may be changed at any time."""

    def __init__(self, tmp_path: Path) -> None:
        self.port = 1
        self.mark = "mark"
        self.log_file = tmp_path / "log"
        self.log_file.write_text("ready\n")
        self.launch = type("Launch", (), {"ready_path": "/health"})
        self.activity = 0
        self.cpu: float | None = 0.0
        self.answers: dict[str, int | None] = {"/health": None, "/v1/models": None}
        self.now_s = 1000.0
        self.detector = HangDetector(self, lambda: self.activity, DEFAULT_THRESHOLDS)  # type: ignore[arg-type]

    def hangs_within(self, seconds: float, *, each: Any = lambda: None) -> str:
        """Let time pass in tenths; `each` happens at every step. What the detector said, "" if nothing."""
        for _ in range(round(seconds * 10)):
            self.now_s += 0.1
            each()
            said = self.detector.check(self.now_s)
            if said:
                return said
        return ""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A server that shows no sign of life."""
    made = World(tmp_path)

    class FakeProbe:
        def __init__(self, port: int, path: str, *, timeout_s: float) -> None:
            self.path = path

        @property
        def status(self) -> int | None:
            return made.answers[self.path]

    monkeypatch.setattr(hang_detector, "HttpProbe", FakeProbe)
    monkeypatch.setattr(hang_detector, "cpu_seconds", lambda port, mark: made.cpu)
    return made


def test_no_sign_of_life_is_a_hang_in_seconds(world: World) -> None:
    """Neither bytes nor an answer, a line of log or processor time for eight seconds."""
    assert world.hangs_within(7.9) == ""
    assert "for 8 s it answered nothing" in world.hangs_within(0.5)


def test_any_single_sign_of_life_forbids_it(world: World) -> None:
    """Bytes on a request, a growing log, an answer of any status, a process that computes or cannot be looked at."""

    def talk() -> None:
        world.activity += 1

    def write() -> None:
        with world.log_file.open("a") as log:
            log.write("x")

    def compute() -> None:
        assert world.cpu is not None
        world.cpu += 0.05

    assert world.hangs_within(300, each=talk) == ""
    # The slow rule would have its say on these, after its own time.
    assert world.hangs_within(30, each=write) == ""
    world.activity += 1
    assert world.hangs_within(30, each=compute) == ""
    world.activity += 1
    world.answers["/v1/models"] = 401
    assert world.hangs_within(30) == ""
    world.activity += 1
    world.answers["/v1/models"] = None
    world.cpu = None
    assert world.hangs_within(30) == ""


def test_a_refused_look_is_no_sign(world: World) -> None:
    """A process that runs but whose port is closed serves nobody."""
    world.answers["/v1/models"] = 0
    assert "for 8 s" in world.hangs_within(9)


def test_failing_health_is_a_hang_after_its_own_time(world: World) -> None:
    """The HTTP side answers, the model does not: two failed checks, not one; bytes in between begin it anew."""
    world.answers |= {"/v1/models": 200, "/health": 503}
    assert world.hangs_within(19) == ""
    assert "2 health checks in a row failed" in world.hangs_within(5)
    world.answers["/health"] = None
    world.detector = HangDetector(world, lambda: world.activity, DEFAULT_THRESHOLDS)  # type: ignore[arg-type]
    assert world.hangs_within(60) == ""
    world.activity += 1
    assert world.hangs_within(40) == ""
    assert "2 health checks" in world.hangs_within(60)


def test_a_healthy_server_is_left_alone(world: World) -> None:
    """Idle for an hour."""
    world.answers |= {"/v1/models": 200, "/health": 200}
    assert world.hangs_within(3600) == ""


def final_status(probe: HttpProbe) -> int | None:
    """The status that the probe ends with."""
    assert eventually(lambda: probe.status is not None)
    return probe.status


def test_a_probe_gets_the_status_without_waiting() -> None:
    """200 and 404 from a real server; 0 if nothing listens, or after nonsense or the deadline; None before that."""
    with scripted({"/v1/models": models("m")}) as server:
        port = int(server.url.split(":")[2].partition("/")[0])
        for path, status in (("/v1/models", 200), ("/nowhere", 404)):
            assert final_status(HttpProbe(port, path, timeout_s=5)) == status
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        probe = HttpProbe(port, "/", timeout_s=5)
        accepted, _ = silent.accept()
        with accepted:
            assert accepted.recv(100).startswith(b"GET / HTTP/1.1\r\n")
            assert probe.status is None
            accepted.sendall(b"SSH-2.0-nonsense\r\n")
            assert final_status(probe) == 0
        assert final_status(HttpProbe(port, "/", timeout_s=0.05)) == 0
    assert final_status(HttpProbe(port, "/", timeout_s=5)) == 0


@pytest.fixture
def listening() -> Iterator[int]:
    """A port that this process listens at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_time_of_the_listener(listening: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """It grows while the process that listens computes; unknown for a port of somebody else, or of nobody."""
    monkeypatch.setattr("pytest_modeleval.server.listening_process.find_marked", lambda mark: [os.getpid(), 1])
    before = cpu_seconds(listening, "m")
    assert before is not None
    deadline = time.process_time() + 0.05
    while time.process_time() < deadline:
        pass
    after = cpu_seconds(listening, "m")
    assert after is not None
    assert before < after < before + 60
    assert cpu_seconds(9, "m") is None
    monkeypatch.setattr("pytest_modeleval.server.listening_process.find_marked", lambda mark: [])
    assert cpu_seconds(listening, MARK) is None
