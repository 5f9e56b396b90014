"""pytest-modeleval: LLM benchmarks as pytest test suites.

What a benchmark page needs, and `evaluate` for programs. pytest imports this package in every project where it is
installed, so each name is fetched when it is first used (PEP 562), and an unused plugin costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_modeleval.advice import Advice
    from pytest_modeleval.child_runs.call import evaluate, evaluate_async, start_evaluation
    from pytest_modeleval.child_runs.result import EvaluatedRun, Progress
    from pytest_modeleval.declaration import Benchmark, Breakdown, Examples, Subset, benchmark
    from pytest_modeleval.errors import EvaluationIncomplete
    from pytest_modeleval.images import Image
    from pytest_modeleval.indexes import Index
    from pytest_modeleval.likelihood_result import LabelScores, Likelihood
    from pytest_modeleval.model_protocol import Model
    from pytest_modeleval.page_options import Option
    from pytest_modeleval.rag_answer import Context, RagAnswer
    from pytest_modeleval.records import Grade, Kind, Request, Response, Sample, ToolCall, Usage
    from pytest_modeleval.results import RunSummary
    from pytest_modeleval.training.callback import ModelEvalCallback

__all__ = [
    "Advice",
    "Benchmark",
    "Breakdown",
    "Context",
    "EvaluatedRun",
    "EvaluationIncomplete",
    "Examples",
    "Grade",
    "Image",
    "Index",
    "Kind",
    "LabelScores",
    "Likelihood",
    "Model",
    "ModelEvalCallback",
    "Option",
    "Progress",
    "RagAnswer",
    "Request",
    "Response",
    "RunSummary",
    "Sample",
    "Subset",
    "ToolCall",
    "Usage",
    "benchmark",
    "evaluate",
    "evaluate_async",
    "start_evaluation",
]

_ROOMS = {
    **dict.fromkeys(("Benchmark", "Breakdown", "Examples", "Subset", "benchmark"), "declaration"),
    **dict.fromkeys(("Context", "RagAnswer"), "rag_answer"),
    **dict.fromkeys(("evaluate", "evaluate_async", "start_evaluation"), "child_runs.call"),
    **dict.fromkeys(("EvaluatedRun", "Progress"), "child_runs.result"),
    "Advice": "advice",
    "EvaluationIncomplete": "errors",
    "Image": "images",
    "Index": "indexes",
    "LabelScores": "likelihood_result",
    "Likelihood": "likelihood_result",
    "Model": "model_protocol",
    "ModelEvalCallback": "training.callback",
    "Option": "page_options",
    "RunSummary": "results",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ROOMS.get(name, 'records')}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
