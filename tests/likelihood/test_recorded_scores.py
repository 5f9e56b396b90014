"""What vLLM 0.32.0 and SGLang 0.5.23 answered for SmolLM2-135M-Instruct on a CPU, cut to a few fields and entries."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from pytest_modeleval.errors import AttemptFailed
from pytest_modeleval.likelihood.backends import find_backend
from pytest_modeleval.likelihood.decisions import decision, decision_query
from pytest_modeleval.likelihood.labels import label_query, label_scores
from pytest_modeleval.records import JsonObject, Request
from pytest_modeleval.server_facts import ModelFacts, ServerFacts

if TYPE_CHECKING:
    from pytest_modeleval.client.route import Ask, Query
from pytest_modeleval.likelihood.backend import Backend

BEFORE = [504, 3575, 282, 4649, 314]
BANANA = 21285
USAGE = {"prompt_tokens": 6, "total_tokens": 7, "completion_tokens": 1, "prompt_tokens_details": None}
TOP_LABELS = [("A", -1.4676), ("B", -1.8426), ("The", -2.4676)]
# vLLM has all places of the prompt: two entries where the token is not the best one, else one.
VLLM_PLACES = [
    None,
    {"3575": {"logprob": -11.777, "rank": 3123, "decoded_token": " capital"}, "29": {"logprob": -0.777, "rank": 1}},
    {"282": {"logprob": -0.3499, "rank": 1, "decoded_token": " of"}},
    {"4649": {"logprob": -2.4954, "rank": 2}, "260": {"logprob": -2.0579, "rank": 1}},
    {"314": {"logprob": -0.5068, "rank": 1, "decoded_token": " is"}},
    {"21285": {"logprob": -17.2, "rank": 20000, "decoded_token": " banana"}, "7042": {"logprob": -0.266, "rank": 1}},
]
VLLM_NEXT = {
    "text_offset": [0],
    "token_logprobs": [-0.266],
    "tokens": ["token_id:7042"],
    "top_logprobs": [{"token_id:7042": -0.266, "token_id:260": -2.7035}],
}
# SGLang has the places from logprob_start_len on, the first one null, and no texts.
SGLANG_PROMPT = {
    "prompt_tokens": 6,
    "input_token_logprobs": [[None, 314, None], [-17.2047, BANANA, None]],
    "input_top_logprobs": [None, [[-0.2808, 7042, None]]],
    "output_token_logprobs": [[-1.1063, 30, None]],
    "output_top_logprobs": [[[-1.1063, 30, None]]],
}
SGLANG_NEXT = {
    "prompt_tokens": 5,
    "input_token_logprobs": [],
    "input_top_logprobs": [],
    "output_token_logprobs": [[-0.2808, 7042, None]],
    "output_top_logprobs": [[[-0.2808, 7042, None], [-2.5933, 260, None]]],
}


def answer(query: Query) -> JsonObject:
    """The recorded answer."""
    body = query.body
    if query.route.path == "/tokenize":
        return {"count": 5, "max_model_len": 4096, "tokens": BEFORE, "token_strs": None}
    if query.route.path == "/generate":
        is_scored = "logprob_start_len" in body
        meta = SGLANG_PROMPT if is_scored else SGLANG_NEXT
        assert body.get("logprob_start_len", 4) == 4
        return {"text": ".", "output_ids": [30], "meta_info": {"id": "71c3", "cached_tokens": 4, **meta}}
    is_scored = "prompt_logprobs" in body
    choice = {"index": 0, "text": ".", "finish_reason": "length", "logprobs": None if is_scored else VLLM_NEXT}
    choice["prompt_logprobs"] = VLLM_PLACES if is_scored else None
    return {"id": "cmpl-1", "object": "text_completion", "choices": [choice], "usage": USAGE}


async def ask(query: Query) -> JsonObject:
    """The Reply that the route reads from it."""
    return query.route.read(answer(query))


def engine(kind: str) -> tuple[Backend, Ask]:
    """The backend of an engine, and its answers."""
    backend = find_backend(kind, "SmolLM2-135M-Instruct")
    assert backend is not None
    return backend, ask


@pytest.mark.parametrize(("kind", "own", "best"), [("vllm", -17.2, -0.266), ("sglang", -17.2047, -0.2808)])
def test_recorded_answers_are_read(kind: str, own: float, best: float) -> None:
    """The number of tokens, the value of a given token with the best one of its place, and the next candidates."""
    backend, send = engine(kind)
    assert asyncio.run(backend.tokenize(send, "The capital of France is")) == BEFORE
    (score,) = asyncio.run(backend.score(send, [*BEFORE, BANANA], 5))
    assert (score.token, score.logprob, score.top[0], score.is_top) == (BANANA, own, (7042, best), False)
    candidates = asyncio.run(backend.next_candidates(send, BEFORE))
    assert candidates[0] == (7042, best)
    assert [token for token, _ in candidates] == [7042, 260]


@pytest.mark.parametrize("kind", ["vllm", "sglang"])
def test_an_answer_for_another_text_is_refused(kind: str) -> None:
    """The recorded places belong to other tokens than were sent."""
    backend, send = engine(kind)
    with pytest.raises(AttemptFailed, match="expected log-probabilities of the prompt's tokens"):
        asyncio.run(backend.score(send, [*BEFORE, 99], 5))


@pytest.mark.parametrize("extra", [{"reasoning": None}, {"reasoning_content": None}], ids=["vllm", "sglang"])
def test_recorded_labels_are_read(extra: JsonObject) -> None:
    """Both list tokens with their bytes, and the generated one among them."""
    entries: list[Any] = [{"token": token, "logprob": value, "bytes": [65]} for token, value in TOP_LABELS]
    logprobs = {"content": [{**entries[0], "top_logprobs": entries}]}
    message = {"role": "assistant", "content": "A", **extra}
    choice = {"index": 0, "message": message, "logprobs": logprobs, "finish_reason": "length"}
    query = label_query(Request([{"role": "user", "content": "A or B?"}]), "SmolLM2-135M-Instruct", {})
    found = label_scores(query.route.read({"id": "c", "choices": [choice], "usage": USAGE}), ["A", "B"])
    assert found.best == "A"
    assert found.probabilities == pytest.approx({"A": 0.2305, "B": 0.1584}, abs=1e-4)


def test_a_recorded_decision_is_read() -> None:
    """SGLang 0.5.23: shares among the options times the mass of their letters."""
    facts = ServerFacts(model="SmolLM2-135M-Instruct", kind="sglang", urls=("http://localhost/v1",))
    model = ModelFacts(name="m", server=facts, identity="")
    shares = {"Paris": 0.5156, "banana": 0.4844}
    answer = {"type": "choice", "probabilities": shares, "label_mass": 0.2317, "choice": "Paris"}
    found = {"object": "decisions", "prompt_format_version": 1, "answers": {"q": answer}, "usage": USAGE}
    query = decision_query(model, "Which is a city?", "Which?", dict.fromkeys(shares, ""), {"temperature": 0.5})
    assert set(query.body) == {"model", "input", "questions", "prompt_format_version"}
    scores = decision(query.route.read(found), shares)
    assert scores.probabilities == pytest.approx({"Paris": 0.1195, "banana": 0.1122}, abs=1e-4)
    assert scores.mass == pytest.approx(0.2317)
    with pytest.raises(AttemptFailed, match="other options than were sent"):
        query.route.read(found | {"answers": {"q": answer | {"probabilities": {"banana": 0.5, "Paris": 0.5}}}})
