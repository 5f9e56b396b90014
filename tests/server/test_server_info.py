"""What servers tell of themselves is read from real answers, and keys never get out."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval.server.server_info import (
    read_llama_cpp,
    read_model_entry,
    read_model_list,
    read_sglang,
    read_vllm,
)
from pytest_modeleval.server_facts import ServerFacts

SGLANG_ENTRY = {
    "id": "MiniMaxAI/MiniMax-M2",
    "object": "model",
    "owned_by": "sglang",
    "root": "MiniMaxAI/MiniMax-M2",
    "max_model_len": 196608,
}
SGLANG_MODEL = {
    "model_path": "/data/models/MiniMax-M2",
    "weight_version": "default",
    "reasoning_parser": "minimax-append-think",
    "tool_call_parser": "minimax-m2",
}
SGLANG_SERVER = {
    "version": "0.5.23",
    "quantization": "fp8",
    "api_key": "sk-secret",
    "allow_auto_truncate": False,
    "sampling_defaults": "model",
    "max_running_requests": 128,
    "launch_command": "python -m sglang.launch_server --api-key sk-secret --port 8000",
}


def test_sglang_facts_come_from_both_endpoints() -> None:
    """Parsers, version, limits and the context length are read."""
    facts = read_sglang(read_model_entry(SGLANG_ENTRY), SGLANG_MODEL, SGLANG_SERVER)
    assert (facts.kind, facts.version, facts.root) == ("sglang", "0.5.23", "MiniMax-M2")
    assert (facts.context_tokens, facts.quantization, facts.max_running_requests) == (196608, "fp8", 128)
    assert (facts.reasoning_parser, facts.tool_call_parser) == ("minimax-append-think", "minimax-m2")
    assert facts.is_auto_truncating is False
    assert facts.takes_images is None
    seeing = read_sglang(read_model_entry(SGLANG_ENTRY), {**SGLANG_MODEL, "has_image_understanding": True}, {})
    assert seeing.takes_images is True


def test_old_sglang_reports_its_parsers_among_the_arguments() -> None:
    """0.5.5 tells the parsers in its server facts only; a parser that is null is not set, which is known."""
    old_model = {"model_path": "MiniMaxAI/MiniMax-M2", "weight_version": "default"}
    facts = read_sglang(
        read_model_entry(SGLANG_ENTRY),
        old_model,
        {**SGLANG_SERVER, "reasoning_parser": "minimax", "tool_call_parser": None},
    )
    assert (facts.reasoning_parser, facts.tool_call_parser) == ("minimax", "")
    unknown = read_sglang(read_model_entry(SGLANG_ENTRY), old_model, {})
    assert unknown.tool_call_parser is None


def test_llama_cpp_facts() -> None:
    """Context per slot, slots and quantisation are read; a build without a number is no version."""
    entry = {"id": "SmolLM2-135M-Instruct", "owned_by": "llamacpp", "meta": {"n_ctx": 2048, "ftype": "Q4_1"}}
    props = {
        "default_generation_settings": {"n_ctx": 2048},
        "total_slots": 8,
        "model_path": "/home/me/.cache/x/SmolLM2.gguf",
        "chat_template": "{% for %}",
        "build_info": "b0-unknown",
        "modalities": {"vision": False, "audio": False},
    }
    facts = read_llama_cpp(read_model_entry(entry), props)
    assert facts.takes_images is False
    assert (facts.kind, facts.version, facts.root) == ("llama.cpp", "", "SmolLM2.gguf")
    assert (facts.context_tokens, facts.max_running_requests, facts.quantization) == (2048, 8, "Q4_1")


def test_vllm_facts() -> None:
    """VLLM tells its version at an endpoint of its own."""
    facts = read_vllm(read_model_entry({"id": "m", "owned_by": "vllm", "max_model_len": 4096}), {"version": "0.11.0"})
    assert (facts.kind, facts.version, facts.context_tokens) == ("vllm", "0.11.0", 4096)


def test_ids_of_the_same_weights_are_one_model() -> None:
    """VLLM lists every served name with one root; an adapter and other models have another root, or none."""
    listed: dict[str, dict[str, Any]] = {
        "m2": {"id": "m2", "root": "/data/MiniMax-M2"},
        "prod": {"id": "prod", "root": "/data/MiniMax-M2"},
        "tuned": {"id": "tuned", "root": "/data/adapter", "parent": "m2"},
        "other": {"id": "other"},
    }
    facts = read_model_list(listed, "m2")
    assert (facts.model, facts.aliases, facts.other_models) == ("m2", ("prod",), ("tuned", "other"))
    facts = read_model_list(listed, "other")
    assert (facts.aliases, facts.other_models) == ((), ("m2", "prod", "tuned"))
    many = read_model_list({f"{number}" + "x" * 900: {} for number in range(2000)} | {"m": {}}, "m")
    assert len(many.other_models) == 500
    assert max(map(len, many.other_models)) == 200


def test_no_key_leaves_in_any_fact() -> None:
    """A server that reports its own key does not get it into our records."""
    facts = read_sglang(read_model_entry(SGLANG_ENTRY), SGLANG_MODEL, SGLANG_SERVER)
    assert "sk-secret" not in json.dumps(facts.as_json())
    assert ServerFacts.from_json(json.loads(json.dumps({**facts.as_json(), "of a later version": 1}))) == facts
    assert "--port 8000" in facts.launch_command


def test_identity_knows_the_model_and_not_the_place() -> None:
    """Address, host path, port and time leave the identity alone; weights, version and quantisation do not."""
    facts = read_sglang(read_model_entry(SGLANG_ENTRY), SGLANG_MODEL, SGLANG_SERVER)
    elsewhere = read_sglang(
        read_model_entry({**SGLANG_ENTRY, "created": 7}),
        {**SGLANG_MODEL, "model_path": "/mnt/other/MiniMax-M2/"},
        {**SGLANG_SERVER, "launch_command": "other", "startup_time": 3},
    )
    assert replace(elsewhere, urls=("http://b/v1",)).identity == facts.identity
    for other in (
        replace(facts, quantization="int8"),
        replace(facts, version="0.5.24"),
        replace(facts, root="MiniMax-M2.5"),
        replace(facts, weight_version="2"),
    ):
        assert other.identity != facts.identity


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
# Above 64 bits too, which no JSON file of a run holds.
JSON = JSON | st.integers(min_value=2**60, max_value=2**70)
KEYS = sorted(
    {*SGLANG_MODEL, *SGLANG_SERVER, "default_generation_settings", "chat_template", "total_slots", "meta", "id"}
)


@given(st.dictionaries(st.sampled_from(KEYS), JSON), st.dictionaries(st.sampled_from(KEYS), JSON))
def test_any_answer_gives_facts(first: dict[str, Any], second: dict[str, Any]) -> None:
    """However odd the answers, facts come out, of the promised types."""
    for facts in (
        read_sglang(read_model_entry(first), first, second),
        read_llama_cpp(read_model_entry(first), second),
        read_vllm(read_model_entry(first), second),
    ):
        assert isinstance(facts, ServerFacts)
        assert len(facts.identity) == 64
        assert facts.context_tokens is None or facts.context_tokens > 0
        assert orjson.dumps(facts.as_json())
