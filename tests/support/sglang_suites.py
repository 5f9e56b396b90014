"""Whole runs that start the tests' stand-in for SGLang by a profile of their own, and the processes they leave."""

from __future__ import annotations

import contextlib
import http.client
import importlib.util
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.suites import Suite
from tests.support.waiting import until

STAND_IN = Path(__file__).parent / "stand_in"
PROFILE = "MiniMax-M2"


def write_profile(
    suite: Suite, *, restart: int = 0, replicas: int = 1, stall_s: float = 300.0, flags: str = "", **script: Any
) -> None:
    """The shipped profile MiniMax-M2 with everything as it is, but for the command's surroundings.

    script: what the stand-in does, see its docstring. flags: lines of [launch.flags] to add.
    """
    (suite.path / "models.toml").write_text(
        f"""
[{PROFILE}]
urls = []
restart = {restart}

[{PROFILE}.launch]
argv = [{json.dumps(sys.executable)}, "-m", "sglang.launch_server"]
stop_s = 0.5
stall_s = {stall_s}
gpu_release_s = 0
replicas = {replicas}

[{PROFILE}.launch.env]
PYTHONPATH = {json.dumps(str(STAND_IN))}
SGLANG_STAND_IN = {json.dumps(json.dumps(script, indent=1))}
STAND_IN_OF = {json.dumps(str(suite.path))}

[{PROFILE}.launch.flags]
{flags}
""",
        encoding="utf-8",
    )


def arguments(suite: Suite, *more: str) -> list[str]:
    """The command line after `pytest`."""
    return [
        *("-p", "no:cacheprovider", "--model", PROFILE, "--eval-data", "data", "--eval-run", str(suite.run_dir)),
        *("--eval-in-flight", "8", *more, "test_quiz.py"),
    ]


def left(suite: Suite) -> dict[int, str]:
    """Processes of this suite's servers, guards and children, zombies excepted: pid -> command."""
    wanted = f"STAND_IN_OF={suite.path}".encode()
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if wanted not in (entry / "environ").read_bytes().split(b"\0"):
                continue
            state = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[0]
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if state not in "ZX":
            found[int(entry.name)] = command
    return found


def main_processes(suite: Suite) -> list[int]:
    """The servers themselves: neither guards nor schedulers, whose parents are gone."""
    found = []
    for pid, command in left(suite).items():
        if "guard.py" in command or "sglang.launch_server" not in command:
            continue
        # A scheduler of the stand-in is a fork of its server, in a session of its own.
        if os.getsid(pid) == pid and _holds_a_socket(pid):
            found.append(pid)
    return sorted(found)


@contextlib.contextmanager
def foreign_server(*flags: str, **script: Any) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A stand-in that the run did not start, ready at the address; it must still be serving at the end.

    flags: of the command, beyond model and reasoning parser. script: see the stand-in's docstring.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "sglang.launch_server", "--port", str(port)),
            *("--model-path", "MiniMaxAI/MiniMax-M2", "--reasoning-parser", "minimax-append-think", *flags),
        ],
        env={**os.environ, "PYTHONPATH": str(STAND_IN), "SGLANG_STAND_IN": json.dumps(script)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: _answers(port))
        yield f"http://127.0.0.1:{port}/v1", process
        assert process.poll() is None
        assert _answers(port)
    finally:
        process.kill()
        process.wait()


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def stand_in_failures() -> dict[str, str]:
    """The failures that the stand-in can play: name -> the line of its log."""
    spec = importlib.util.spec_from_file_location("stand_in_for_sglang", STAND_IN / "sglang" / "launch_server.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: dict[str, str] = module.FAILURES
    return found


def responses(suite: Suite) -> int:
    """Answers journaled so far."""
    return sum(file.read_bytes().count(b'"type":"response"') for file in suite.run_dir.glob("journal*.jsonl"))


def seen(file: Path) -> list[dict[str, Any]]:
    """What the stand-ins wrote about the requests they got."""
    if not file.exists():
        return []
    return [json.loads(line) for line in file.read_text().splitlines() if line.endswith("}")]


def _holds_a_socket(pid: int) -> bool:
    try:
        return any(str(entry.readlink()).startswith("socket:") for entry in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False
