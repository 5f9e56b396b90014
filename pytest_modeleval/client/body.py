"""The body of POST /chat/completions from a Request, and the journal key of a request (`request_key`).

Pure: the same input gives the same bytes on every machine.
Format: the OpenAI chat completions API as SGLang and vLLM implement it. Every parameter is sent explicitly, because an
unset field means the server's own default, which an upgrade may change silently.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from pytest_modeleval.images.references import request_with_references
from pytest_modeleval.records import ItemKey, Request, SharedTools

if TYPE_CHECKING:
    from hashlib import _Hash as Hash

# Greedy and complete, unless the profile, the benchmark or the user says otherwise.
SHIPPED_PARAMS: Mapping[str, Any] = {"temperature": 0.0, "top_p": 1.0, "max_tokens": 16384, "stream": True}
_FLOATS = frozenset(
    {"temperature", "top_p", "min_p", "typical_p", "presence_penalty", "frequency_penalty", "repetition_penalty"}
)


def effective_params(
    *, benchmark: Mapping[str, Any], profile: Mapping[str, Any], user: Mapping[str, Any], context_tokens: int | None
) -> dict[str, Any]:
    """The generation parameters of a benchmark's requests; later ones win: shipped, benchmark, profile, user.

    A max_tokens that leaves no room for the prompt is lowered to three quarters of the context, since servers would
    refuse it with status 400. The plugin warns about it when a run is prepared.
    """
    params = {**SHIPPED_PARAMS, **benchmark, **profile, **user}
    limit = params.get("max_tokens")
    if context_tokens and isinstance(limit, int) and limit > context_tokens * 3 // 4:
        params["max_tokens"] = max(1, context_tokens * 3 // 4)
    return same_numbers({name: value for name, value in params.items() if value is not None})


def same_numbers(params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters with one form for each number: 0 and 0.0 are one temperature, so they must be one request.

    Sampling parameters become floats; any other float that is a whole number becomes an int.
    """
    return {name: _same_number(value, is_float=name in _FLOATS) for name, value in params.items()}


def _same_number(value: Any, *, is_float: bool) -> Any:
    if is_float and type(value) is int:
        return float(value)
    return int(value) if not is_float and isinstance(value, float) and value.is_integer() else value


def seed_of(key: ItemKey) -> int:
    """The seed of an item, 0 to 2**31 - 1, from the sample's id and the repeat alone.

    Repeats are separate requests with seeds of their own: some servers use one seed for all n choices of a request,
    which makes all n equal.
    """
    text = f"{key.benchmark}\x00{key.sample}\x00{key.repeat}".encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:4], "big") & 0x7FFFFFFF


def encode_body(request: Request, *, model: str, params: Mapping[str, Any], seed: int) -> bytes:
    """The JSON body, keys sorted. request.params wins over params."""
    body: dict[str, Any] = {"model": model, "messages": list(request.messages), "seed": seed, **params}
    if request.tools:
        body["tools"] = _encoded(request.tools)
        body["tool_choice"] = request.tool_choice or "auto"
    if request.response_format is not None:
        body["response_format"] = request.response_format
    if request.params:
        body.update(request.params)
        body = {name: value for name, value in body.items() if value is not None}
    if body.get("stream"):
        body.setdefault("stream_options", {"include_usage": True})
    return orjson.dumps(body, option=orjson.OPT_SORT_KEYS)


def prompt_digest(request: Request) -> str:
    """16 hex digits of sha256 over messages, tools, response format and the request's own parameters.

    Equal for the same question in the same words: parameters of the run, the seed and the model do not count. Pictures
    count by the hash of their bytes.
    """
    request = request_with_references(request)
    return hashlib.sha256(encode_body(request, model="", params={}, seed=0)).hexdigest()[:16]


def _encoded(tools: Sequence[Mapping[str, Any]]) -> Any:
    """Tools for orjson. Tools shared by thousands of requests are encoded once."""
    if not isinstance(tools, SharedTools):
        return list(tools)
    if tools.encoded is None:
        tools.encoded = orjson.dumps(list(tools), option=orjson.OPT_SORT_KEYS)
    return orjson.Fragment(tools.encoded)


def request_key(hashed: Hash, *, repeat: int, occurrence: int, identity: str) -> str:
    """The journal key: sha256 (64 hex digits) of body, repeat, occurrence and the identity of the model.

    hashed: hashlib.sha256(body); not modified. occurrence: how often the item sent the same body before, from 0 (a
    check may send it twice on purpose). identity: `ServerFacts.identity` in server_facts.py.
    """
    digest = hashed.copy()
    digest.update(f"\x00{repeat}\x00{occurrence}\x00{identity}".encode())
    return digest.hexdigest()
