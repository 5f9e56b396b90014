"""What our profiles give to SGLang, its own argument parsers know (read from the wheels, read_sglang_flags.py)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from pytest_modeleval.server.profiles import load_profile, profile_names
from tests.support.read_sglang_flags import flags_of

HERE = Path(__file__).parent
VERSIONS: list[dict[str, Any]] = json.loads((HERE / "sglang_flags.json").read_text())


def sglang_commands(tmp_path: Path) -> dict[str, tuple[str, ...]]:
    """The commands of all shipped profiles that start SGLang, by name."""
    found = {}
    for name in profile_names(tmp_path):
        profile = load_profile(name, project_dir=tmp_path)
        assert profile is not None
        if profile.launch is not None and "sglang.launch_server" in profile.launch.argv:
            found[name] = profile.launch.fill_placeholders(port=8000)[0]
    return found


@pytest.mark.parametrize("known", VERSIONS, ids=lambda known: str(known["version"]))
def test_every_flag_and_parser_exists(known: dict[str, Any], tmp_path: Path) -> None:
    """Old and new SGLang accept every flag, and every parser name, of every shipped profile."""
    commands = sglang_commands(tmp_path)
    assert "MiniMax-M2" in commands
    for command in commands.values():
        flags = [argument.removeprefix("--") for argument in command if argument.startswith("--")]
        assert set(flags) <= set(known["flags"])
        for flag in ("tool-call-parser", "reasoning-parser"):
            if f"--{flag}" in command:
                value = command[command.index(f"--{flag}") + 1]
                assert value in known[f"{flag.replace('-', '_')}s"]


def test_recorded_flags_are_those_of_the_wheel() -> None:
    """With MODELEVAL_SGLANG_WHEEL naming a wheel, the recorded list of its version is what the wheel says."""
    wheel = os.environ.get("MODELEVAL_SGLANG_WHEEL")
    if not wheel:
        pytest.skip("MODELEVAL_SGLANG_WHEEL names no wheel (pip download --no-deps sglang)")
    found = flags_of(Path(wheel))
    assert found in VERSIONS
