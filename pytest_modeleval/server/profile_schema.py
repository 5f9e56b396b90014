"""The keys of models.toml: types, ranges and choices, checked with _support.schema. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pytest_modeleval._support import redact, schema, suggest
from pytest_modeleval._support.schema import TABLE, TEXT, TEXTS, Rule, choice, is_text, is_texts, number, whole_number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PLACEHOLDERS = frozenset({"port", "python", "replica", "gpus"})
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_VARIABLE_PATTERN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\*?\Z")
_FLAG = re.compile(r"[a-z][A-Za-z0-9_-]*\Z")
# An empty pair of braces is an argument of its own in JSON.
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_SECONDS = number(0.1, 86_400, " of seconds")


def is_variable(text: str) -> bool:
    """It can be the name of an environment variable."""
    return _VARIABLE.match(text) is not None


LAUNCH_KEYS: Mapping[str, Rule] = {
    "argv": Rule("a list of texts, the command first", lambda value: is_texts(value) and bool(value)),
    "flags": TABLE,
    "env": TABLE,
    "pass_env": Rule(
        'a list of variable names or prefixes such as ["HF_TOKEN", "NCCL_*"]',
        lambda value: is_texts(value) and all(_VARIABLE_PATTERN.match(name) for name in value),
    ),
    "package": TEXT,
    "port": whole_number(1, 65_535),
    "ready_path": Rule('a path such as "/health"', lambda value: is_text(value) and value.startswith("/")),
    "stall_s": _SECONDS,
    "ready_s": _SECONDS,
    "stop_s": number(0.1, 600, " of seconds"),
    "gpu_release_s": number(0, 3600, " of seconds"),
    "replicas": whole_number(1, 64),
    "gpus_each": whole_number(0, 64),
}
# Values that servers reject with an unclear error, or apply silently, are refused here. Other keys pass: servers know
# more parameters than we do.
PARAM_KEYS: Mapping[str, Rule] = {
    "temperature": number(0, 10),
    "top_p": number(0, 1),
    "top_k": whole_number(-1, 1_000_000),
    "min_p": number(0, 1),
    "max_tokens": whole_number(1, 100_000_000),
    "presence_penalty": number(-10, 10),
    "frequency_penalty": number(-10, 10),
    "repetition_penalty": number(0, 10),
    "seed": whole_number(-(2**63), 2**63 - 1),
    "stream": schema.BOOLEAN,
    "dimensions": whole_number(1, 65_536),
    "query_prefix": TEXT,
    "document_prefix": TEXT,
    "cut_long_texts": schema.BOOLEAN,
}
_PATH = Rule('a path such as "result.answer"', lambda value: is_text(value) and all(value.split(".")))
RAG_KEYS: Mapping[str, Rule] = {
    "fixture": Rule("the name of a fixture", lambda value: is_text(value) and value.isidentifier()),
    "url": Rule(
        'an address such as "http://localhost:9000/query"',
        lambda value: is_text(value) and bool(re.match(r"https?://[^/\s@]+", value)),
    ),
    "request": Rule(
        'a table with "{question}" in one of its texts',
        lambda value: isinstance(value, dict) and any("{question}" in text for text in _texts_in(value)),
        is_closed=False,
    ),
    "contexts": _PATH,
    "text": _PATH,
    "id": _PATH,
    "answer": _PATH,
    "headers": schema.table(entries=TEXT),
    "key_env": Rule("the name of an environment variable", lambda value: is_text(value) and is_variable(value)),
    "in_flight": whole_number(1, 1_000),
    "timeout_s": _SECONDS,
    "version": TEXT,
}
PROFILE_KEYS: Mapping[str, Rule] = {
    "extends": TEXT,
    "served_names": TEXTS,
    "urls": Rule(
        'a list of addresses such as ["http://localhost:8000/v1"]',
        lambda value: is_texts(value) and all(re.match(r"https?://[^/\s@]+", url) for url in value),
    ),
    "context_tokens": whole_number(1, 100_000_000),
    "in_flight": whole_number(1, 100_000),
    "tool_calls": choice("native", "text", "detect"),
    "restart": whole_number(0, 100),
    "params": schema.table(PARAM_KEYS, is_closed=False),
    "launch": schema.table(LAUNCH_KEYS),
    "rag": schema.table(RAG_KEYS),
}
_PROFILE = schema.table(PROFILE_KEYS)
_SET_BY_BENCHMARKS = frozenset({"model", "messages", "tools", "tool_choice"})


def find_rule(keys: Sequence[str]) -> Rule | None:
    """The rule of the value at a path such as ("launch", "port"); None if any value is allowed, or none."""
    fields: Mapping[str, Rule] | None = PROFILE_KEYS
    rule = None
    for key in keys:
        rule = (fields or {}).get(key)
        fields = rule.fields if rule is not None else None
    return rule


def validation_errors(name: str, table: Any) -> Iterator[str]:
    """Everything that is wrong with one profile's table, a sentence each: table, key, expected, found."""
    if not isinstance(table, dict):
        yield f"{name!r}: expected a table such as [{name}], found {schema.shown(table)}"
        return
    top = _toml_name(name)
    for problem in schema.validate(table, _PROFILE):
        where = ".".join([top, *(str(part) for part in problem.path[:-1])])
        yield f"[{where}] {problem.key}: {problem.message}"
    launch, params = table.get("launch"), table.get("params")
    if isinstance(launch, dict):
        yield from _launch_errors(f"{top}.launch", launch)
    if isinstance(params, dict):
        yield from _param_errors(f"{top}.params", params)
    if isinstance(rag := table.get("rag"), dict):
        yield from _header_errors(f"{top}.rag.headers", rag.get("headers"))


