"""How the server of a run is asked in one process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pytest_modeleval.client.transport import Transport
from pytest_modeleval.dispatch.replicas import ServerMonitor
from pytest_modeleval.evaluation.benchmark_prompts import BenchmarkPrompts
from pytest_modeleval.rag.pipeline import Pipeline
from pytest_modeleval.server_facts import RoleFacts


@dataclass(frozen=True, slots=True)
class RoleShare:
    """How a further model of the run is asked in this process."""

    facts: RoleFacts
    key: str | None = None
    """The API key, kept in memory only."""
    monitor: ServerMonitor | None = None
    """Watches its servers, where the run started them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How the server is asked. in_flight: requests at once in this process. key: the API key, kept in memory only.

    can_abort: the server (SGLang) can drop a request on demand.
    monitor: watches servers that we started, see dispatch.replicas; None for others.
    """

    in_flight: int = 64
    idle_timeout_s: float | None = None
    sample_timeout_s: float | None = None
    key: str | None = None
    transport: Transport | None = None
    can_abort: bool = False
    monitor: ServerMonitor | None = None
    is_offline: bool = False
    repeats: int = 1
    system: str = ""
    """A system prompt for every request that has none; "" for none."""
    roles: Mapping[str, RoleShare] = field(default_factory=dict)
    """Role -> how the model in it is asked."""
    pipelines: Mapping[str, Pipeline] = field(default_factory=dict)
    """Benchmark -> the user's RAG pipeline."""
    invocation: int = 0
    """Which use of the run folder this is, from 1."""
    client_processes: int = 1
    """That share the load of an exclusive benchmark."""
    flush_cache: Callable[[], str] | None = None
    """Empties the server's prefix cache before an operating point: "" or why it could not be emptied."""
    prompts: Mapping[str, BenchmarkPrompts] = field(default_factory=dict)
    """Benchmark -> its samples, of those that a load uses."""
