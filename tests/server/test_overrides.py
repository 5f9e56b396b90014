"""--model-set: one value of the profile, by its path, checked as in models.toml."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval._support.redact import setting
from pytest_modeleval.errors import SettingsError
from pytest_modeleval.server.overrides import is_launch_setting, overrides
from pytest_modeleval.server.profiles import Profile, load_profile


def laid(tmp_path: Path, *pairs: str, name: str = "MiniMax-M2") -> Profile:
    """The profile with the pairs laid over it."""
    found = load_profile(name, project_dir=tmp_path, overriding=overrides(name, pairs))
    assert found is not None
    return found


def value_after(profile: Profile, flag: str) -> str:
    """What follows a flag in the command."""
    assert profile.launch is not None
    return profile.launch.argv[profile.launch.argv.index(flag) + 1]


def test_values_reach_the_profile(tmp_path: Path) -> None:
    """Plain keys, keys of the launch, flags, variables, parameters and lists; everything else stays."""
    profile = laid(
        tmp_path,
        *("restart=2", "launch.port=8001", "launch.flags.mem-fraction-static=0.7", "launch.flags.context-length=128k"),
        *("launch.flags.trust-remote-code=false", "launch.env.OMP_NUM_THREADS=4", "params.temperature=0.2"),
        *("urls=http://gpu-7:8000/v1", "launch.pass_env=[]"),
    )
    launch = profile.launch
    assert launch is not None
    assert (profile.restart, launch.port, profile.params["temperature"]) == (2, 8001, 0.2)
    assert value_after(profile, "--mem-fraction-static") == "0.7"
    assert value_after(profile, "--context-length") == "128k"
    assert "--trust-remote-code" not in launch.argv
    assert value_after(profile, "--tp-size") == "8"
    assert launch.env["OMP_NUM_THREADS"] == "4"
    assert launch.env["SGLANG_FORCE_SHUTDOWN"] == "1"
    assert profile.urls == ("http://gpu-7:8000/v1",)
    assert launch.pass_env == ()
    assert profile.params["top_k"] == 40


def test_it_counts_above_the_projects_file(tmp_path: Path) -> None:
    """Command line above models.toml, the later of two above the earlier."""
    (tmp_path / "models.toml").write_text("[MiniMax-M2]\nrestart = 3\nin_flight = 5\n")
    profile = laid(tmp_path, "restart=1", "restart=4")
    assert (profile.restart, profile.in_flight) == (4, 5)


def test_it_may_make_a_profile_from_another(tmp_path: Path) -> None:
    """A name that no file has, extending one that is there."""
    profile = laid(tmp_path, "extends=Qwen3-8B", "launch.port=30001", name="mine")
    assert profile.name == "mine"
    assert profile.launch is not None
    assert profile.launch.port == 30001
    assert value_after(profile, "--model-path") == "Qwen/Qwen3-8B"


@pytest.mark.parametrize(
    ("pair", "value"),
    [
        ("params.top_k=20", 20),
        ("params.stop=['a', 'b']", ["a", "b"]),
        ('params.chat_template_kwargs={"enable_thinking": false}', {"enable_thinking": False}),
        ("params.chat_template_kwargs={enable_thinking = false}", {"enable_thinking": False}),
        ("params.note=a = b", "a = b"),
        ("params.day=2026-01-02", "2026-01-02"),
        ("params.note=1\nother = 2", "1\nother = 2"),
        ("params.note=", ""),
    ],
)
def test_a_value_is_toml_or_json_or_a_text(pair: str, value: Any) -> None:
    """What can be read as a value is one, the rest is a text as it stands; no line break begins another key."""
    (found,) = overrides("m", [pair])["params"].values()
    assert found == value


def test_what_must_be_a_text_stays_one() -> None:
    """Numbers where the schema wants a text or a list of texts."""
    found = overrides("m", ["launch.package=8", "served_names=70", "launch.env.A=true"])
    assert found == {"launch": {"package": "8", "env": {"A": "true"}}, "served_names": ["70"]}


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        ("restart", "expected KEY=VALUE"),
        ("=3", "expected KEY=VALUE"),
        ("launch..port=1", "expected KEY=VALUE"),
        ("launch.port=x", "[m.launch] port: expected a whole number from 1 to 65,535, found 'x'"),
        ("restart=-1", "[m] restart: expected a whole number from 0 to 100, found -1"),
        ("port=8001", "(write launch.port)"),
        ("tp-size=4", "launch.flags.tp-size"),
        ("launch.tp-size=4", "launch.flags.tp-size"),
        ("launch.prot=4", "did you mean 'port'?"),
        ("launch.flags={}", "is a table"),
        ("params.temperature=hot", "[m.params] temperature: expected a number"),
        ("params.model=x", "is not a generation parameter"),
        ("url=http://h/v1", "did you mean 'urls'?"),
        ("urls=ftp://h", "a list of addresses"),
    ],
)
def test_a_mistake_names_the_option(pair: str, words: str) -> None:
    """The schema of the file, the name of the option, and where the key belongs."""
    with pytest.raises(SettingsError) as caught:
        overrides("m", [pair])
    assert str(caught.value).startswith("--model-set: ")
    assert words in str(caught.value)


def test_a_value_has_no_keys() -> None:
    """A key below a value is refused, whichever comes first."""
    with pytest.raises(SettingsError, match="no keys"):
        overrides("m", ["restart=1", "restart.x=1"])


@given(st.text(max_size=60))
def test_any_text_is_a_value_or_a_mistake(text: str) -> None:
    """Nothing but SettingsError comes out of what a user may type, and a parameter takes everything."""
    assert "note" in overrides("m", [f"params.note={text}"])["params"]
    with contextlib.suppress(SettingsError):
        assert isinstance(overrides("m", [text]), dict)


def test_secrets_are_not_shown() -> None:
    """A value whose name speaks of a key is left out wherever the pair is kept; others are kept."""
    assert setting("launch.flags.api-key=sk-1") == "launch.flags.api-key=***"
    assert setting("launch.env.HF_TOKEN=hf_1") == "launch.env.HF_TOKEN=***"
    assert setting("launch.flags.max-total-tokens=9") == "launch.flags.max-total-tokens=9"
    with pytest.raises(SettingsError) as caught:
        overrides("m", ["launch.env.HF TOKEN=hf_1"])
    assert "hf_1" not in str(caught.value)


def test_which_values_matter_to_a_launch_only() -> None:
    """They are told when the server was running already."""
    assert is_launch_setting("launch.port=1")
    assert is_launch_setting("restart=1")
    assert not is_launch_setting("params.temperature=1")