def _header_errors(where: str, headers: object) -> Iterator[str]:
    for name, value in headers.items() if isinstance(headers, dict) else ():
        if isinstance(value, str) and redact.names_a_secret(name) and "{env:" not in value:
            yield f"[{where}] {name}: is a secret by its name; write {{env:VARIABLE}} in its place, or set key_env"


def _param_errors(where: str, params: Mapping[str, Any]) -> Iterator[str]:
    for key, value in params.items():
        if isinstance(value, str) and redact.names_a_secret(key):
            yield f"[{where}] {key}: is a secret by its name; name its environment variable with --model-key-env"
        elif key in _SET_BY_BENCHMARKS:
            yield f"[{where}] {key}: is not a generation parameter; benchmarks set it"
        elif key not in PARAM_KEYS and (close := suggest.closest(key, PARAM_KEYS, cutoff=0.85)):
            yield f"[{where}] {key}: unknown; did you mean {close!r}?"


def _launch_errors(where: str, launch: Mapping[str, Any]) -> Iterator[str]:
    flags, env = launch.get("flags"), launch.get("env")
    if isinstance(flags, dict):
        yield from _flag_errors(where, flags)
    if isinstance(env, dict):
        yield from _env_errors(where, env)
    for entry in _texts_in(launch.get("argv"), flags, env):
        yield from _placeholder_errors(where, entry)


def _flag_errors(where: str, flags: Mapping[str, Any]) -> Iterator[str]:
    for key, value in flags.items():
        if not _FLAG.match(key):
            yield f"[{where}.flags] {key}: expected a flag's name without its dashes, such as tp-size"
        elif not (isinstance(value, str | int | float) or is_texts(value)):
            expected = "expected a text, a number, true, false or a list of texts"
            yield f"[{where}.flags] {key}: {expected}, found {schema.shown(value)}"


def _env_errors(where: str, env: Mapping[str, Any]) -> Iterator[str]:
    for key, value in env.items():
        if not _VARIABLE.match(key):
            yield f"[{where}.env] {key}: expected the name of an environment variable"
        elif not isinstance(value, str):
            yield f"[{where}.env] {key}: expected a text, found {schema.shown(value)} (put it in quotes)"


def _placeholder_errors(where: str, entry: str) -> Iterator[str]:
    for found in _PLACEHOLDER.findall(entry):
        if found not in PLACEHOLDERS:
            accepted = ", ".join(f"{{{known}}}" for known in sorted(PLACEHOLDERS))
            yield f"[{where}] {entry}: expected one of the placeholders {accepted}, found {{{found}}}"


def _texts_in(*values: Any) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            yield from _texts_in(*value)
        elif isinstance(value, dict):
            yield from _texts_in(*value.values())


def _toml_name(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else f'"{name}"'
