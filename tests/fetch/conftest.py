"""The imitations of the hubs as fixtures, with the clients' environment pointed at them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.hub_imitation import Hub, HuggingFaceHandler, ModelScopeHandler, serve


@pytest.fixture
def hugging_face(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """An imitation of the Hugging Face hub that this process and its children use, with a cache of its own."""
    from huggingface_hub import constants

    home = tmp_path_factory.mktemp("hf-home")
    for hub in serve(HuggingFaceHandler):
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("HF_HOME", str(home))
        monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
        monkeypatch.delenv("HF_TOKEN", raising=False)
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        # This process read its environment when huggingface_hub was imported.
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(home / "token"))
        yield hub


@pytest.fixture
def model_scope(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """An imitation of ModelScope."""
    for hub in serve(ModelScopeHandler):
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", hub.url)
        yield hub
