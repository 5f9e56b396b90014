"""Checks a value against a JSON schema: the few keywords that this benchmark's schemas use, and no others.

The package jsonschema would do, at the price of four more packages for everybody who runs a shipped benchmark.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_modeleval._support.shorten import shorten_repr

_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
    "null": (type(None),),
}


def find_violation(value: Any, schema: Mapping[str, Any], at: str = "the answer") -> str:
    """The first violation as a sentence; "" if there is none. Follows the schema, so its depth bounds the work."""
    if "anyOf" in schema:
        found = [find_violation(value, option, at) for option in schema["anyOf"]]
        return "" if "" in found else found[0]
    return _own_violation(value, schema, at) or _inner_violation(value, schema, at)


def _own_violation(value: Any, schema: Mapping[str, Any], at: str) -> str:
    """The first violation by the value itself: its choice, type or size."""
    if "enum" in schema and value not in schema["enum"]:
        return f"{at} is {_shown(value)}, not one of {', '.join(map(repr, schema['enum']))}"
    wanted = schema.get("type")
    if wanted and not _is_of_type(value, wanted):
        return f"{at} is {_shown(value)}, not of type {wanted}"
    if isinstance(value, int) and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        return f"{at} is {_shown(value)}, not from {schema.get('minimum')} to {schema.get('maximum')}"
    return ""


def _inner_violation(value: Any, schema: Mapping[str, Any], at: str) -> str:
    if isinstance(value, dict):
        return _object_violation(value, schema, at)
    return _array_violation(value, schema, at) if isinstance(value, list) else ""


def _is_of_type(value: Any, wanted: str) -> bool:
    # True is an int in Python but not a number in JSON.
    return isinstance(value, _TYPES[wanted]) and (wanted == "boolean" or not isinstance(value, bool))


def _array_violation(value: list[Any], schema: Mapping[str, Any], at: str) -> str:
    low, high = schema.get("minItems", 0), schema.get("maxItems", len(value))
    if not low <= len(value) <= high:
        return f"{at} has {len(value)} items, not {low} to {high}"
    found = [find_violation(item, schema.get("items", {}), f"{at}[{place}]") for place, item in enumerate(value)]
    return next(filter(None, found), "")


def _object_violation(value: Mapping[str, Any], schema: Mapping[str, Any], at: str) -> str:
    properties = schema.get("properties", {})
    missing = [name for name in schema.get("required", ()) if name not in value]
    if missing:
        return f"{at} has no {missing[0]!r}"
    if schema.get("additionalProperties") is False and (further := [name for name in value if name not in properties]):
        return f"{at} has {_shown(further[0])}, which the schema does not allow"
    found = [find_violation(value[name], shape, f"{at}.{name}") for name, shape in properties.items() if name in value]
    return next(filter(None, found), "")


def _shown(value: Any) -> str:
    return shorten_repr(value, 40)
