"""The user's own RAG pipeline: an endpoint of the profile, or a session fixture, resolved before the first request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from pytest_modeleval.collection.items import SampleItem
from pytest_modeleval.errors import SettingsError, UserError
from pytest_modeleval.pytest_private import SetupState, find_fixture
from pytest_modeleval.rag.endpoint import endpoint
from pytest_modeleval.rag.pipeline import Pipeline
from pytest_modeleval.rag.profile import RagProfile
from pytest_modeleval.runs.connection import Connection
from pytest_modeleval.server_facts import PIPELINE
from pytest_modeleval.settings import Settings

_EXAMPLE = (
    "@pytest.fixture(scope='session') def {name}(): ... return ask, where ask(question) returns "
    "{{'contexts': [...], 'answer': '...'}} (docs/rag.md)"
)


def why_no_pipeline(item: SampleItem, connection: Connection) -> str:
    """Why there is no pipeline for the item's benchmark, as the end of a sentence; "" if there is one.

    Raises SettingsError where the profile says that it is a fixture, and the fixture is missing or has another scope.
    """
    rag = connection.rag or RagProfile()
    if rag.url or _is_there(item, rag.fixture):
        return ""
    advice = f"define it in the conftest.py of the root folder: {_EXAMPLE.format(name=rag.fixture)}"
    if connection.rag is not None:
        raise SettingsError(
            f"--model {connection.model.name}: expected a session fixture {rag.fixture!r}, which the profile names as "
            f"the RAG pipeline, found none that {item.planned.key.benchmark} can see; {advice}"
        )
    entry = f"[{connection.model.name}.rag] in models.toml"
    return f"it needs your RAG pipeline, a fixture {rag.fixture!r} or {entry}; {advice}"


def why_no_chat(connection: Connection) -> str:
    """Why chat requests cannot be answered, as the end of a sentence; "" if they can."""
    if connection.model.kind != PIPELINE:
        return ""
    return f"{connection.model.name} is a RAG pipeline, which answers no chat requests"


def open_pipelines(items: Sequence[SampleItem], settings: Settings, connection: Connection) -> dict[str, Pipeline]:
    """Benchmark -> its pipeline, of those benchmarks that need one; none in rescoring. Raises UserError."""
    first: dict[str, SampleItem] = {}
    for item in items if settings.rescore_dir is None else ():
        if item.planned.plan.benchmark.needs_rag:
            first.setdefault(item.planned.key.benchmark, item)
    rag = connection.rag or RagProfile()
    return {
        name: Pipeline(_function(item, rag, connection.model.name), in_flight=rag.in_flight, timeout_s=rag.timeout_s)
        for name, item in first.items()
    }


def reasons_without(items: Mapping[str, SampleItem], connection: Connection) -> dict[str, str]:
    """Benchmark -> why it cannot be run with this model, for lack of a pipeline or of a chat server."""
    reasons = {}
    for name, item in items.items():
        needs_rag = item.planned.plan.benchmark.needs_rag
        reasons[name] = why_no_pipeline(item, connection) if needs_rag else why_no_chat(connection)
    return {name: reason for name, reason in reasons.items() if reason}


def _is_there(item: SampleItem, name: str) -> bool:
    """Whether the fixture is defined. Raises SettingsError where it is not a session fixture."""
    try:
        found = find_fixture(item, name)
    except LookupError as unknown:
        raise SettingsError(f"the fixture {name} cannot be used as a RAG pipeline: {unknown}; use a url") from None
    if found is not None and found[0] != "session":
        raise SettingsError(
            f"{found[1]}: expected the fixture {name} to have scope='session', found {found[0]!r}: it is resolved "
            "once, before the first question"
        )
    return found is not None


def session_fixture(item: pytest.Function, name: str) -> Any:
    """The value of a session fixture, resolved before the item runs; pytest tears it down after the last item.

    An item next to this one is set up for it, and torn down again but for what this item needs too.
    """

    def wants(request: pytest.FixtureRequest) -> None:
        """Never called: the setup is all that is wanted of this item."""

    probe = pytest.Function.from_parent(item.parent, name=f"{item.name}-{name}", callobj=wants)
    state = SetupState(item.session)
    try:
        state.set_up(probe)
        request: Any = probe.funcargs["request"]
        return request.getfixturevalue(name)
    finally:
        state.tear_down(item)


def _function(item: SampleItem, rag: RagProfile, model: str) -> Callable[[str], Any]:
    if rag.url:
        return endpoint(rag, model)
    found = find_fixture(item, rag.fixture)
    place = found[1] if found is not None else "conftest.py"
    try:
        value = session_fixture(item, rag.fixture)
    except UserError:
        raise
    except (Exception, pytest.skip.Exception) as error:
        raise SettingsError(f"{place}: the fixture {rag.fixture} failed: {type(error).__name__}: {error}") from error
    if not callable(value):
        raise SettingsError(
            f"{place}: expected the fixture {rag.fixture} to return a function of one question, found "
            f"{type(value).__name__}"
        )
    function: Callable[[str], Any] = value
    return function
