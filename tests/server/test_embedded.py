"""The bundled small model, for real: fetched, launched like every other server, asked, gone."""

from __future__ import annotations

import importlib.util
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from pytest_modeleval.server.connect import ServerHandle, open_server
from pytest_modeleval.server.embedded import NAME, main
from pytest_modeleval.server.profiles import load_profile

HAS_SERVER = importlib.util.find_spec("xllamacpp") is not None


@pytest.mark.embedded
@pytest.mark.skipif(not HAS_SERVER, reason="xllamacpp is not installed (extra [embedded])")
def test_embedded_model_answers_for_real(tmp_path: Path) -> None:
    """Eight questions at once and one streamed are answered; facts are known; afterwards nothing listens."""
    profile = load_profile("embedded", project_dir=tmp_path)
    said: list[str] = []
    with open_server(
        "embedded", profile=profile, urls=(), log_dir=tmp_path, project_dir=tmp_path, report=said.append
    ) as session:
        facts = session.facts
        assert (facts.model, facts.kind, facts.context_tokens) == (NAME, "llama.cpp", 2048)
        assert facts.version.startswith("2026.")
        with ThreadPoolExecutor(8) as pool:
            replies = list(pool.map(lambda number: asked(session, f"Say {number}"), range(8)))
        assert all(reply["choices"][0]["message"]["content"] for reply in replies)
        assert all(0 < reply["usage"]["completion_tokens"] <= 8 for reply in replies)
        assert streamed(session)
    assert session.launched[0].poll() == 0
    assert any("ready after" in line for line in said)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{facts.urls[0]}/models", trust_env=False)


def body(session: ServerHandle, text: str) -> dict[str, object]:
    """A short request."""
    message = {"role": "user", "content": text}
    return {"model": session.facts.model, "messages": [message], "max_tokens": 8, "temperature": 0}


def asked(session: ServerHandle, text: str) -> dict[str, Any]:
    """One answer, whole."""
    url = f"{session.facts.urls[0]}/chat/completions"
    found: dict[str, Any] = httpx.post(url, json=body(session, text), timeout=60, trust_env=False).json()
    return found


def streamed(session: ServerHandle) -> str:
    """One answer, in pieces."""
    url = f"{session.facts.urls[0]}/chat/completions"
    text = ""
    request = {**body(session, "Say hello"), "stream": True}
    with httpx.stream("POST", url, json=request, timeout=60, trust_env=False) as response:
        for line in response.iter_lines():
            if line.startswith("data: {"):
                text += json.loads(line[6:])["choices"][0]["delta"].get("content") or ""
    return text


def test_without_its_package_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing xllamacpp says what to install, and exits with 1."""
    monkeypatch.setitem(__import__("sys").modules, "xllamacpp", None)
    monkeypatch.setattr("pytest_modeleval.server.embedded.weights", lambda print_line: tmp_path / "model.gguf")
    monkeypatch.setattr("signal.pthread_sigmask", lambda *_: None)
    assert main(["--port", "1"]) == 1
    assert "pip install 'pytest-modeleval[embedded]'" in capsys.readouterr().err
