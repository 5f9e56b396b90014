"""Right answers to BFCL questions, made from the accepted values; and a model that gives answers made by a function."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from pytest_modeleval.records import Request, Response, Sample, ToolCall


def bfcl_folder() -> Path:
    """The folder with BFCL's questions; skips the test where it is not."""
    root = Path(os.environ.get("MODELEVAL_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
    if not (root / "bfcl_v4").is_dir():
        pytest.skip("needs BFCL's questions: set MODELEVAL_DATA to a folder that has bfcl_v4/")
    return root


def gold_calls(sample: Sample) -> tuple[ToolCall, ...]:
    """The right tool calls of a single-turn question, optional arguments left out."""
    described = {function["name"]: function["parameters"] for function in sample.data["functions"]}
    made: list[ToolCall] = []
    for call in sample.target or ():
        for name, accepted in call.items():
            # One question of the data accepts a name that is not the described one.
            parameters = described.get(name) or next(iter(described.values()))
            arguments = {
                key: gold_value(values, parameters["properties"].get(key, {}), sample.data["language"])
                for key, values in accepted.items()
                if ("" not in values or key in parameters["required"]) and any(part != "" for part in values)
            }
            shown = name if name in described else next(iter(described))
            made.append(ToolCall(shown.replace(".", "_"), json.dumps(arguments), f"id{len(made)}"))
    return tuple(made)


def gold_value(accepted: list[Any], schema: Mapping[str, Any], language: str) -> Any:
    """A right value: JSON for Python, source text for Java and JavaScript."""
    value = _first(next(part for part in accepted if part != ""))
    return value if language == "python" else _source(value, schema, language)


def _first(value: Any) -> Any:
    if isinstance(value, dict):
        given = {key: [part for part in parts if part != ""] for key, parts in value.items() if isinstance(parts, list)}
        return {key: _first(parts[0]) for key, parts in given.items() if parts}
    return [_first(part) for part in value] if isinstance(value, list) else value


def _source(value: Any, schema: Mapping[str, Any], language: str) -> str:
    if isinstance(value, str):
        return value
    if language == "javascript" or isinstance(value, bool):
        return json.dumps(value)
    element = schema.get("items", {}).get("type")
    if isinstance(value, dict):
        return (
            "new HashMap<String, Object>() {{ "
            + "".join(f'put("{k}", {json.dumps(v)}); ' for k, v in value.items())
            + "}}"
        )
    if isinstance(value, list) and schema["type"] == "ArrayList":
        return f"new ArrayList<{element}>(Arrays.asList({', '.join(_element(part, element) for part in value)}))"
    if isinstance(value, list):
        # Upstream keeps the quotes of array elements, so that only unquoted ones are accepted.
        return "new Object[]{" + ", ".join(part if isinstance(part, str) else json.dumps(part) for part in value) + "}"
    return f"{value}{ {'long': 'L', 'float': 'f'}.get(schema['type'], '') }"


def _element(value: Any, element: str | None) -> str:
    if element == "long":
        return f"{value}L"
    return json.dumps(value) if element == "String" else str(value)


class ScriptedModel:
    """Answers requests by a function; keeps what it was asked."""

    name = "scripted"

    def __init__(self, answer: Callable[[Request], Response]) -> None:
        self._answer = answer
        self.asked: list[Request] = []

    async def ask(self, request: Request) -> Response:
        """One answer."""
        self.asked.append(request)
        return self._answer(request)
