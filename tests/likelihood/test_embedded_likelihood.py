"""The bundled small model, for real: forced tokens have the log-probabilities of the unforced distribution."""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path
from typing import Any

import httpx
import pytest

from pytest_modeleval.likelihood.backends import find_backend
from pytest_modeleval.likelihood.scoring import score_continuations
from pytest_modeleval.records import JsonObject
from pytest_modeleval.runs.likelihood_check import post_query, why_no_likelihoods
from pytest_modeleval.server.connect import open_server
from pytest_modeleval.server.profiles import load_profile
from pytest_modeleval.server_facts import ModelFacts

# llama.cpp has other kernels for 64 and more tokens of a prompt at once, and for one token after 512 and more.
CONTEXT = "A woman in a dress holding a violin addresses an audience. " * 46 + "The woman"
ENDINGS = (" sits.", " swims.")


@pytest.mark.embedded
@pytest.mark.skipif(importlib.util.find_spec("xllamacpp") is None, reason="xllamacpp is not installed ([embedded])")
def test_forced_tokens_have_their_unforced_values(tmp_path: Path) -> None:
    """A token after others one by one has the value that it has in all of a prompt that is read at once, uncached."""
    profile = load_profile("embedded", project_dir=tmp_path)
    with open_server("embedded", profile=profile, urls=(), log_dir=tmp_path, project_dir=tmp_path) as session:
        facts = session.facts
        model = ModelFacts(name="embedded", server=facts, identity=facts.identity)
        assert why_no_likelihoods(model, key=None) == ""
        backend = find_backend(facts.kind, facts.model)
        assert backend is not None

        async def ask(query: Any) -> JsonObject:
            return post_query(facts.urls[0], query, key=None)

        found = asyncio.run(score_continuations(backend, ask, CONTEXT, ENDINGS, context_tokens=2048))
        start = len(asyncio.run(backend.tokenize(ask, CONTEXT)))
        tokens = asyncio.run(backend.tokenize(ask, CONTEXT + ENDINGS[0]))
        scores = asyncio.run(backend.score(ask, tokens, start))
        free = unforced(facts.urls[0], tokens[:-1], tokens[-1])
    assert start > 512
    assert found[0].tokens == len(scores) > 1
    assert found[0].logprob == pytest.approx(sum(score.logprob for score in scores), abs=1e-6)
    assert scores[-1].logprob == pytest.approx(free, abs=1e-6)
    assert found[0].logprob > found[1].logprob


def unforced(base: str, before: list[int], token: int) -> float:
    """A token's log-probability in the list of all of them."""
    body = {"prompt": before, "n_predict": 1, "n_probs": 49_152, "temperature": 0, "cache_prompt": False}
    answer = httpx.post(base.removesuffix("/v1") + "/completion", json=body, timeout=120, trust_env=False).json()
    top = answer["completion_probabilities"][0]["top_logprobs"]
    found: float = next(entry["logprob"] for entry in top if entry["id"] == token)
    return found
