"""Inspect (inspect-ai): every name of it that this package uses. Read in 0.3.285.

Public: Task, ModelAPI, Model, ModelOutput, GenerateConfig, TaskState, Target, Score, value_to_float. Not public:

| name | without it |
|---|---|
| `_util.registry`, `_util.entrypoints.ensure_entry_points` | none: how tasks are found |
| `_eval.task.generate.task_generate` | none: what solvers call `generate` |
| `model._model.init_active_model`, `init_sample_model_data` | none: the context of solvers and scorers |
| `solver._task_state.set_sample_state`, `log._transcript` | none: as above |
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inspect_ai import Task
from inspect_ai._eval.task.generate import task_generate
from inspect_ai._util.entrypoints import ensure_entry_points
from inspect_ai._util.registry import registry_find, registry_info, registry_lookup
from inspect_ai.log._transcript import Transcript, init_transcript
from inspect_ai.model import (
    ChatMessageUser,
    GenerateConfig,
    ModelAPI,
    ModelName,
    ModelOutput,
    ModelUsage,
    get_model,
    modelapi,
)
from inspect_ai.model._model import init_active_model, init_sample_model_data
from inspect_ai.scorer import Target, value_to_float
from inspect_ai.solver import TaskState
from inspect_ai.solver._task_state import set_sample_state

from pytest_modeleval._support.suggest import hint
from pytest_modeleval.errors import SettingsError
from pytest_modeleval.records import Response

# Asks the model with messages and parameters.
Asker = Callable[[list[dict[str, Any]], dict[str, Any]], Awaitable[Response]]
PROVIDER = "modeleval"
DISTRIBUTION, TASKS_DISTRIBUTION = "inspect_ai", "inspect_evals"
# Metrics of a scorer that a mean of values replaces, or that only tell its error.
MEANS = frozenset({"accuracy", "mean", "stderr", "bootstrap_stderr", "std", "var"})
_asker: ContextVar[_Call] = ContextVar("asker")
_STOPS = {"length": "max_tokens", "content_filter": "content_filter", "tool_calls": "tool_calls"}
# Ours for its field names of parameters.
_PARAMS = {
    "max_tokens": "max_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "stop_seqs": "stop",
    "seed": "seed",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
    "reasoning_effort": "reasoning_effort",
}


class CannotRun(Exception):
    """What a task wants and this package does not give."""


@dataclass(slots=True)
class _Call:
    """How the provider asks, in the context of one sample."""

    ask: Asker
    responses: list[Response] = field(default_factory=list)
    error: Exception | None = None
    """Of asking: the package may wrap it."""


@modelapi(name=PROVIDER)
class _Provider(ModelAPI):  # type: ignore[misc] # types of the package are not looked at
    """Our model behind the package's interface for providers."""

    async def generate(self, input: Any, tools: Any, tool_choice: Any, config: Any) -> ModelOutput:  # noqa: A002 - its name
        """One reply of the model."""
        del tool_choice
        call = _asker.get()
        try:
            if tools:
                raise CannotRun("its solver offers tools, which are not carried over")
            response = await call.ask([_plain(message) for message in input], params_of(config))
        except Exception as error:
            call.error = call.error or error
            raise
        call.responses.append(response)
        return self._output(response)

    def _output(self, response: Response) -> ModelOutput:
        stop = _STOPS.get(response.finish_reason or "", "stop")
        made = ModelOutput.from_content(self.model_name, response.text, stop_reason=stop)
        used = response.usage
        made.usage = ModelUsage(
            input_tokens=used.prompt_tokens or 0,
            output_tokens=used.completion_tokens or 0,
            total_tokens=(used.prompt_tokens or 0) + (used.completion_tokens or 0),
        )
        return made

    def max_connections(self) -> int:
        """No limit of its own: the run has one."""
        return 1_000_000


@dataclass(frozen=True, slots=True)
class Scored:
    """What came of one sample."""

    values: dict[str, float]
    """Scorer, or scorer/key -> its value as a number."""
    shown: dict[str, str]
    """The same as the scorer has it."""
    answer: str | None
    explanation: str


