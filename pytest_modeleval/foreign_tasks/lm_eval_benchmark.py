"""A task, group or tag of lm-evaluation-harness as a declared benchmark.

Prompts, filters, metrics and aggregations are the package's own. Asked is as its model "local-chat-completions" with
--apply_chat_template asks: the task's description is the system message, worked examples are turns of the chat, and
`generation_kwargs` are the parameters. Log-likelihoods are those of plain texts, as its model "local-completions" has
them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from pytest_modeleval.datasets import Row, inline
from pytest_modeleval.declaration import Subset
from pytest_modeleval.errors import SettingsError
from pytest_modeleval.foreign_tasks.aggregation import Carried, carry_over
from pytest_modeleval.foreign_tasks.grading import ANSWERED, answer_text, grade_values
from pytest_modeleval.foreign_tasks.lm_eval_tasks import (
    GENERATE,
    LIKELIHOOD,
    ROLLING,
    Instance,
    LmEvalGroup,
    LmEvalTask,
    LmEvalTasks,
    load,
)
from pytest_modeleval.foreign_tasks.loading import DeclaredTask, declared_task
from pytest_modeleval.foreign_tasks.names import item_name, subset_name
from pytest_modeleval.metrics import Aggregate, Measure, macro, micro, ratio
from pytest_modeleval.model_protocol import Model, TextModel
from pytest_modeleval.page_options import Option
from pytest_modeleval.records import Grade, JsonObject, Request, Response, Sample

# What its chat client sends where a task says nothing (lm_eval/models/api_models.py).
# Not its seed, one for all requests: ours differs between the repeats of a question.
DEFAULTS: Mapping[str, Any] = {"temperature": 0.0, "max_tokens": 256}
MOST_STOPS = 4
# Metrics whose value for one document is no share: texts in percent, differences.
_NO_SHARE = ("rouge", "bleu", "chrf", "ter", "meteor", "wer", "cer", "diff", "max", "perplexity")
Key = tuple[str, str]

OPTIONS = (
    Option("shots", -1, low=-1, description="worked examples of each prompt; -1: as many as the task says"),
    Option(
        "prefix",
        "",
        description="the token in front of a text without context, where the tokenizer sets none: <|endoftext|>",
    ),
)


def declare(name: str, cache_dir: Path) -> DeclaredTask:
    """The benchmark of a name. Raises SettingsError where it cannot run here."""
    tasks = load(name, cache_dir=cache_dir)
    for task in tasks.tasks:
        if reason := task.refusal():
            raise SettingsError(f"--eval-tasks lm_eval:{name}: {task.name} cannot run here: {reason}")
    adapter = LmEvalBenchmark(tasks)
    return declared_task(adapter.declaration(), notes=adapter.notes())


@dataclass(frozen=True, slots=True)
class Replies:
    """What came for the requests of one document."""

    values: list[list[Any]]
    """For each request, one value for each repeat, as the package wants it: a text, a log-likelihood, or a pair."""
    responses: list[Response]


class LmEvalBenchmark:
    """The functions of the declaration, over the package's tasks."""

    def __init__(self, tasks: LmEvalTasks) -> None:
        self._tasks = tasks
        self._by_subset = {subset_name(task.name): task for task in tasks.tasks}
        self._carried: dict[str, dict[Key, Carried]] = {}
        self._lost: dict[str, None] = {}
        for subset, task in self._by_subset.items():
            self._carried[subset] = self._carry_over(task)
        self._primary = self._find_primary()
        self._common = _common_params([task for task in tasks.tasks if task.is_chat])
        self._rows: dict[str, list[JsonObject]] = {}

    def declaration(self) -> Mapping[str, Any]:
        """The arguments of the decorator. Raises SettingsError where no metric is carried over."""
        if not any(self._carried.values()):
            raise SettingsError(f"--eval-tasks lm_eval:{self._tasks.name}: {self._lost_sentence()}")
        return {
            "name": item_name("lm_eval", self._tasks.name),
            "version": self._version(),
            "dataset": inline(self._all_rows),
            "subsets": [Subset(subset) for subset in self._by_subset],
            "sample": self._sample,
            "solve": self._solve,
            "grade": self._grade,
            "metric": self._label(self._primary) if self._primary else ANSWERED,
            "measures": self._measures(),
            "aggregates": self._aggregates(),
            "defaults": self._common,
            "options": OPTIONS,
            "needs_likelihood": any(not task.is_chat for task in self._tasks.tasks),
        }

    def notes(self) -> tuple[str, ...]:
        """What is not carried over."""
        return (f"lm_eval:{self._tasks.name}: {self._lost_sentence()}",) if self._lost else ()

    def _lost_sentence(self) -> str:
        return f"not carried over, since it is no mean, ratio or perplexity of its documents: {', '.join(self._lost)}"

    def _version(self) -> str:
        versions = dict.fromkeys(task.version for task in self._tasks.tasks)
        return f"lm-eval-{self._tasks.package_version}-task-{'+'.join(versions)}"

    def _all_rows(self) -> dict[str, list[JsonObject]]:
        if not self._rows:
            self._rows = {
                subset: [{"doc": number, "sha256": task.digest(number)} for number in range(len(task.docs))]
                for subset, task in self._by_subset.items()
            }
        return self._rows

    def _sample(self, row: Row) -> Sample:
        task, doc = self._by_subset[row.subset], row.integer("doc")
        task.use_shots(int(row.options["shots"]))
        first = task.instances(doc)[0].arguments[0]
        question = first if isinstance(first, str) else str(first[-1]["content"])
        return Sample(question=question, target=_shown_target(task, doc), data={"doc": doc})

    async def _solve(self, sample: Sample, model: Model) -> Replies:
        instances = self._by_subset[sample.subset].instances(sample.data["doc"])
        found = Replies([], [])
        prefix = str(sample.options["prefix"])
        for (kind, context, _), group in groupby(instances, _run_of):
            run = list(group)
            if kind == LIKELIHOOD:
                texts = [one.arguments[1] for one in run]
                for one in await model.likelihood(context or prefix, texts):
                    found.values.append([(one.logprob, one.is_greedy)])
            elif kind == ROLLING:
                assert isinstance(model, TextModel)
                one = await model.text_likelihood(context, prefix=prefix)
                found.values.append([one.logprob])
            else:
                await self._generate(run[0], model, found)
        return found

    async def _generate(self, instance: Instance, model: Model, found: Replies) -> None:
        messages, generation = instance.arguments[0], instance.arguments[1]
        if isinstance(messages, str):
            messages = [{"role": "user", "content": messages}]
        given = params_of(generation)
        params = {name: value for name, value in given.items() if self._common.get(name, ...) != value}
        responses = [await model.ask(Request(messages, params=params)) for _ in range(instance.repeats)]
        found.responses.extend(responses)
        found.values.append([answer_text(response) for response in responses])

    def _grade(self, sample: Sample, replies: Replies) -> Grade:
        task, carried = self._by_subset[sample.subset], self._carried[sample.subset]
        values = task.results(sample.data["doc"], replies.values)
        recorded = {key: carried[key] for key in values if key in carried}
        return grade_values(
            {self._label(key): (one, values[key]) for key, one in recorded.items()},
            primary=self._label(self._primary) if self._primary else "",
            responses=replies.responses,
        )

    def _carry_over(self, task: LmEvalTask) -> dict[Key, Carried]:
        """(metric, filter) -> its measure, of what can be carried over; the rest is noted."""
        example = task.example()
        keys = example or {(metric, name): None for metric in task.metrics for name in task.filters}
        found: dict[Key, Carried] = {}
        for key in keys:
            metric = key[0]
            if metric == "bypass":
                continue
            made = carry_over(
                self._label(key),
                task.aggregation(metric),
                example.get(key),
                is_higher_better=task.is_higher_better(metric),
                is_share=not any(word in metric.lower() for word in _NO_SHARE),
            )
            if made is None or not self._fits(key, made.measure):
                self._lost[self._label(key)] = None
            else:
                found[key] = made
        return found

    def _fits(self, key: Key, measure: Measure) -> bool:
        """No other task of the group has another figure under this name."""
        return all(carried[key].measure == measure for carried in self._carried.values() if key in carried)

    def _label(self, key: Key) -> str:
        """As the package shows it; without the filter where all are "none"."""
        return key[0] if all(task.filters == ["none"] for task in self._tasks.tasks) else ",".join(key)

    def _find_primary(self) -> Key | None:
        """The first metric with a credit for each document that all tasks have."""
        first, *others = self._carried.values()
        for key, one in first.items():
            if one.credit is not None and all(key in carried for carried in others):
                return key
        return None

    def _measures(self) -> list[Measure]:
        found = {self._label(key): one.measure for carried in self._carried.values() for key, one in carried.items()}
        more = [] if self._primary else [ratio(ANSWERED)]
        return [*more, *found.values()]

    def _aggregates(self) -> list[Aggregate]:
        """The groups that combine the first metric."""
        if self._primary is None:
            return []
        made = [_aggregate(group, self._primary) for group in self._tasks.groups]
        return [aggregate for aggregate in made if aggregate is not None]


