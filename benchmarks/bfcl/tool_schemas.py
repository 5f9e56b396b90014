"""Function descriptions of BFCL as they are offered to the model: language hints, and the form of tools.

Conversions follow bfcl-eval 2025.10.27.1; the sentences added to descriptions are ours. Hints are for asking only:
graders read the descriptions as they are in the data.
"""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_modeleval.graders.calls import Language
from pytest_modeleval.records import SharedTools

from .wheel import functions_of

_SYNTAX = {Language.PYTHON: "Python 3", Language.JAVA: "Java 8", Language.JAVASCRIPT: "JavaScript"}
_LISTS = ("Array", "ArrayList", "array")
# Types of the data -> types of JSON Schema; what is not here becomes a string.
_SCHEMA_TYPES = {
    "integer": "integer", "byte": "integer", "short": "integer", "long": "integer", "Bigint": "integer",
    "number": "number", "float": "number", "double": "number",
    "boolean": "boolean", "bool": "boolean",
    "array": "array", "list": "array", "tuple": "array", "Array": "array", "ArrayList": "array", "Queue": "array",
    "Stack": "array",
    "dict": "object", "object": "object", "HashMap": "object", "Hashtable": "object",
}  # fmt: skip


def add_hints(functions: Sequence[Mapping[str, Any]], language: Language) -> list[dict[str, Any]]:
    """Copies of the descriptions that name the language; Java and JavaScript values are asked for as source text.

    The graders of those languages read nothing but source text in a string, whatever the described type: a model that
    is asked without this hint answers with JSON values, all of which are wrong (EvalScope asks so).
    """
    hinted = copy.deepcopy([dict(function) for function in functions])
    for function in hinted:
        function["description"] += f" The function has {_SYNTAX[language]} syntax."
        if language is not Language.PYTHON:
            for parameter in function["parameters"]["properties"].values():
                _ask_for_source(parameter, _SYNTAX[language].split()[0])
    return hinted


@functools.cache
def simulated_functions(class_name: str, version: str) -> tuple[Mapping[str, Any], ...]:
    """The functions of a simulated API with hints, the same objects each time. Not to be changed by callers."""
    return tuple(add_hints(functions_of(class_name, version), Language.PYTHON))


def _ask_for_source(parameter: dict[str, Any], language: str) -> None:
    described = parameter["type"]
    if described == "any":
        hint = f" Any {language} value, written as {language} source in a string."
    else:
        hint = f" A {language} value of type {described}, written as {language} source in a string."
    if described in _LISTS:
        hint += f" Its elements are of type {parameter.pop('items')['type']}, not strings of their own."
    if described == "dict" and "properties" in parameter:
        hint += f" Its entries, not strings of their own: {json.dumps(parameter.pop('properties'))}."
    parameter["description"] = parameter.get("description", "") + hint
    parameter["type"] = "string"


def tools(functions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The descriptions as `tools` of a chat request. Names lose their dots, which the API does not allow."""
    return [_tool(function) for function in functions]


def _tool(function: Mapping[str, Any]) -> dict[str, Any]:
    offered = copy.deepcopy(dict(function))
    offered["name"] = offered["name"].replace(".", "_")
    offered["parameters"]["type"] = "object"
    _cast_all(offered["parameters"]["properties"])
    return {"type": "function", "function": offered}


# The functions are kept next to their tools, so that none of the numbers can come to mean another function.
_OFFERS: dict[tuple[int, ...], tuple[tuple[Mapping[str, Any], ...], SharedTools]] = {}
_TOOLS: dict[int, tuple[Mapping[str, Any], dict[str, Any]]] = {}
_MOST_OFFERS = 512
_MOST_TOOLS = 4096


def shared_tools(functions: Sequence[Mapping[str, Any]]) -> SharedTools:
    """As `tools`, made once for the same objects: conversations over the same APIs offer the same."""
    key = tuple(map(id, functions))
    if key not in _OFFERS:
        if len(_OFFERS) >= _MOST_OFFERS:
            _OFFERS.clear()
        _OFFERS[key] = tuple(functions), SharedTools(map(_shared_tool, functions))
    return _OFFERS[key][1]


def _shared_tool(function: Mapping[str, Any]) -> dict[str, Any]:
    if id(function) not in _TOOLS:
        if len(_TOOLS) >= _MOST_TOOLS:
            _TOOLS.clear()
        _TOOLS[id(function)] = function, _tool(function)
    return _TOOLS[id(function)][1]


def _cast_all(properties: dict[str, Any]) -> None:
    for schema in properties.values():
        described = schema.get("type", "string")
        if described == "float":
            schema["format"] = "float"
            schema["description"] = schema.get("description", "") + " A floating-point number."
        schema["type"] = _SCHEMA_TYPES.get(described, "string")
        if schema["type"] in ("array", "object"):
            if "properties" in schema:
                _cast_all(schema["properties"])
            elif "items" in schema:
                _cast_items(schema["items"])


def _cast_items(items: dict[str, Any]) -> None:
    items["type"] = _SCHEMA_TYPES.get(items.get("type", "string"), "string")
    if items["type"] == "array" and "items" in items:
        items["items"]["type"] = _SCHEMA_TYPES.get(items["items"].get("type", "string"), "string")
    elif items["type"] == "object" and "properties" in items:
        _cast_all(items["properties"])
