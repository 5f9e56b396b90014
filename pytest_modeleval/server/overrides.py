"""Values of --model-set, which override those of the profile: KEY=VALUE with the dotted path of models.toml as KEY.

Pure. Checked by the schema of the file, so that a value means the same on the command line and in models.toml.
"""

from __future__ import annotations

import datetime
import json
import tomllib
from typing import TYPE_CHECKING, Any

from pytest_modeleval._support import redact, suggest
from pytest_modeleval.errors import SettingsError
from pytest_modeleval.server.profile_schema import LAUNCH_KEYS, PROFILE_KEYS, find_rule, validation_errors

if TYPE_CHECKING:
    from collections.abc import Sequence

OPTION = "--model-set"
TABLES = frozenset({"launch", "launch.flags", "launch.env", "params", "rag", "rag.headers"})


def overrides(name: str, pairs: Sequence[str]) -> dict[str, Any]:
    """The table that `pairs` make, in the form of the profile `name` in models.toml.

    A value is TOML or JSON where it can be parsed as such (8, true, ["a", "b"]), otherwise a text. Where the schema
    wants a text it is taken as written, and one text stands for a list of one. The later of two values for one key
    wins. Raises SettingsError, which names the option.
    """
    table: dict[str, Any] = {}
    for pair in pairs:
        path, sign, text = pair.partition("=")
        keys = path.split(".")
        if not sign or not all(keys):
            raise SettingsError(
                f"{OPTION}: expected KEY=VALUE with a key of the profile, such as launch.port=8001, "
                f"launch.flags.tp-size=4 or restart=1, found {redact.setting(pair)!r}"
            )
        if path in TABLES:
            raise SettingsError(f"{OPTION}: {path} is a table: give one key of it at a time, such as {path}.NAME=VALUE")
        _set_value(table, keys, _read_value(keys, text))
    errors = list(validation_errors(name, table))
    if errors:
        raise SettingsError(
            "\n".join(f"{OPTION}: {redact.diagnostic(error)}{_suggest_path(error)}" for error in errors)
        )
    return table


def _set_value(table: dict[str, Any], keys: Sequence[str], value: Any) -> None:
    """Set a value at a path of keys. Raises SettingsError where a key on the way has a value of its own."""
    *parents, last = keys
    place = table
    for key in parents:
        place = place.setdefault(key, {})
        if not isinstance(place, dict):
            raise SettingsError(f"{OPTION}: {'.'.join(keys)}: {key} was given a value before, so it has no keys")
    place[last] = value


def is_launch_setting(pair: str) -> bool:
    """True if it has an effect only on a server that the run starts itself."""
    return pair.startswith(("launch.", "restart="))


def _read_value(keys: Sequence[str], text: str) -> Any:
    if len(keys) == 3 and keys[:2] == ["launch", "env"]:
        # Variables are texts; TOML's quotes would be one layer too many inside those of a shell.
        return text
    value = _parse(text)
    rule = find_rule(keys)
    for candidate in (value, text, [value], [text]):
        if rule is not None and rule.accepts(candidate):
            return candidate
    return value


def _parse(text: str) -> Any:
    try:
        parsed = tomllib.loads(f"value = {text}")
    except (tomllib.TOMLDecodeError, RecursionError):
        pass
    else:
        # A line break in the text could begin another key; no profile has a date as a value.
        is_plain = len(parsed) == 1 and not isinstance(parsed["value"], datetime.date | datetime.time)
        return parsed["value"] if is_plain else text
    try:
        return json.loads(text, parse_constant=str)
    except (ValueError, RecursionError):
        return text


def _suggest_path(error: str) -> str:
    """Where a key belongs that was given one table too high: "port" is launch.port, "tp-size" launch.flags.tp-size."""
    where, _, rest = error.partition("] ")
    key, _, is_unknown = rest.partition(": unknown key")
    if not is_unknown:
        return ""
    if not where.endswith(".launch") and key in LAUNCH_KEYS:
        return f" (write launch.{key})"
    if suggest.closest(key, [*LAUNCH_KEYS, *PROFILE_KEYS]):
        return ""
    return f" (a flag of the server is launch.flags.{key}, a generation parameter params.{key})"
