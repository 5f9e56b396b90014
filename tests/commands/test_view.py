"""`modeleval view` before it serves: mistakes of the user end with one sentence; the address of a server."""

from __future__ import annotations

import importlib.util
import re
import socket
from pathlib import Path

import pytest

from pytest_modeleval.cli import main


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The sentence of a mistake."""
    assert main(["view", *arguments]) == 4
    return capsys.readouterr().err


def test_a_missing_library_is_named_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, before anything else."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    expected = "ERROR: modeleval view needs starlette and uvicorn: pip install 'pytest-modeleval[view]'\n"
    assert refused(capsys, str(tmp_path)) == expected


def test_a_missing_folder_and_a_taken_port_are_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a folder the default one is named; a port that is in use, or none at all, ends with what to do."""
    for name in ("starlette", "uvicorn"):
        pytest.importorskip(name, reason=f"{name} (the extra view) is not installed")
    monkeypatch.chdir(tmp_path)
    assert "found no folder modeleval-runs; name a folder: modeleval view DIR" in refused(capsys)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"cannot listen on 127.0.0.1, port {port}" in refused(capsys, str(tmp_path), "--port", port)
    assert "--port: expected 0 to 65535, found 70000" in refused(capsys, str(tmp_path), "--port", "70000")


@pytest.mark.parametrize(("arguments", "has_token"), [([], False), (["--host", "127.0.0.1"], True)])
def test_only_a_named_host_needs_a_token(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    has_token: bool,
) -> None:
    """The token is new at every start, stands in the printed address, and is what the server asks for."""
    for name in ("starlette", "uvicorn"):
        pytest.importorskip(name, reason=f"{name} (the extra view) is not installed")
    from pytest_modeleval.view import server

    tokens: list[str] = []
    monkeypatch.setattr(server, "serve", lambda *_, host, token: tokens.append(token))
    for _ in range(2):
        assert main(["view", str(tmp_path), "--port", "0", *arguments]) == 0
        shown = re.search(r"at http://127\.0\.0\.1:\d+/(?:\?token=(\S+))? ", capsys.readouterr().out)
        assert shown is not None
        assert (shown[1] or "") == tokens[-1]
    assert (len(tokens[0]) >= 32) is has_token
    assert (tokens[0] == tokens[1]) is not has_token
