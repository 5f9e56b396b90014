"""Connect first, launch only where nothing answers, and never stop what we did not start."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import httpx
import pytest

from pytest_modeleval.errors import ConnectError, LaunchError, SettingsError
from pytest_modeleval.server.connect import ServerHandle, open_server
from pytest_modeleval.server.identify import UnreachableError
from pytest_modeleval.server.profiles import Profile
from tests.support.scripted_server import models, scripted
from tests.support.stand_ins import running, stand_in

NOWHERE = "http://127.0.0.1:9/v1"


def opened(tmp_path: Path, profile: Profile | None, *urls: str, model: str = "MiniMax-M2") -> ServerHandle:
    """A session, with logs in tmp_path."""
    return open_server(model, profile=profile, urls=urls, log_dir=tmp_path, project_dir=tmp_path)


def test_given_url_is_connected_and_outlives_the_session(tmp_path: Path) -> None:
    """--model-url wins over everything, nothing is launched, and the server still answers afterwards."""
    with scripted({"/v1/models": models("MiniMaxAI/MiniMax-M2")}) as server:
        with opened(tmp_path, stand_in(), server.url) as session:
            assert session.facts.urls == (server.url,)
            assert not session.is_ours
        assert httpx.get(f"{server.url}/models", trust_env=False).status_code == 200
    assert list(tmp_path.iterdir()) == []


def test_given_url_that_does_not_answer_launches_nothing(tmp_path: Path) -> None:
    """Whoever names an address means that one."""
    with pytest.raises(UnreachableError):
        opened(tmp_path, stand_in(), NOWHERE)
    assert list(tmp_path.iterdir()) == []


def test_profile_url_that_answers_is_used(tmp_path: Path) -> None:
    """A server that already runs is used instead of a second one."""
    with scripted({"/v1/models": models("MiniMaxAI/MiniMax-M2")}) as server:
        profile = dataclasses.replace(stand_in(), urls=(server.url,))
        with opened(tmp_path, profile) as session:
            assert not session.is_ours


def test_nothing_answers_so_it_is_launched_and_stopped(tmp_path: Path) -> None:
    """The profile's command is started, identified like any server, and gone after the session."""
    seen = f"seen-{tmp_path}"
    profile = dataclasses.replace(stand_in(children=1, note=seen), urls=(NOWHERE,))
    with opened(tmp_path, profile) as session:
        assert session.is_ours
        assert session.facts.model == "MiniMaxAI/MiniMax-M2"
        assert (session.facts.kind, session.facts.tool_call_parser) == ("sglang", "minimax-m2")
        assert (tmp_path / "server.log").read_text().startswith("$ ")
    if sys.platform.startswith("linux"):
        assert running(seen) == []


def test_another_model_at_the_profile_url_is_not_launched_over(tmp_path: Path) -> None:
    """A wrong model at the address is an error, not a reason to start a second server."""
    with (
        scripted({"/v1/models": models("Qwen/Qwen3-8B")}) as server,
        pytest.raises(ConnectError, match="Qwen/Qwen3-8B"),
    ):
        opened(tmp_path, dataclasses.replace(stand_in(), urls=(server.url,)))
    assert list(tmp_path.iterdir()) == []


def test_a_loading_server_is_not_launched_over(tmp_path: Path) -> None:
    """503 at the address: somebody else's server is loading; it keeps its GPUs."""
    with scripted({"/v1/models": (503, {})}) as server, pytest.raises(UnreachableError, match="starting"):
        opened(tmp_path, dataclasses.replace(stand_in(), urls=(server.url,)))
    assert list(tmp_path.iterdir()) == []


def test_replicas_start_together_and_end_together(tmp_path: Path) -> None:
    """Two replicas are two addresses of one model with two logs; both are gone afterwards."""
    seen = f"seen-{tmp_path}"
    with opened(tmp_path, stand_in(replicas=2, note=seen)) as session:
        assert len(set(session.facts.urls)) == 2
        assert {path.name for path in tmp_path.iterdir()} == {"server.log", "server-1.log"}
    if sys.platform.startswith("linux"):
        assert running(seen) == []


def test_one_failing_replica_ends_all(tmp_path: Path) -> None:
    """A failure of any replica is the failure of the launch; none stays."""
    seen = f"seen-{tmp_path}"
    with pytest.raises(LaunchError, match="likely cause"):
        opened(tmp_path, stand_in(replicas=2, fail="out_of_memory", note=seen))
    if sys.platform.startswith("linux"):
        assert running(seen) == []


def test_a_launched_server_of_another_model_is_stopped(tmp_path: Path) -> None:
    """The profile's command serves something else than the profile says: told, and nothing stays."""
    seen = f"seen-{tmp_path}"
    profile = dataclasses.replace(stand_in(note=seen), served_names=(), name="Qwen3-8B")
    with pytest.raises(ConnectError, match="MiniMaxAI/MiniMax-M2"):
        opened(tmp_path, profile, model="Qwen3-8B")
    if sys.platform.startswith("linux"):
        assert running(seen) == []


def test_no_profile_and_no_url_is_a_settings_error(tmp_path: Path) -> None:
    """The nearest profile is suggested, or all are listed."""
    with pytest.raises(SettingsError, match="did you mean 'embedded'"):
        opened(tmp_path, None, model="embeded")
    with pytest.raises(SettingsError, match=r"known: .*MiniMax-M2"):
        opened(tmp_path, None, model="zzz")


def test_profile_with_nothing_is_told(tmp_path: Path) -> None:
    """Neither an address nor a command: the next step is --model-url."""
    with pytest.raises(ConnectError, match="neither urls nor"):
        opened(tmp_path, Profile(name="m", source="models.toml"), model="m")


def test_no_place_for_traces_is_no_hindrance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the traces of running servers cannot be kept, the server is launched all the same."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setattr("pytest_modeleval.server.orphans.state_dir", lambda: (blocked / "folder").resolve(strict=True))
    with opened(tmp_path, stand_in()) as session:
        assert session.is_ours
