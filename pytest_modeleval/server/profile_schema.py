"""What may stand in models.toml: every key, its type and its bounds; mistakes come back as sentences, all at once."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_modeleval._support.shorten import shorten_repr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_VARIABLE_PATTERN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\*?\Z")
_FLAG = re.compile(r"[a-z][A-Za-z0-9_-]*\Z")
# Not an empty pair of braces, which is an argument of its own in JSON.
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
PLACEHOLDERS = frozenset({"port", "python", "replica", "gpus"})


@dataclass(frozen=True, slots=True)
class Rule:
    """What a value must be. expected: for people; is_met: False for anything else."""

    expected: str
    is_met: Callable[[Any], bool]


def _is_whole(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _is_number(value: Any, least: float, most: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(_is_text(entry) for entry in value)


def whole(least: int, most: int) -> Rule:
    """A whole number between least and most."""
    return Rule(f"a whole number from {least:,} to {most:,}", lambda value: _is_whole(value, least, most))


def number(least: float, most: float, unit: str = "") -> Rule:
    """A number between least and most, in `unit`."""
    return Rule(f"a number{unit} from {least:g} to {most:g}", lambda value: _is_number(value, least, most))


TEXT = Rule("a text", _is_text)
TEXTS = Rule("a list of texts", _is_texts)
TABLE = Rule("a table", lambda value: isinstance(value, dict))
SECONDS = number(0.1, 86_400, " of seconds")
URLS = Rule(
    'a list of addresses such as ["http://localhost:8000/v1"]',
    lambda value: _is_texts(value) and all(re.match(r"https?://[^/\s@]+", url) for url in value),
)
PATH = Rule('a path such as "/health"', lambda value: _is_text(value) and value.startswith("/"))

PROFILE_KEYS: Mapping[str, Rule] = {
    "extends": TEXT,
    "served_names": TEXTS,
    "urls": URLS,
    "context_tokens": whole(1, 100_000_000),
    "in_flight": whole(1, 100_000),
    "tool_calls": Rule('"native", "text" or "detect"', lambda value: value in ("native", "text", "detect")),
    "restart": whole(0, 100),
    "params": TABLE,
    "launch": TABLE,
}
LAUNCH_KEYS: Mapping[str, Rule] = {
    "argv": Rule("a list of texts, the command first", lambda value: _is_texts(value) and bool(value)),
    "flags": TABLE,
    "env": TABLE,
    "pass_env": Rule(
        'a list of variable names or prefixes such as ["HF_TOKEN", "NCCL_*"]',
        lambda value: _is_texts(value) and all(_VARIABLE_PATTERN.match(name) for name in value),
    ),
    "package": TEXT,
    "port": whole(1, 65_535),
    "ready_path": PATH,
    "stall_s": SECONDS,
    "ready_s": SECONDS,
    "stop_s": number(0.1, 600, " of seconds"),
    "gpu_release_s": number(0, 3600, " of seconds"),
    "replicas": whole(1, 64),
    "gpus_each": whole(0, 64),
}
# What servers reject with an error that names nothing, or apply in silence, is refused here. Other keys pass through:
# servers know more parameters than we do.
PARAM_KEYS: Mapping[str, Rule] = {
    "temperature": number(0, 10),
    "top_p": number(0, 1),
    "top_k": whole(-1, 1_000_000),
    "min_p": number(0, 1),
    "max_tokens": whole(1, 100_000_000),
    "presence_penalty": number(-10, 10),
    "frequency_penalty": number(-10, 10),
    "repetition_penalty": number(0, 10),
    "seed": whole(-(2**63), 2**63 - 1),
    "stream": Rule("true or false", lambda value: isinstance(value, bool)),
}
_NOT_PARAMS = frozenset({"model", "messages", "tools", "tool_choice"})


def rule_of(keys: Sequence[str]) -> Rule | None:
    """The rule of the value at a path such as ("launch", "port"); None where any value, or none, may stand."""
    if len(keys) == 1:
        return PROFILE_KEYS.get(keys[0])
    if len(keys) == 2:
        return {"launch": LAUNCH_KEYS, "params": PARAM_KEYS}.get(keys[0], {}).get(keys[1])
    return None


def validation_errors(name: str, table: Any) -> Iterator[str]:
    """Everything that is wrong with one profile's table, a sentence each: table, key, expected, found."""
    if not isinstance(table, dict):
        yield f"{name!r}: expected a table such as [{name}], found {_shown(table)}"
        return
    yield from _table_mistakes(_toml_name(name), table, PROFILE_KEYS)
    launch, params = table.get("launch"), table.get("params")
    if isinstance(launch, dict):
        yield from _launch_mistakes(f"{_toml_name(name)}.launch", launch)
    if isinstance(params, dict):
        where = f"{_toml_name(name)}.params"
        known = {key: rule for key, rule in PARAM_KEYS.items() if key in params}
        yield from _table_mistakes(where, {key: params[key] for key in known}, known)
        for key in params:
            close = difflib.get_close_matches(key, PARAM_KEYS, n=1, cutoff=0.85)
            if key in _NOT_PARAMS:
                yield f"[{where}] {key}: is not a generation parameter; benchmarks set it"
            elif key not in PARAM_KEYS and close:
                yield f"[{where}] {key}: unknown; did you mean {close[0]}?"


def _launch_mistakes(where: str, launch: Mapping[str, Any]) -> Iterator[str]:
    yield from _table_mistakes(where, launch, LAUNCH_KEYS)
    flags, env = launch.get("flags"), launch.get("env")
    if isinstance(flags, dict):
        for key, value in flags.items():
            if not _FLAG.match(key):
                yield f"[{where}.flags] {key}: expected a flag's name without its dashes, such as tp-size"
            elif not (isinstance(value, str | int | float) or _is_texts(value)):
                yield f"[{where}.flags] {key}: expected a text, a number, true, false or a list of texts, found " + (
                    _shown(value)
                )
    if isinstance(env, dict):
        for key, value in env.items():
            if not _VARIABLE.match(key):
                yield f"[{where}.env] {key}: expected the name of an environment variable"
            elif not isinstance(value, str):
                yield f"[{where}.env] {key}: expected a text, found {_shown(value)} (put it in quotes)"
    for entry in _texts_in(launch.get("argv"), flags, env):
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


def _table_mistakes(where: str, table: Mapping[str, Any], rules: Mapping[str, Rule]) -> Iterator[str]:
    for key, value in table.items():
        rule = rules.get(key)
        if rule is None:
            close = difflib.get_close_matches(key, rules, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known keys: {', '.join(rules)}"
            yield f"[{where}] {key}: unknown key; {hint}"
        elif not rule.is_met(value):
            yield f"[{where}] {key}: expected {rule.expected}, found {_shown(value)}"


def _toml_name(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else f'"{name}"'


def _shown(value: Any) -> str:
    return shorten_repr(value, 80)
