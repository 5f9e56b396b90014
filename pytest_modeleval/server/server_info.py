"""What a server tells of itself, read from the answers of its information endpoints. Pure: JSON in, facts out.

Sources: SGLang 0.5.5 and 0.5.23 (srt/entrypoints/http_server.py: /v1/models, /model_info, /server_info and their old
names), vLLM's OpenAI server (/v1/models, /version), llama.cpp's HTTP server (/v1/models, /props).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

SGLANG, VLLM, LLAMA_CPP, OTHER = "sglang", "vllm", "llama.cpp", "openai-compatible"
_OWNERS = {"sglang": SGLANG, "vllm": VLLM, "llamacpp": LLAMA_CPP}
# Whole words of a flag's name: --api-key and --hf-token, but not --tokenizer-path or --max-total-tokens.
_SENSITIVE = frozenset({"key", "token", "secret", "password", "passwd", "credential", "credentials"})
_ARGUMENT = re.compile(r"""(?:[^\s"']|"[^"]*"|'[^']*')+|["']""")
_LONGEST_TEXT = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """What is served, and by what.

    model: the id that goes into every request. urls: all replicas, each ending in its version path (/v1).
    kind: "sglang", "vllm", "llama.cpp" or "openai-compatible"; version: its own word for it, "" if it does not say.
    root: the weights behind the served name (a hub id or the last part of a path).
    context_tokens: the most that prompt and answer may have together; None if the server does not say.
    reasoning_parser, tool_call_parser: names, "" if none is set, None if the server does not say.
    is_auto_truncating: too long prompts are cut in silence; None if unknown.
    sampling_defaults: what the server applies to unset parameters ("model", "openai"), None if it does not say.
    launch_command: as the server reports it, keys removed.
    identity: equal for the same model on the same kind and version of server, whatever the host, port and time.
    notes: warnings for people, a sentence each.
    """

    model: str
    urls: tuple[str, ...] = ()
    kind: str = OTHER
    version: str = ""
    root: str = ""
    context_tokens: int | None = None
    quantization: str = ""
    weight_version: str = ""
    chat_template_sha256: str = ""
    reasoning_parser: str | None = None
    tool_call_parser: str | None = None
    is_auto_truncating: bool | None = None
    sampling_defaults: str | None = None
    max_running_requests: int | None = None
    launch_command: str = ""
    notes: tuple[str, ...] = ()

    @property
    def has_native_tool_calls(self) -> bool:
        """False where tools that are offered come to nothing: SGLang without a parser gives calls back as text."""
        return not (self.kind == SGLANG and self.tool_call_parser == "")

    @property
    def identity(self) -> str:
        """sha256 (hex) over what decides the answers; no URL, host, path prefix or time."""
        identifying = (
            *(self.model, self.root, self.quantization, self.weight_version, self.chat_template_sha256),
            *(self.kind, self.version),
        )
        return hashlib.sha256(json.dumps(identifying).encode()).hexdigest()

    def as_json(self) -> dict[str, Any]:
        """For run.json: every field, and the identity."""
        return {**asdict(self), "identity": self.identity}


def read_model_entry(entry: Mapping[str, Any]) -> ServerFacts:
    """What one entry of /v1/models tells."""
    meta = _table(entry.get("meta"))
    model = str(entry.get("id", ""))
    return ServerFacts(
        model=model,
        kind=_OWNERS.get(str(entry.get("owned_by", "")).lower(), OTHER),
        root=_weights(entry.get("root")),
        context_tokens=_whole(entry.get("max_model_len")) or _whole(meta.get("n_ctx")),
        quantization=_text(meta.get("ftype")),
    )


def read_sglang(facts: ServerFacts, model_info: Mapping[str, Any], server_info: Mapping[str, Any]) -> ServerFacts:
    """facts, filled up from SGLang's /model_info and /server_info (or their old names); either may be empty."""
    # Newer servers report the parsers among the model's facts, older ones only among the arguments.
    both = {**server_info, **model_info}
    return replace(
        facts,
        kind=SGLANG,
        version=_text(server_info.get("version")),
        root=_weights(model_info.get("model_path") or server_info.get("model_path")) or facts.root,
        context_tokens=facts.context_tokens or _whole(server_info.get("context_length")),
        quantization=_text(server_info.get("quantization")),
        weight_version=_text(model_info.get("weight_version")),
        reasoning_parser=_optional_text(both, "reasoning_parser"),
        tool_call_parser=_optional_text(both, "tool_call_parser"),
        is_auto_truncating=_flag(server_info.get("allow_auto_truncate")),
        sampling_defaults=_text(server_info.get("sampling_defaults")) or None,
        max_running_requests=_whole(server_info.get("max_running_requests")),
        launch_command=command_without_keys(server_info.get("launch_command")),
    )


def read_vllm(facts: ServerFacts, version: Mapping[str, Any]) -> ServerFacts:
    """facts, filled up from vLLM's /version."""
    return replace(facts, kind=VLLM, version=_text(version.get("version")))


def read_llama_cpp(facts: ServerFacts, props: Mapping[str, Any]) -> ServerFacts:
    """facts, filled up from llama.cpp's /props."""
    settings = _table(props.get("default_generation_settings"))
    template = props.get("chat_template")
    # "b0-unknown" is what a build without git says; it tells nothing and would read like a version.
    build = _text(props.get("build_info"))
    return replace(
        facts,
        kind=LLAMA_CPP,
        version="" if build.endswith("unknown") else build,
        root=_weights(props.get("model_path")) or facts.root,
        context_tokens=_whole(settings.get("n_ctx")) or facts.context_tokens,
        quantization=_text(props.get("model_ftype")) or facts.quantization,
        chat_template_sha256=hashlib.sha256(template.encode()).hexdigest() if isinstance(template, str) else "",
        max_running_requests=_whole(props.get("total_slots")),
    )


def command_without_keys(command: Any) -> str:
    """A command line with the values of every flag or variable that names a key, token, secret or password replaced."""
    if isinstance(command, str):
        text = command
    elif isinstance(command, Sequence):
        text = " ".join(str(part) for part in command)
    else:
        return ""
    kept: list[str] = []
    is_value_hidden = False
    for argument in _ARGUMENT.findall(text[:_LONGEST_TEXT]):
        # --api-key=..., HF_TOKEN=... (of env), --env=HF_TOKEN=...
        *names, _ = argument.split("=")
        secret = next((place for place, name in enumerate(names) if names_a_secret(name)), None)
        if is_value_hidden:
            kept.append("***")
        else:
            kept.append(argument if secret is None else f"{'='.join(names[: secret + 1])}=***")
        is_value_hidden = not names and argument.startswith("-") and names_a_secret(argument)
    return " ".join(kept)


def names_a_secret(name: str) -> bool:
    """True if a flag or variable of this name holds something that is not to be shown: api-key, HF_TOKEN."""
    return not _SENSITIVE.isdisjoint(re.split(r"[-_]", name.lower()))


def _weights(path: Any) -> str:
    # A local path differs from machine to machine, replicas included; a hub id does not.
    text = _text(path)
    return text.rstrip("/").rpartition("/")[2] if text.startswith(("/", "~", ".")) else text


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return str(value)[:_LONGEST_TEXT] if isinstance(value, str | int | float) else ""


def _optional_text(table: Mapping[str, Any], key: str) -> str | None:
    return _text(table[key]) if key in table else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None
