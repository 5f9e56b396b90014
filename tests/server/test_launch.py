"""A server of ours starts with a story, fails with advice, and is gone afterwards, children included."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import socket
import sys
from pathlib import Path

import httpx
import pytest

from pytest_modeleval.errors import LaunchError, SettingsError
from pytest_modeleval.server.crash_diagnosis import diagnose
from pytest_modeleval.server.launched_server import LaunchedServer, free_port
from pytest_modeleval.server.profiles import Launch, Profile
from tests.support.stand_in.sglang.launch_server import FAILURES
from tests.support.stand_ins import eventually, running, stand_in

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")


def command(*argv: str, stall_s: float = 300.0, ready_s: float = 300.0) -> Profile:
    """A profile that starts any command."""
    return Profile(name="m", launch=Launch(argv=argv, stall_s=stall_s, ready_s=ready_s, stop_s=0.5))


def failure(profile: Profile, tmp_path: Path) -> str:
    """The message with which the start fails."""
    with pytest.raises(LaunchError) as caught:
        LaunchedServer(profile, log_file=tmp_path / "server.log").wait_ready()
    return str(caught.value)


@LINUX
def test_start_tells_its_milestones_and_ends_without_orphans(tmp_path: Path) -> None:
    """Each step is said once, the server answers, and after stop no process is left, deaf children included."""
    said: list[str] = []
    seen = f"seen-{tmp_path}"
    server = LaunchedServer(stand_in(children=3, note=seen), log_file=tmp_path / "server.log", report=said.append)
    with server:
        server.wait_ready()
        assert httpx.get(f"{server.url}/models", trust_env=False).status_code == 200
        # The server, its children, and the guard, whose environment is the server's.
        assert len(running(seen)) == 5
        assert server.poll() is None
        os.kill(server.pid, 0)
    assert running(seen) == []
    assert server.poll() == 128 + signal.SIGTERM
    story = "\n".join(said)
    assert "weights loaded" in story or "ready after" in story
    assert server.url in said[-1]
    server.stop()


def test_progress_bars_and_waiting_are_told(tmp_path: Path) -> None:
    """A slow start names what was reached and what is awaited."""
    said: list[str] = []
    with LaunchedServer(stand_in(pace_s=0.15), log_file=tmp_path / "log", report=said.append) as server:
        server.wait_ready()
    story = "\n".join(said)
    for step in (
        "weights to load",
        "loading weights 50 %",
        "weights loaded",
        "KV cache allocated",
        "CUDA graphs captured",
    ):
        assert step in story
    assert len(said) == len(set(said))


@LINUX
@pytest.mark.parametrize("mode", FAILURES)
def test_every_failure_gives_its_advice_and_the_log(tmp_path: Path, mode: str) -> None:
    """The process dies: at once, with one line of advice, the last lines, and nothing left running."""
    seen = f"seen-{tmp_path}"
    said = failure(stand_in(fail=mode, children=1, note=seen), tmp_path)
    expected = diagnose([FAILURES[mode]])
    assert expected is not None
    assert f"likely cause: {expected.advice}" in said
    assert "ended with exit status 1" in said
    assert "Load weight begin" in said or "Init torch distributed" in said
    assert str(tmp_path / "server.log") in said
    assert running(seen) == []


def test_failure_modes_have_different_advice() -> None:
    """No two failures of the stand-in are explained alike."""
    found = {mode: diagnose([line]) for mode, line in FAILURES.items()}
    assert {mode: failure and failure.cause for mode, failure in found.items()} == {mode: mode for mode in FAILURES}
    assert len({failure.advice for failure in found.values() if failure}) == len(FAILURES)


def test_unknown_flag_is_explained(tmp_path: Path) -> None:
    """A flag that this version does not know points at the profile's flags."""
    profile = stand_in()
    assert profile.launch is not None
    launch = dataclasses.replace(profile.launch, argv=(*profile.launch.argv, "--no-such-flag"))
    said = failure(dataclasses.replace(profile, launch=launch), tmp_path)
    assert "[launch.flags]" in said
    assert "unrecognized arguments: --no-such-flag" in said


def test_frozen_start_ends_with_the_stall_limit(tmp_path: Path) -> None:
    """A log that stands still is given up, with what was reached."""
    said = failure(stand_in(freeze_after=3, stall_s=4.0), tmp_path)
    assert "stood still" in said
    assert "Load weight begin" in said


def test_growing_log_extends_the_stall_limit(tmp_path: Path) -> None:
    """A start that takes longer than stall_s succeeds as long as its log goes on."""
    with LaunchedServer(stand_in(pace_s=0.6, stall_s=5.0), log_file=tmp_path / "log") as server:
        server.wait_ready()
        assert server.poll() is None


def test_chatter_without_end_is_limited(tmp_path: Path) -> None:
    """A log that grows for ever does not wait for ever."""
    talk = "import time\nwhile True: print('still trying', flush=True); time.sleep(0.01)"
    said = failure(command(sys.executable, "-c", talk, ready_s=0.8), tmp_path)
    assert "ready_s" in said
    assert said.count("still trying") <= 50


def test_missing_command_is_told(tmp_path: Path) -> None:
    """A command that does not exist is named, with what the system said."""
    said = failure(command("no-such-command-here", "--api-key", "sk-secret"), tmp_path)
    assert "no-such-command-here" in said
    assert "sk-secret" not in said


def test_profile_without_command_is_told(tmp_path: Path) -> None:
    """Nothing can be launched for a profile that only has an address."""
    with pytest.raises(SettingsError, match="--model-url"):
        LaunchedServer(Profile(name="m", source="models.toml"), log_file=tmp_path / "log")


def test_crash_is_explained_by_its_signal(tmp_path: Path) -> None:
    """An end by SIGKILL is told as such, with the usual reason."""
    said = failure(command(sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"), tmp_path)
    assert "SIGKILL" in said
    assert "out-of-memory killer" in said


def test_only_named_variables_reach_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An API key of ours is in no server's environment; what the profile names is."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("NCCL_DEBUG", "INFO")
    launch = Launch(
        argv=(sys.executable, "-c", "import os; print(sorted(os.environ))"), env={"OWN": "1"}, pass_env=("NCCL_*",)
    )
    said = failure(Profile(name="m", launch=launch), tmp_path)
    assert "'NCCL_DEBUG'" in said
    assert "'OWN'" in said
    assert "OPENAI_API_KEY" not in said


def test_wished_port_is_taken_if_free() -> None:
    """The profile's port is used; if somebody has it, another one is."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert free_port(port) != port
    assert free_port(port) == port
    assert free_port(None) != free_port(70_000)


def test_abort_comes_before_the_end(tmp_path: Path) -> None:
    """A server that is stopped is first told to drop what it generates."""
    seen = tmp_path / "seen.jsonl"
    with LaunchedServer(stand_in(seen=str(seen)), log_file=tmp_path / "log") as server:
        server.wait_ready()
    entries = [json.loads(line) for line in seen.read_text().splitlines()]
    assert [entry["abort"]["abort_all"] for entry in entries] == [True]


@LINUX
def test_death_is_noticed_at_once_with_its_children(tmp_path: Path) -> None:
    """The main process is killed: poll tells it without any request, and its children are cleaned away."""
    seen = f"seen-{tmp_path}"
    with LaunchedServer(stand_in(children=2, note=seen), log_file=tmp_path / "log") as server:
        server.wait_ready()
        os.kill(server.pid, signal.SIGKILL)
        assert server.wait_exit(5) == 128 + signal.SIGKILL
        assert "SIGKILL" in server.describe_end()
        assert eventually(lambda: running(seen) == [])
