"""Profiles that start the tests' stand-in for SGLang, and looking for processes that should be gone."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pytest_modeleval.server.guard import process_state
from pytest_modeleval.server.profiles import Launch, Profile
from tests.support.sglang_suites import STAND_IN


def stand_in(
    *, stall_s: float = 20.0, stop_s: float = 0.5, restart: int = 0, replicas: int = 1, **script: Any
) -> Profile:
    """A profile whose server is the stand-in, scripted as its docstring says."""
    flags = ["--model-path", "MiniMaxAI/MiniMax-M2", "--tool-call-parser", "minimax-m2", "--reasoning-parser"]
    flags += ["minimax-append-think", "--trust-remote-code", "--tp-size", "8", "--ep-size", "8"]
    return Profile(
        name="MiniMax-M2",
        served_names=("MiniMaxAI/MiniMax-M2",),
        restart=restart,
        launch=Launch(
            argv=(sys.executable, "-m", "sglang.launch_server", "--port", "{port}", *flags),
            env={"PYTHONPATH": str(STAND_IN), "SGLANG_STAND_IN": json.dumps(script)},
            stall_s=stall_s,
            stop_s=stop_s,
            replicas=replicas,
        ),
    )


def running(fragment: str) -> list[int]:
    """Processes, zombies excepted, whose environment holds the text."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            environment = (entry / "environ").read_bytes() if entry.name.isdigit() else b""
        except OSError:
            continue
        if fragment.encode() in environment and (state := process_state(int(entry.name))) and state[0] not in "ZX":
            found.append(int(entry.name))
    return found


def eventually(is_true: Callable[[], bool], *, within_s: float = 300.0) -> bool:
    """True as soon as the condition holds, False if it does not within the limit."""
    deadline = time.monotonic() + within_s
    while not is_true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
