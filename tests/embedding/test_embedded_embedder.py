"""The bundled small embedding model, for real: the similarities that its model card shows."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from pytest_modeleval.embedding.vectors import VectorReader, vector_query
from pytest_modeleval.errors import AttemptFailed, LaunchError
from pytest_modeleval.runs.endpoint_check import with_encoding
from pytest_modeleval.runs.likelihood_check import post_query
from pytest_modeleval.server import minilm
from pytest_modeleval.server.connect import open_server
from pytest_modeleval.server.profiles import load_profile
from pytest_modeleval.server_facts import ModelFacts

TEXTS = ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."]
CARD = (0.6660, 0.1045, 0.1411)
HAS_PACKAGES = all(importlib.util.find_spec(name) is not None for name in ("xllamacpp", "gguf"))


@pytest.mark.embedded
@pytest.mark.skipif(not HAS_PACKAGES, reason="xllamacpp or gguf is not installed (extra [embedded])")
def test_the_vectors_have_the_similarities_of_the_model_card(tmp_path: Path) -> None:
    """To four places; in base64 as in numbers; a text beyond 512 tokens is refused as such, once."""
    name = "embedded-embedder"
    profile = load_profile(name, project_dir=tmp_path)
    with open_server(name, profile=profile, urls=(), log_dir=tmp_path, project_dir=tmp_path) as session:
        facts = session.facts
        model = ModelFacts(name=name, server=facts, identity=facts.identity)
        assert with_encoding(model, {}, None).embedding_encoding == "base64"
        rows = []
        for encoding in ("base64", "float"):
            reader = VectorReader(len(TEXTS))
            query = vector_query(TEXTS, model=facts.model, params={}, encoding=encoding, reader=reader)
            post_query(facts.urls[0], query, key=None)
            rows.append(reader.rows)
        long = vector_query(["word " * 600], model="m", params={}, encoding="float", reader=VectorReader(1))
        with pytest.raises(AttemptFailed) as caught:
            post_query(facts.urls[0], long, key=None)
    assert (caught.value.cause, caught.value.is_retryable) == ("context_exceeded", False)
    assert np.array_equal(rows[0], rows[1])
    likeness = rows[0] @ rows[0].T
    assert (likeness[0, 1], likeness[0, 2], likeness[1, 2]) == pytest.approx(CARD, abs=6e-5)


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command that installs it."""
    monkeypatch.setitem(__import__("sys").modules, "gguf", None)
    with pytest.raises(LaunchError, match=r"pip install 'pytest-modeleval\[embedded\]'"):
        minilm._write(tmp_path / "model.gguf", ["[PAD]"], {})
