"""The fixtures of a benchmark's test. Registered only where a model is evaluated."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_modeleval.collection.items import SampleItem


def _of(request: pytest.FixtureRequest, name: str) -> Any:
    item = request.node
    if not isinstance(item, SampleItem):
        raise pytest.UsageError(
            f"the fixture {name} belongs to benchmarks: {item.nodeid} is no benchmark (see pytest_modeleval.benchmark)"
        )
    return item.fixture_value(name)


@pytest.fixture
def sample(request: pytest.FixtureRequest) -> Any:
    """The sample: question, choices, target, data, id, subset."""
    return _of(request, "sample")


@pytest.fixture
def response(request: pytest.FixtureRequest) -> Any:
    """The model's response, or what the benchmark's solve function returned."""
    return _of(request, "response")


@pytest.fixture
def grade(request: pytest.FixtureRequest) -> Any:
    """The grade that the benchmark's grader gave; true if right."""
    return _of(request, "grade")


@pytest.fixture
def model(request: pytest.FixtureRequest) -> Any:
    """The model as it is asked: name, served, urls, kind, version, context_tokens."""
    return _of(request, "model")
