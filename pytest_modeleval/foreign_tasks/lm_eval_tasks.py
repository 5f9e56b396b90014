"""EleutherAI's lm-evaluation-harness: every name of it that this package uses. Read in 0.4.13.

| name | without it |
|---|---|
| `TaskManager.load` (0.4.10) | the task is refused |
| `TaskManager.task_index` entries (`yaml_path`, `tags`) | the task is refused |
| `utils.env` | each template is compiled again for each document, which is most of the CPU time |
| `Task._filters` | the filter "take_first" alone |
| `Task.fewshot_context`, `.construct_requests`, `.process_results`, `.aggregation` | none: its documented interface |
"""

from __future__ import annotations

import importlib.metadata
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from pytest_modeleval._support.suggest import hint
from pytest_modeleval.errors import SettingsError
from pytest_modeleval.foreign_tasks.grading import digest
from pytest_modeleval.foreign_tasks.lm_eval_index import folders_of

# Seeds of its command line (lm_eval/defaults.py).
SEED, NUMPY_SEED, FEWSHOT_SEED = 0, 1234, 1234
LIKELIHOOD, ROLLING, GENERATE = "loglikelihood", "loglikelihood_rolling", "generate_until"
DISTRIBUTION = "lm_eval"


@dataclass(frozen=True, slots=True)
class Instance:
    """One request of a document."""

    kind: str
    """LIKELIHOOD, ROLLING or GENERATE."""
    arguments: tuple[Any, ...]
    """(context, continuation), (text,), or (messages or text, generation parameters)."""
    repeats: int
    """How often it is asked."""
    source: Any
    """The package's own object."""


@dataclass(slots=True)
class LmEvalTask:
    """A task with its documents."""

    task: Any
    name: str
    docs: list[Any]
    shots: int | None = None
    """Worked examples of each prompt; None: as the task says."""
    _instances: dict[int, list[Instance]] = field(default_factory=dict)
    _built: int = 0

    @property
    def version(self) -> str:
        return str(self.task.VERSION)

    @property
    def is_chat(self) -> bool:
        """Its prompts are chats; log-likelihoods are of plain texts."""
        return bool(self.task.OUTPUT_TYPE == GENERATE)

    @property
    def filters(self) -> list[str]:
        """Names of its filters, each of which gives every metric a value of its own."""
        return [ensemble.name for ensemble in self._ensembles()]

    @property
    def generation(self) -> Mapping[str, Any]:
        return dict(getattr(self.task.config, "generation_kwargs", None) or {})

    def refusal(self) -> str:
        """Why it cannot run here; "" if it can."""
        if getattr(self.task, "MULTIMODAL", False):
            return "it shows images or plays sounds, which are not carried over"
        if getattr(self.task, "UNSAFE_CODE", False):
            return "its grader runs programs of the model in this process, without a sandbox"
        return "" if self.docs else "it has no documents"

    def digest(self, doc_id: int) -> str:
        """Of a document's content."""
        return digest(self.docs[doc_id])

    def instances(self, doc_id: int) -> list[Instance]:
        """The requests of a document. Examples are drawn in the order of documents, so earlier ones are built too."""
        while self._built <= doc_id:
            self._instances[self._built] = self._build(self._built)
            self._built += 1
        return self._instances[doc_id]

    def use_shots(self, shots: int) -> None:
        """So many worked examples in each prompt; -1: as many as the task says."""
        wanted = None if shots < 0 else shots
        if wanted != self.shots:
            self.shots, self._instances, self._built = wanted, {}, 0
            self.task.set_fewshot_seed(seed=FEWSHOT_SEED)

    def target(self, doc_id: int) -> Any:
        """The expected answer, as the task has it; None where it has none."""
        try:
            return self.task.doc_to_target(self.docs[doc_id])
        except Exception:  # noqa: BLE001 - only shown; some tasks grade without one
            return None

    def results(self, doc_id: int, replies: Sequence[Sequence[Any]]) -> dict[tuple[str, str], Any]:
        """(metric, filter) -> the value of a document. replies: for each of its requests, one for each repeat."""
        sources = [instance.source for instance in self.instances(doc_id)]
        return _results(self.task, self.docs[doc_id], sources, replies, self._ensembles())

    def example(self) -> dict[tuple[str, str], Any]:
        """What `results` gives for the first document and meaningless replies; empty where the task refuses those."""
        kinds = [(instance.kind, instance.repeats) for instance in self.instances(0)]
        dummy = {LIKELIHOOD: (-1.0, False), ROLLING: -1.0, GENERATE: ""}
        try:
            return self.results(0, [[dummy[kind]] * repeats for kind, repeats in kinds])
        except Exception:  # noqa: BLE001 - the shapes of values are then not known
            return {}

    def aggregation(self, metric: str) -> Callable[[list[Any]], Any]:
        """How it puts the values of documents together; the mean where it does not say."""
        found: Callable[[list[Any]], Any] = (self.task.aggregation() or {}).get(metric) or _mean
        return found

    def is_higher_better(self, metric: str) -> bool:
        return bool((self.task.higher_is_better() or {}).get(metric, True))

    @property
    def metrics(self) -> list[str]:
        """Names of its metrics as it declares them."""
        return [name for name in self.task.aggregation() or {} if isinstance(name, str)]

    def _ensembles(self) -> Sequence[Any]:
        return list(getattr(self.task, "_filters", None) or [_take_first()])

    def _build(self, doc_id: int) -> list[Instance]:
        """As Task.build_all_requests does for each document."""
        task, doc = self.task, self.docs[doc_id]
        shots = task.config.num_fewshot if self.shots is None else self.shots
        template: dict[str, Any] = {
            "apply_chat_template": self.is_chat,
            "chat_template": _chat if self.is_chat else None,
        }
        context = task.fewshot_context(
            doc,
            num_fewshot=shots or 0,
            system_instruction=None,
            fewshot_as_multiturn=self.is_chat,
            gen_prefix=task.doc_to_prefix(doc),
            **template,
        )
        metadata = (task.config.task, doc_id, task.config.repeats)
        made = task.construct_requests(doc=doc, ctx=context, metadata=metadata, **template)
        made = made if isinstance(made, list) else [made]
        return [Instance(one.request_type, one.args, one.repeats or 1, one) for one in made]