def _aggregate(group: LmEvalGroup, key: Key) -> Aggregate | None:
    for metric in group.metrics:
        if metric.metric == key[0] and (metric.filters is None or key[1] in metric.filters):
            make = micro if metric.is_by_size else macro
            return make(subset_name(group.name), of=[subset_name(task) for task in group.tasks])
    return None


def _run_of(instance: Instance) -> tuple[str, Any, int]:
    """Alike for neighbours that are asked together: log-likelihoods after one context."""
    if instance.kind == LIKELIHOOD:
        return instance.kind, instance.arguments[0], 0
    if instance.kind not in (ROLLING, GENERATE):
        raise ValueError(f"expected a request of a known kind, found {instance.kind!r}")
    return instance.kind, instance.arguments[0], id(instance)


def params_of(generation: Mapping[str, Any]) -> JsonObject:
    """The parameters of a request, as its chat client makes them of `generation_kwargs`."""
    given = dict(generation)
    given.pop("do_sample", None)
    until = given.pop("until", None)
    stops = [until] if isinstance(until, str) else list(until or ())
    most = given.pop("max_gen_toks", DEFAULTS["max_tokens"])
    params = {**DEFAULTS, "max_tokens": most, **given}
    return {**params, "stop": stops[:MOST_STOPS]} if stops else params


def _common_params(tasks: Sequence[LmEvalTask]) -> JsonObject:
    """Parameters that all chats of a benchmark have, which a profile and --eval-param may change; no stop texts."""
    if not tasks:
        return {}
    first, *others = [params_of(task.generation) for task in tasks]
    return {
        name: value
        for name, value in first.items()
        if name != "stop" and all(other.get(name, ...) == value for other in others)
    }


def _shown_target(task: LmEvalTask, doc: int) -> Any:
    target = task.target(doc)
    return target if isinstance(target, str | int | float | list) else None
