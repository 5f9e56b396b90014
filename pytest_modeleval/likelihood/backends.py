"""Which kinds of servers can score texts."""

from __future__ import annotations

from pytest_modeleval.likelihood.backend import Backend
from pytest_modeleval.likelihood.llama_cpp import LlamaCpp
from pytest_modeleval.likelihood.sglang import Sglang
from pytest_modeleval.likelihood.vllm import Vllm
from pytest_modeleval.server_facts import LLAMA_CPP, SGLANG, VLLM

SERVERS = "vLLM, SGLang or llama.cpp, such as --model embedded"


def find_backend(kind: str, model: str) -> Backend | None:
    """The way to score texts on a kind of server (server_facts); None if there is none. model: its served name."""
    if kind == VLLM:
        return Vllm(model)
    if kind == SGLANG:
        return Sglang(model)
    return LlamaCpp() if kind == LLAMA_CPP else None