class InspectTask:
    """A task with its samples."""

    def __init__(self, task: Any, name: str) -> None:
        self.name = name
        self._task = task
        self._model = get_model(f"{PROVIDER}/model", memoize=False)
        self._samples = list(task.dataset)
        if task.dataset.shuffled:
            # Often without a seed: by id the samples are the same in the next run, which may resume this one.
            self._samples.sort(key=lambda sample: (str(sample.id), str(sample.input)))
        self._to_float = value_to_float()

    @property
    def version(self) -> str:
        return str(self._task.version)

    @property
    def epochs(self) -> int:
        """How often the task wants each sample to be asked."""
        return int(self._task.epochs or 1)

    @property
    def params(self) -> dict[str, Any]:
        """Generation parameters of the whole task."""
        return params_of(self._task.config)

    def __len__(self) -> int:
        return len(self._samples)

    def content(self, number: int) -> Any:
        """A sample as JSON values."""
        return self._samples[number].model_dump(mode="json")

    def target(self, number: int) -> Any:
        """The expected answer."""
        return self._samples[number].target

    def question(self, number: int) -> str:
        """The text of the question."""
        given = self._samples[number].input
        return given if isinstance(given, str) else str(given[-1].text)

    def refusal(self) -> str:
        """Why it cannot run here; "" if it can, as far as its declaration says."""
        if self._task.sandbox is not None or any(sample.sandbox is not None for sample in self._samples[:1]):
            return "it needs a sandbox of Inspect, with tools or programs of the model in it"
        if not self._samples:
            return "it has no samples"
        return "" if self._task.scorer else "it has no scorer"

    def other_metrics(self) -> list[str]:
        """Metrics that a mean of its values does not give."""
        found: dict[str, None] = {}
        for scorer in self._task.scorer:
            metrics = registry_info(scorer).metadata.get("metrics") or []
            every = metrics if isinstance(metrics, list) else [one for part in metrics.values() for one in part]
            names = [_short(registry_info(one).name) for one in every if not isinstance(one, dict)]
            found |= {f"{_scorer_name(scorer)} {name}": None for name in names if name not in MEANS}
        return list(found)

    async def solve(self, number: int, ask: Asker) -> tuple[TaskState, list[Response]]:
        """The state after the solvers, and the replies."""
        call, sample = _Call(ask), deepcopy(self._samples[number])
        messages = sample.input if isinstance(sample.input, list) else [ChatMessageUser(content=sample.input)]
        state = TaskState(
            model=ModelName(self._model),
            sample_id=sample.id if sample.id is not None else number,
            epoch=1,
            input=sample.input,
            messages=list(messages),
            target=Target(sample.target),
            choices=sample.choices,
            metadata=sample.metadata or {},
        )
        self._enter(state, call)
        try:
            for solver in self._solvers():
                state = await solver(state, self._generate)
                if state.completed:
                    break
        except Exception as error:
            raise call.error or error from error
        return state, call.responses

    async def score(self, number: int, state: TaskState, ask: Asker) -> Scored:
        """The values of its scorers. ask: the model that scorers ask."""
        call = _Call(ask)
        self._enter(state, call)
        found: dict[str, Any] = {}
        answer, explanation = None, ""
        try:
            for scorer in self._task.scorer:
                score = await scorer(state, Target(self._samples[number].target))
                if score is None:
                    continue
                found |= _values(_scorer_name(scorer), score.value)
                answer, explanation = answer or score.answer, explanation or score.explanation or ""
        except Exception as error:
            raise call.error or error from error
        numbers = {name: float(self._to_float(value)) for name, value in found.items()}
        return Scored(numbers, {name: str(value) for name, value in found.items()}, answer, explanation)

    def _solvers(self) -> Sequence[Any]:
        setup = self._task.setup
        before = list(setup) if isinstance(setup, list) else [setup] if setup is not None else []
        return [*before, self._task.solver]

    async def _generate(self, state: TaskState, tool_calls: str = "loop", **config: Any) -> TaskState:
        """What solvers call."""
        config.pop("cache", None)
        merged = self._task.config.merge(GenerateConfig(**config))
        return await task_generate(self._model, state, tool_calls, False, merged)

    def _enter(self, state: TaskState, call: _Call) -> None:
        """The context of a sample, in the task of asyncio that works on it."""
        _asker.set(call)
        init_active_model(self._model, self._task.config)
        init_sample_model_data()
        set_sample_state(state)
        init_transcript(Transcript())


def load(name: str) -> tuple[InspectTask, str]:
    """A task by its name (inspect_evals/gsm8k) or file (tasks.py@name), and the versions of the packages.

    Raises SettingsError for an unknown one.
    """
    make, short = _from_file(name) if ".py" in name else _from_registry(name)
    task = make()
    if not isinstance(task, Task):
        raise SettingsError(f"--eval-tasks inspect:{name}: expected a task, found {type(task).__name__}")
    version = f"inspect-{importlib.metadata.version(DISTRIBUTION)}"
    if name.startswith(f"{TASKS_DISTRIBUTION}/"):
        version += f"-evals-{importlib.metadata.version(TASKS_DISTRIBUTION)}"
    return InspectTask(task, short), version


def _from_registry(name: str) -> tuple[Callable[[], Any], str]:
    package = name.partition("/")[0]
    ensure_entry_points(package)
    found = registry_lookup("task", name)
    if found is None:
        known = [registry_info(one).name for one in registry_find(lambda info: info.type == "task")]
        raise SettingsError(f"--eval-tasks inspect:{name}: no such task; {hint(name, known)}")
    return found, name.rpartition("/")[2]


def _from_file(name: str) -> tuple[Callable[[], Any], str]:
    file, _, wanted = name.partition("@")
    path = Path(file).expanduser().resolve()
    spec = importlib.util.spec_from_file_location(f"inspect_file_{path.stem}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise SettingsError(f"--eval-tasks inspect:{name}: expected a Python file with tasks, found none at {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    tasks = {key: one for key, one in vars(module).items() if _is_task(one) and one.__module__ == spec.name}
    if not wanted and len(tasks) == 1:
        wanted = next(iter(tasks))
    if wanted not in tasks:
        raise SettingsError(f"--eval-tasks inspect:{name}: expected FILE.py@TASK; {hint(wanted, tasks)}")
    return tasks[wanted], wanted


def _is_task(value: Any) -> bool:
    try:
        return callable(value) and registry_info(value).type == "task"
    except (ValueError, AttributeError):
        return False


def _values(scorer: str, value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return {f"{scorer}/{key}": one for key, one in value.items()}
    if isinstance(value, list | tuple):
        return {f"{scorer}/{place}": one for place, one in enumerate(value)}
    return {scorer: value}


def _scorer_name(scorer: Any) -> str:
    return _short(registry_info(scorer).name)


def _short(name: str) -> str:
    return name.rpartition("/")[2]


def _plain(message: Any) -> dict[str, Any]:
    if not isinstance(message.content, str) and any(part.type not in ("text", "reasoning") for part in message.content):
        raise CannotRun("it shows images or other media, which are not carried over")
    return {"role": message.role, "content": message.text}


def params_of(config: Any) -> dict[str, Any]:
    """Generation parameters that a configuration sets, by the names of the OpenAI interface."""
    given = {ours: getattr(config, name, None) for name, ours in _PARAMS.items()}
    return {name: value for name, value in given.items() if value is not None}
