"""pytest-modeleval: LLM benchmarks as pytest test suites.

What a benchmark page needs. pytest imports this package in every project where it is installed, so each name is
fetched when it is first used (PEP 562), and an unused plugin costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_modeleval.declaration import Benchmark, Breakdown, Model, Subset, benchmark
    from pytest_modeleval.records import Advice, Grade, Kind, Request, Response, Sample, ToolCall, Usage

__all__ = [
    "Advice",
    "Benchmark",
    "Breakdown",
    "Grade",
    "Kind",
    "Model",
    "Request",
    "Response",
    "Sample",
    "Subset",
    "ToolCall",
    "Usage",
    "benchmark",
]

_DECLARATION = frozenset({"Benchmark", "Breakdown", "Model", "Subset", "benchmark"})


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    room = "declaration" if name in _DECLARATION else "records"
    return getattr(import_module(f"{__name__}.{room}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
