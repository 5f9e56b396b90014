"""Right answers to BFCL questions, made from the accepted values; and a model that gives answers made by a function."""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.bfcl import dataset, sample_id, to_sample
from benchmarks.bfcl.wheel import DEFAULT_VERSION, functions_of, official_code
from pytest_modeleval import Likelihood
from pytest_modeleval.datasets import open_manifest, read_rows
from pytest_modeleval.errors import DataError
from pytest_modeleval.graders.calls.python_text import parse_call
from pytest_modeleval.likelihood_result import LabelScores
from pytest_modeleval.records import Request, Response, Sample, ToolCall
from pytest_modeleval.roles import Role
from tests.support.no_vectors import NoVectors


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


def letters(text: str) -> list[float]:
    """A stand-in for an embedding, of length 1: texts of the same letters are alike."""
    counts = [1.0 + text.lower().count(letter) for letter in "abcdefghijklmnopqrstuvwxyz"]
    length = sum(count * count for count in counts) ** 0.5
    return [count / length for count in counts]


class ScriptedModel(NoVectors):
    """Answers requests by a function; keeps what it was asked."""

    context_tokens: int | None = None
    prompt_tokens: int | None = None
    tool_calls = "native"
    name = "scripted"

    def __init__(self, answer: Callable[[Request], Response], *, store: dict[Any, Any] | None = None) -> None:
        self._answer = answer
        self._store = {} if store is None else store
        self.asked: list[Request] = []

    def shared(self, make: Callable[[], Any]) -> Any:
        """What the questions of one run share; several of these models do if they are given one store."""
        return self._store[make] if make in self._store else self._store.setdefault(make, make())

    def close(self) -> None:
        """As at the end of a run."""
        for thing in self._store.values():
            thing.close()

    async def ask(self, request: Request) -> Response:
        """One answer."""
        self.asked.append(request)
        return self._answer(request)

    async def count_tokens(self, text: str) -> int | None:
        """As a server without a tokenizer."""
        return None

    async def label_scores(self, request: Request, labels: Sequence[str]) -> LabelScores:
        """Not asked here."""
        raise AssertionError(request, labels)

    async def decide(self, text: str, question: str, options: Mapping[str, str]) -> LabelScores:
        """Not asked here."""
        raise AssertionError(text, question, options)

    async def likelihood(self, context: str, continuations: Sequence[str]) -> list[Likelihood]:
        """Not asked here."""
        raise AssertionError(context, continuations)

    def role(self, name: str) -> Role:
        """No further model here."""
        raise AssertionError(name)

    async def use_tool(
        self, name: str, arguments: Mapping[str, Any], run: Callable[[], Awaitable[Any]], *, is_of_run: bool = False
    ) -> Any:
        """Nothing is kept. A text's vector is how often it has each letter."""
        if name == "embedding":
            return letters(arguments["text"])
        return await run()


def turn_samples(subset: str, limit: int, cache: Path) -> list[Sample]:
    """The first multi-turn questions of a subset; skips the test where the simulated APIs cannot be had."""
    try:
        official_code(DEFAULT_VERSION)
    except DataError as missing:
        pytest.skip(f"needs the bfcl-eval wheel: {str(missing)[:100]}")
    return bfcl_samples(subset, cache)[:limit]


def bfcl_samples(subset: str, cache: Path) -> list[Sample]:
    """The questions of a subset."""
    folder = bfcl_folder()
    manifest = open_manifest(
        dataset(), subset, benchmark="bfcl_v4", version="1", data_dir=folder, cache_dir=cache, sample_id=sample_id
    )
    rows = read_rows(manifest, dataset(), range(manifest.rows))
    return [replace(to_sample(row), id=sample_id(row), subset=subset) for row in rows]


Calls = list[tuple[str, dict[str, Any]]]


def true_calls(sample: Sample) -> list[Calls]:
    """The true calls of each turn, every argument by name."""
    parameters = {
        function["name"]: list(function["parameters"]["properties"])
        for name in sample.data["classes"]
        for function in functions_of(name, DEFAULT_VERSION)
    }
    turns: list[Calls] = []
    for turn in sample.target:
        turns.append([])
        for text in turn:
            name, positional, keywords = parse_call(text)
            named = dict(zip(parameters.get(name, ()), positional, strict=False))
            turns[-1].append((name, named | keywords))
    return turns


def turn_of(messages: Sequence[Mapping[str, Any]]) -> int:
    """Which turn the last message belongs to, from 0."""
    return [message["role"] for message in messages].count("user") - 1


def replayed(turns: list[Calls], messages: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, str], ...]:
    """What a model that knows the true calls answers: the calls of the turn, then none once their results are there."""
    if messages[-1]["role"] == "tool":
        return ()
    return tuple((name, json.dumps(keywords)) for name, keywords in turns[turn_of(messages)])
