"""pytest-modeleval: LLM benchmarks as pytest test suites.

What a benchmark page needs. pytest imports this package in every project where it is installed, so each name is
fetched when it is first used (PEP 562), and an unused plugin costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_modeleval.advice import Advice
    from pytest_modeleval.declaration import Benchmark, Breakdown, Examples, Subset, benchmark
    from pytest_modeleval.images import Image
    from pytest_modeleval.indexes import Index
    from pytest_modeleval.likelihood_result import LabelScores, Likelihood
    from pytest_modeleval.model_protocol import Model
    from pytest_modeleval.page_options import Option
    from pytest_modeleval.rag_answer import Context, RagAnswer
    from pytest_modeleval.records import Grade, Kind, Request, Response, Sample, ToolCall, Usage

__all__ = [
    "Advice",
    "Benchmark",
    "Breakdown",
    "Context",
    "Examples",
    "Grade",
    "Image",
    "Index",
    "Kind",
    "LabelScores",
    "Likelihood",
    "Model",
    "Option",
    "RagAnswer",
    "Request",
    "Response",
    "Sample",
    "Subset",
    "ToolCall",
    "Usage",
    "benchmark",
]

_ROOMS = {
    **dict.fromkeys(("Benchmark", "Breakdown", "Examples", "Subset", "benchmark"), "declaration"),
    **dict.fromkeys(("Context", "RagAnswer"), "rag_answer"),
    "Advice": "advice",
    "Image": "images",
    "Index": "indexes",
    "LabelScores": "likelihood_result",
    "Likelihood": "likelihood_result",
    "Model": "model_protocol",
    "Option": "page_options",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ROOMS.get(name, 'records')}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
