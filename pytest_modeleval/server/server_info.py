"""Reads the answers of a server's information endpoints. Pure: JSON in, facts out.

Sources: SGLang 0.5.5 and 0.5.23 (srt/entrypoints/http_server.py: /v1/models, /model_info, /server_info and their old
names), vLLM's OpenAI server (/v1/models, /version), llama.cpp's HTTP server (/v1/models, /props).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pytest_modeleval._support import redact
from pytest_modeleval.server_facts import LLAMA_CPP, OTHER, SGLANG, VLLM, ServerFacts

_OWNERS = {"sglang": SGLANG, "vllm": VLLM, "llamacpp": LLAMA_CPP}
_MAX_TEXT = 4_000
_MAX_NAMES = 500
# JSON files of a run hold integers of 64 bits.
_COUNT_LIMIT = 2**63
_MAX_NAME_CHARS = 200


def read_model_list(entries: Mapping[str, Mapping[str, Any]], model: str) -> ServerFacts:
    """The facts in /v1/models about one of its ids. entries: id -> entry.

    vLLM lists every --served-model-name, all with the same `root`; an id with another root is another model.
    """
    facts = read_model_entry(entries[model])
    root = entries[model].get("root")
    others = [name for name in entries if name != model]
    aliases = [name for name in others if root and entries[name].get("root") == root]
    return replace(
        facts, aliases=_names(aliases), other_models=_names([name for name in others if name not in aliases])
    )


def read_model_entry(entry: Mapping[str, Any]) -> ServerFacts:
    """The facts in one entry of /v1/models."""
    meta = _table(entry.get("meta"))
    model = str(entry.get("id", ""))
    return ServerFacts(
        model=model,
        kind=_OWNERS.get(str(entry.get("owned_by", "")).lower(), OTHER),
        root=_weights(entry.get("root")),
        context_tokens=_count(entry.get("max_model_len")) or _count(meta.get("n_ctx")),
        quantization=_text(meta.get("ftype")),
    )


def read_sglang(facts: ServerFacts, model_info: Mapping[str, Any], server_info: Mapping[str, Any]) -> ServerFacts:
    """facts, filled up from SGLang's /model_info and /server_info (or their old names); either may be empty."""
    # Newer servers report the parsers in /model_info, older ones only in /server_info.
    both = {**server_info, **model_info}
    return replace(
        facts,
        kind=SGLANG,
        version=_text(server_info.get("version")),
        root=_weights(model_info.get("model_path") or server_info.get("model_path")) or facts.root,
        context_tokens=facts.context_tokens or _count(server_info.get("context_length")),
        quantization=_text(server_info.get("quantization")),
        weight_version=_text(model_info.get("weight_version")),
        reasoning_parser=_optional_text(both, "reasoning_parser"),
        tool_call_parser=_optional_text(both, "tool_call_parser"),
        is_auto_truncating=_boolean(server_info.get("allow_auto_truncate")),
        takes_images=_boolean(model_info.get("has_image_understanding")),
        sampling_defaults=_text(server_info.get("sampling_defaults")) or None,
        max_running_requests=_count(server_info.get("max_running_requests")),
        launch_command=redact.command(server_info.get("launch_command"), longest=_MAX_TEXT),
    )


def read_vllm(facts: ServerFacts, version: Mapping[str, Any]) -> ServerFacts:
    """facts, filled up from vLLM's /version."""
    return replace(facts, kind=VLLM, version=_text(version.get("version")))


def read_llama_cpp(facts: ServerFacts, props: Mapping[str, Any]) -> ServerFacts:
    """facts, filled up from llama.cpp's /props."""
    settings = _table(props.get("default_generation_settings"))
    template = props.get("chat_template")
    # A build without git reports "b0-unknown", which would read like a version.
    build = _text(props.get("build_info"))
    return replace(
        facts,
        kind=LLAMA_CPP,
        version="" if build.endswith("unknown") else build,
        root=_weights(props.get("model_path")) or facts.root,
        context_tokens=_count(settings.get("n_ctx")) or facts.context_tokens,
        quantization=_text(props.get("model_ftype")) or facts.quantization,
        chat_template_sha256=hashlib.sha256(template.encode()).hexdigest() if isinstance(template, str) else "",
        takes_images=_boolean(_table(props.get("modalities")).get("vision")),
        max_running_requests=_count(props.get("total_slots")),
    )


def _weights(path: Any) -> str:
    # A local path differs from machine to machine, replicas included; a hub id does not.
    text = _text(path)
    return text.rstrip("/").rpartition("/")[2] if text.startswith(("/", "~", ".")) else text


def _names(ids: Sequence[str]) -> tuple[str, ...]:
    return tuple(redact.text(name[:_MAX_NAME_CHARS]) for name in ids[:_MAX_NAMES])


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return redact.text(str(value)[:_MAX_TEXT]) if isinstance(value, str | int | float) else ""


def _optional_text(table: Mapping[str, Any], key: str) -> str | None:
    return _text(table[key]) if key in table else None


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 < value < _COUNT_LIMIT else None


def _boolean(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None
