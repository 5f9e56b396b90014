"""Values of --model-set, laid over the profile: KEY=VALUE, where KEY is the dotted path to it in models.toml.

Pure, and by the schema of the file, so that a value means the same on the command line and in models.toml.
"""

from __future__ import annotations

import datetime
import difflib
import json
import tomllib
from typing import TYPE_CHECKING, Any

from pytest_modeleval.errors import SettingsError
from pytest_modeleval.server.profile_schema import LAUNCH_KEYS, PROFILE_KEYS, rule_of, validation_errors
from pytest_modeleval.server.server_info import names_a_secret

if TYPE_CHECKING:
    from collections.abc import Sequence

OPTION = "--model-set"
TABLES = frozenset({"launch", "launch.flags", "launch.env", "params"})


def overrides(name: str, pairs: Sequence[str]) -> dict[str, Any]:
    """The table that `pairs` make, in the form of the profile `name` in models.toml.

    A value is TOML or JSON where it can be read as such (8, true, ["a", "b"]), otherwise a text. What the schema wants
    as a text is taken as it was written, and one text stands for a list of one. Of two values for one key the later
    counts.
    Raises SettingsError, which names the option.
    """
    table: dict[str, Any] = {}
    for pair in pairs:
        path, sign, text = pair.partition("=")
        keys = path.split(".")
        if not sign or not all(keys):
            raise SettingsError(
                f"{OPTION}: expected KEY=VALUE with a key of the profile, such as launch.port=8001, "
                f"launch.flags.tp-size=4 or restart=1, found {without_secret(pair)!r}"
            )
        *above, last = keys
        if path in TABLES:
            raise SettingsError(f"{OPTION}: {path} is a table: give one key of it at a time, such as {path}.NAME=VALUE")
        place = table
        for key in above:
            place = place.setdefault(key, {})
            if not isinstance(place, dict):
                raise SettingsError(f"{OPTION}: {path}: {key} is given a value of its own before, so it has no keys")
        place[last] = _value(keys, text)
    found = list(validation_errors(name, table))
    if found:
        raise SettingsError("\n".join(f"{OPTION}: {mistake}{_place_of(mistake)}" for mistake in found))
    return table


def without_secret(pair: str) -> str:
    """KEY=VALUE as it may be stored and shown: the value of a key, token, secret or password is left out."""
    path, sign, _ = pair.partition("=")
    return f"{path}=***" if sign and names_a_secret(path.rpartition(".")[2]) else pair


def is_launch_setting(pair: str) -> bool:
    """True if it matters only to a server that the run starts itself."""
    return pair.startswith(("launch.", "restart="))


def _value(keys: Sequence[str], text: str) -> Any:
    if len(keys) == 3 and keys[:2] == ["launch", "env"]:
        # Variables are texts; TOML's quotes would be one layer too many inside those of a shell.
        return text
    value = _parsed(text)
    rule = rule_of(keys)
    for candidate in (value, text, [value], [text]):
        if rule is not None and rule.is_met(candidate):
            return candidate
    return value


def _parsed(text: str) -> Any:
    try:
        parsed = tomllib.loads(f"value = {text}")
    except (tomllib.TOMLDecodeError, RecursionError):
        pass
    else:
        # A line break in the text could begin another key; a date is no value of any profile.
        is_plain = len(parsed) == 1 and not isinstance(parsed["value"], datetime.date | datetime.time)
        return parsed["value"] if is_plain else text
    try:
        return json.loads(text, parse_constant=str)
    except (ValueError, RecursionError):
        return text


def _place_of(mistake: str) -> str:
    """Where a key belongs that stands one table too high: "port" is launch.port, "tp-size" is launch.flags.tp-size."""
    where, _, rest = mistake.partition("] ")
    key, _, told = rest.partition(": unknown key")
    if not told:
        return ""
    if not where.endswith(".launch") and key in LAUNCH_KEYS:
        return f" (write launch.{key})"
    if difflib.get_close_matches(key, [*LAUNCH_KEYS, *PROFILE_KEYS], n=1):
        return ""
    return f" (a flag of the server is launch.flags.{key}, a generation parameter params.{key})"
