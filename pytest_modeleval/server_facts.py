"""The facts about a served model: one type from the first request to the report. Standard library only."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

SGLANG, VLLM, LLAMA_CPP, OTHER = "sglang", "vllm", "llama.cpp", "openai-compatible"
# The user's own RAG pipeline, which answers no chat request.
PIPELINE = "rag"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """The model behind one or more addresses, as the server describes it."""

    model: str
    """The id that goes into every request."""

    urls: tuple[str, ...] = ()
    """All replicas; each ends in its version path (/v1)."""

    kind: str = OTHER
    """SGLANG, VLLM, LLAMA_CPP, OTHER or PIPELINE; "" if a stored run does not know."""

    version: str = ""
    """As the server states it; "" if it does not."""

    root: str = ""
    """The weights behind the served name: a hub id, or the last part of a path."""

    aliases: tuple[str, ...] = ()
    """Further ids that the server lists for the same weights."""

    other_models: tuple[str, ...] = ()
    """Ids that the server lists for other models."""

    context_tokens: int | None = None
    """The most tokens that prompt and answer may have together; None if the server does not say."""

    quantization: str = ""
    weight_version: str = ""
    chat_template_sha256: str = ""

    reasoning_parser: str | None = None
    """Its name, "" if none is set, None if the server does not say."""

    tool_call_parser: str | None = None
    """Its name, "" if none is set, None if the server does not say."""

    is_auto_truncating: bool | None = None
    """Whether prompts that are too long are cut silently; None if unknown."""

    sampling_defaults: str | None = None
    """Where the values of unset parameters come from: "model" or "openai"; None if the server does not say."""

    takes_images: bool | None = None
    """Whether requests may hold pictures; None if the server does not say."""

    max_running_requests: int | None = None

    launch_command: str = ""
    """As the server reports it, without secrets."""

    notes: tuple[str, ...] = ()
    """Warnings for people, a sentence each."""

    @property
    def has_native_tool_calls(self) -> bool:
        """False where offered tools are useless: SGLang without a parser returns calls as text."""
        return not (self.kind == SGLANG and self.tool_call_parser == "")

    @property
    def identity(self) -> str:
        """SHA-256 (hex) of what decides the answers: equal for the same model on the same kind and version of server.

        Addresses, paths, ports and times are not part of it.
        """
        identifying = (
            *(self.model, self.root, self.quantization, self.weight_version, self.chat_template_sha256),
            *(self.kind, self.version),
        )
        return hashlib.sha256(json.dumps(identifying).encode()).hexdigest()

    def as_json(self) -> dict[str, Any]:
        """For run.json and the workers of xdist: every field, and the identity."""
        return {**asdict(self), "identity": self.identity}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> ServerFacts:
        """The reverse of as_json; unknown keys of another version are ignored, missing ones keep their defaults."""
        known = {field.name for field in fields(cls)}
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in stored.items() if name in known
        }
        return cls(**{"model": "", "kind": "", **values})


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """The model that a run evaluates: for the `model` fixture, the journal's keys and run.json."""

    name: str
    """As the user names it."""

    server: ServerFacts

    identity: str
    """ServerFacts.identity; of a stored run, the one that was recorded."""

    context_tokens: int | None = None
    """The smaller of the server's and the profile's; None if neither is known."""

    tool_calls: str = "native"
    """"native" or "text", see model_protocol.Model."""

    other_names: tuple[str, ...] = ()
    """Further names of the same model, which replies may carry."""

    embedding_encoding: str = ""
    """How vectors are asked for, "base64" or "float", as was found out at the start; "" if nothing needs them."""

    cut_at_tokens: int | None = None
    """The tokens of a text after which the server cuts it without a word; None if it was not seen to cut."""

    rerank_form: str = ""
    """How relevance is asked for, see embedding.rerank.FORMS, as was found out at the start; "" if nothing needs it."""

    @property
    def served(self) -> str:
        """The server's name for it, sent with every request."""
        return self.server.model

    @property
    def names(self) -> tuple[str, ...]:
        """All names of the model that replies may carry, `served` first."""
        found = (self.served, *self.other_names, self.server.root, *self.server.aliases)
        return tuple(dict.fromkeys(filter(None, found)))

    @property
    def urls(self) -> tuple[str, ...]:
        """The replicas."""
        return self.server.urls

    @property
    def kind(self) -> str:
        """The kind of server."""
        return self.server.kind

    def as_json(self) -> dict[str, Any]:
        """For the workers of xdist."""
        return {
            "name": self.name,
            "server": self.server.as_json(),
            "identity": self.identity,
            "context_tokens": self.context_tokens,
            "tool_calls": self.tool_calls,
            "other_names": list(self.other_names),
            "embedding_encoding": self.embedding_encoding,
            "cut_at_tokens": self.cut_at_tokens,
            "rerank_form": self.rerank_form,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> ModelFacts:
        """The reverse of as_json."""
        names = tuple(stored.get("other_names") or ())
        return cls(**{**stored, "server": ServerFacts.from_json(stored["server"]), "other_names": names})


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleFacts:
    """A further model of the run, in a role such as "judge"."""

    model: ModelFacts

    params: Mapping[str, Any]
    """Generation parameters of its requests, as they are sent."""

    in_flight: int = 1
    """Requests at once."""

    @property
    def experiment(self) -> dict[str, Any]:
        """What scores depend on, for the plan: two runs that differ in it are two experiments."""
        names = {"model": self.model.name, "served": self.model.served, "identity": self.model.identity}
        return {**names, "params": dict(self.params)}

    def as_json(self) -> dict[str, Any]:
        """For run.json and the workers of xdist."""
        return {"model": self.model.as_json(), "params": dict(self.params), "in_flight": self.in_flight}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> RoleFacts:
        """The reverse of as_json."""
        return cls(
            model=ModelFacts.from_json(stored["model"]), params=stored["params"], in_flight=stored.get("in_flight", 1)
        )
