"""EvalScope: every name of it that this package uses. Read in 1.14.1.

| name | without it |
|---|---|
| `config.TaskConfig`, `api.registry.get_benchmark`, `BENCHMARK_REGISTRY` | none: how a benchmark is made |
| `DefaultDataAdapter._on_inference`, `.run_inference`, `.aggregate_scores` | none: whether an adapter has its own |
| `DefaultDataAdapter._on_inference_end`, `.calculate_metrics` | none: parse and score |
| `api.mixin.CodeExecutionSandboxMixin`, `Tags` | none: what runs programs of the model |
"""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass
from typing import Any

from evalscope.api.benchmark import DefaultDataAdapter
from evalscope.api.mixin import CodeExecutionSandboxMixin
from evalscope.api.model import ModelOutput
from evalscope.api.registry import BENCHMARK_REGISTRY, get_benchmark
from evalscope.config import TaskConfig
from evalscope.constants import ScoreStatus, Tags

from pytest_modeleval._support.suggest import hint
from pytest_modeleval.errors import SettingsError

DISTRIBUTION = "evalscope"
# Aggregations that are the mean of the values of the samples.
_MEAN = "mean"
_MEDIA = frozenset(
    {Tags.MULTI_MODAL, Tags.AUDIO, Tags.VIDEO, Tags.TEXT_TO_IMAGE, Tags.IMAGE_EDITING, Tags.SPEECH_RECOGNITION}
)


@dataclass(frozen=True, slots=True)
class _Named:
    """The model, as an adapter asks for its name."""

    name: str = "model"


class EvalScopeTask:
    """A benchmark of EvalScope with its samples."""

    def __init__(self, adapter: Any, name: str) -> None:
        self.name = name
        self._adapter = adapter
        self._samples: dict[str, list[Any]] = {}

    def load(self) -> None:
        """Read its samples and make their prompts."""
        self._samples = {subset: list(found) for subset, found in self._adapter.load_dataset().items() if len(found)}

    @property
    def sizes(self) -> dict[str, int]:
        """Subset -> samples."""
        return {subset: len(samples) for subset, samples in self._samples.items()}

    @property
    def repeats(self) -> int:
        return int(self._adapter.repeats or 1)

    @property
    def metrics(self) -> list[str]:
        """Names of its metrics as it declares them."""
        return [one if isinstance(one, str) else next(iter(one)) for one in self._adapter.metric_list]

    @property
    def is_mean(self) -> bool:
        """Its figures are means of the values of samples."""
        own = type(self._adapter).aggregate_scores is not DefaultDataAdapter.aggregate_scores
        return not own and self._adapter.aggregation == _MEAN

    def refusal(self) -> str:
        """Why it cannot run here; "" if it can. Reads no data."""
        adapter = self._adapter
        tags = set(adapter.benchmark_meta.tags or ())
        if not isinstance(adapter, DefaultDataAdapter):
            return "its adapter is none of those with a prompt, a parser and a score"
        if isinstance(adapter, CodeExecutionSandboxMixin) or Tags.CODING in tags:
            return "its grader runs programs of the model in a sandbox of EvalScope, or in this process"
        if tags & _MEDIA:
            return "it shows images or other media, which are not carried over"
        kind = type(adapter)
        if kind._on_inference is not DefaultDataAdapter._on_inference or (
            kind.run_inference is not DefaultDataAdapter.run_inference
        ):
            return "it asks the model in a loop of its own"
        return "it needs a judge of EvalScope" if adapter.use_llm_judge else ""

    def messages(self, subset: str, number: int) -> list[dict[str, Any]]:
        """The chat of a sample. Raises SettingsError for tools and media."""
        sample = self._samples[subset][number]
        if sample.tools:
            raise SettingsError(f"--eval-tasks evalscope:{self.name}: it offers tools, which are not carried over")
        return [{"role": message.role, "content": message.text} for message in sample.input]

    def target(self, subset: str, number: int) -> Any:
        """The expected answer."""
        return self._samples[subset][number].target

    def content(self, subset: str, number: int) -> Any:
        """A sample as JSON values, without the number of its place."""
        return self._samples[subset][number].model_dump(mode="json", exclude={"id", "group_id"})

    def score(self, subset: str, number: int, text: str) -> tuple[dict[str, float], str | None]:
        """Metric -> value for a reply, and the answer that was read. Raises ValueError where its grader gives none."""
        sample = self._samples[subset][number].model_copy(deep=True)
        output = ModelOutput.from_content("model", text)
        state = self._adapter._on_inference_end(_Named(), sample, output, "")
        score = self._adapter.calculate_metrics(state).score
        if score.status not in (ScoreStatus.SUCCESS, ScoreStatus.FALLBACK) or not score.value:
            # The package writes exceptions of its metrics down and goes on.
            errors = [str(value) for value in (score.metadata or {}).values() if "error" in str(value)]
            raise ValueError(
                f"the grader gave no score ({score.status.value}): {'; '.join(errors) or score.explanation}"
            )
        values = {str(name): float(value) for name, value in score.value.items()}
        main = score.main_score_name
        ordered = {main: values[main], **values} if main in values else values
        return ordered, score.extracted_prediction


def load(name: str) -> tuple[EvalScopeTask, str]:
    """A benchmark by its name, NAME@DIR for local rows, and the package's version. Raises SettingsError."""
    name, _, path = name.partition("@")
    known = list(BENCHMARK_REGISTRY)
    version = importlib.metadata.version(DISTRIBUTION)
    if name not in known:
        raise SettingsError(f"--eval-tasks evalscope:{name}: EvalScope {version} has no such one; {hint(name, known)}")
    config = TaskConfig(
        model="model",
        # Never asked.
        api_url="http://127.0.0.1:9/v1",
        eval_type="openai_api",
        datasets=[name],
        dataset_args={name: {"local_path": path}} if path else {},
        judge_strategy="rule",
    )
    return EvalScopeTask(get_benchmark(name, config), name), version
