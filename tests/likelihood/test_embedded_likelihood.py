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

CONTEXT = "Playing violin: A woman in a dress holding a violin addresses an audience. The woman"
ENDINGS = (" finishes playing and sits back.", " is in the wading pool, unhappily.")


@pytest.mark.embedded
@pytest.mark.skipif(importlib.util.find_spec("xllamacpp") is None, reason="xllamacpp is not installed ([embedded])")
def test_forced_tokens_have_their_unforced_values(tmp_path: Path) -> None:
    """Sums equal, to 1e-3 a token, those read from the whole distribution of every place, computed without a cache."""
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
        for one, ending in zip(found, ENDINGS, strict=True):
            tokens = asyncio.run(backend.tokenize(ask, CONTEXT + ending))
            free = [unforced(facts.urls[0], tokens[:place], tokens[place]) for place in range(start, len(tokens))]
            assert one.tokens == len(free)
            assert one.logprob == pytest.approx(sum(free), abs=1e-3 * len(free))
    assert found[0].logprob > found[1].logprob


def unforced(base: str, before: list[int], token: int) -> float:
    """A token's log-probability in the list of all of them."""
    body = {"prompt": before, "n_predict": 1, "n_probs": 49_152, "temperature": 0, "cache_prompt": False}
    answer = httpx.post(base.removesuffix("/v1") + "/completion", json=body, timeout=120, trust_env=False).json()
    top = answer["completion_probabilities"][0]["top_logprobs"]
    found: float = next(entry["logprob"] for entry in top if entry["id"] == token)
    return found