@dataclass(frozen=True, slots=True)
class GroupMetric:
    """One metric that a group combines."""

    metric: str
    filters: tuple[str, ...] | None
    """None: all."""
    is_by_size: bool
    """Every document counts the same; False: every task."""


@dataclass(frozen=True, slots=True)
class LmEvalGroup:
    """A group, over the tasks below it."""

    name: str
    tasks: tuple[str, ...]
    metrics: tuple[GroupMetric, ...]


@dataclass(frozen=True, slots=True)
class LmEvalTasks:
    """What a name stands for."""

    name: str
    tasks: tuple[LmEvalTask, ...]
    groups: tuple[LmEvalGroup, ...]
    package_version: str


def load(name: str, *, cache_dir: Path) -> LmEvalTasks:
    """A task, group or tag by its name, or by the path of its YAML file. Raises SettingsError for an unknown one."""
    version = importlib.metadata.version(DISTRIBUTION)
    _compile_templates_once()
    with seeded():
        loaded = _load(name, cache_dir, version)
        tasks = tuple(_with_docs(task, key) for key, task in loaded["tasks"].items())
    groups = tuple(_group(group) for group in (loaded.get("groups") or {}).values())
    if name.endswith((".yaml", ".yml")):
        # A file is known by what it declares.
        name = groups[0].name if groups else tasks[0].name
    return LmEvalTasks(Path(name).name, tasks, groups, version)


def _load(name: str, cache_dir: Path, version: str) -> Mapping[str, Any]:
    from lm_eval.tasks import TaskManager  # noqa: PLC0415 - takes seconds, and only where a task of it is named

    def load_from(**paths: Any) -> Mapping[str, Any]:
        found: Mapping[str, Any] = TaskManager(**paths).load([spec])
        return found

    path, spec = Path(name).expanduser(), name
    if path.is_file():
        return load_from(include_path=str(path.parent), include_defaults=False)
    if "/" in name and path.parent.is_dir():
        spec = path.name
        return load_from(include_path=str(path.parent), include_defaults=False)
    folders, known = folders_of(name, cache_dir=cache_dir, version=version)
    if folders is None:
        raise SettingsError(f"--eval-tasks lm_eval:{name}: lm-eval {version} has no such task; {hint(name, known)}")
    try:
        return load_from(include_path=folders, include_defaults=False)
    except KeyError:
        # A group may name tasks of other folders.
        return load_from()


def _compile_templates_once() -> None:
    """Keep compiled templates: the package compiles a template of Jinja for every text that it makes."""
    from lm_eval import utils  # noqa: PLC0415 - as in _load

    environment = getattr(utils, "env", None)
    if environment is not None and not hasattr(environment.from_string, "cache_info"):
        environment.from_string = lru_cache(maxsize=4096)(environment.from_string)


def _with_docs(task: Any, name: str) -> LmEvalTask:
    task.set_fewshot_seed(seed=FEWSHOT_SEED)
    if task.config.num_fewshot is None:
        task.set_config(key="num_fewshot", value=0)
    # Once: where documents are shuffled as they are made, they are graded as they were asked.
    return LmEvalTask(task, name, list(task.eval_docs))


def _group(group: Any) -> LmEvalGroup:
    metrics = [
        GroupMetric(
            one.metric,
            None
            if one.filter_list is None
            else tuple([one.filter_list] if isinstance(one.filter_list, str) else one.filter_list),
            bool(one.weight_by_size),
        )
        for one in group.aggregate_metric_list or ()
    ]
    return LmEvalGroup(group.name, tuple(task.task_name for task in group.get_all_tasks()), tuple(metrics))


def _results(
    task: Any, doc: Any, sources: Sequence[Any], replies: Sequence[Sequence[Any]], ensembles: Sequence[Any]
) -> dict[tuple[str, str], Any]:
    for source, given in zip(sources, replies, strict=True):
        source.resps[:] = given
        source.filtered_resps = {}
    for ensemble in ensembles:
        ensemble.apply(sources)
    found: dict[tuple[str, str], Any] = {}
    for name in sources[0].filtered_resps:
        values = task.process_results(doc, [source.filtered_resps[name] for source in sources])
        found |= {(metric, name): value for metric, value in values.items()}
    return found


def _chat(messages: Sequence[Mapping[str, Any]], *, add_generation_prompt: bool = True) -> list[Mapping[str, Any]]:
    """The chat itself, where the package would make a text of it."""
    del add_generation_prompt
    return list(messages)


def _take_first() -> Any:
    from lm_eval.filters import build_filter_ensemble  # noqa: PLC0415 - as in _load

    return build_filter_ensemble("none", [["take_first", None]])


def _mean(values: list[Any]) -> Any:
    return sum(values) / len(values)


@contextmanager
def seeded() -> Iterator[None]:
    """The seeds of the package's command line, while documents are made; what was drawn before goes on afterwards."""
    import numpy as np  # noqa: PLC0415 - the package brings it

    states = random.getstate(), np.random.get_state()
    random.seed(SEED)
    np.random.seed(NUMPY_SEED)
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
