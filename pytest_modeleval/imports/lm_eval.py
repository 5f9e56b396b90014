"""Reads the outputs of lm-evaluation-harness that `--output_path DIR --log_samples` writes (read in 0.4.13).

    DIR/MODEL/results_TIME.json
    DIR/MODEL/samples_TASK_TIME.jsonl     a line for each document and filter

A value of a document is a number, a list of flags, or (log-likelihood, units); what else its aggregations take is not
carried over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pytest_modeleval.errors import RunFolderError
from pytest_modeleval.foreign_tasks.names import item_name, subset_name
from pytest_modeleval.imports.messages import sent
from pytest_modeleval.imports.reading import (
    count,
    decoded,
    files_in,
    folders_in,
    json_file,
    json_lines,
    listed,
    number,
    scalars,
    table,
    text,
)
from pytest_modeleval.imports.records import ImportedBenchmark, ImportedItem, ImportedRun, OwnFigure
from pytest_modeleval.metrics import Measure, bits, perplexity
from pytest_modeleval.records import JsonObject, MeasureValue

TOOL = "lm-eval"
_SHOWN_CHOICES = 26
_MOST_TEXT_CHARS = 4_000_000


def read_lm_eval(path: Path, *, model: str | None = None) -> ImportedRun:
    """The outputs of one run: its results file, or a folder with a single one. Raises RunFolderError."""
    file = _results_file(path, model)
    results = json_file(file)
    if not table(results.get("results")):
        raise RunFolderError(f"{file}: expected results of lm-eval, found no tasks")
    version = text(results.get("lm_eval_version"))
    stamp = file.stem.partition("_")[2]
    config = table(results.get("config"))
    limit = config.get("limit")
    return ImportedRun(
        tool=TOOL,
        version=version,
        model=text(results.get("model_name")) or file.parent.name,
        benchmarks=(_benchmark(file.parent, stamp, task, results) for task in _tasks(results)),
        started=_started(results),
        limit=None if limit is None else text(limit),
        notes=["lm-eval records no failed requests: a run with one ends without outputs"],
    )


def _results_file(path: Path, model: str | None) -> Path:
    if path.is_file():
        return path
    if not path.is_dir():
        raise RunFolderError(f"expected results_TIME.json of lm-eval or its folder (--output_path), found {path}")
    folders = [path, *(folder for folder in folders_in(path) if model in (None, folder.name))]
    found = [file for folder in folders for file in files_in(folder, ".json") if file.name.startswith("results_")]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(str(file.relative_to(path)) for file in found[:5])
        raise RunFolderError(f"{path} holds {len(found)} runs of lm-eval ({names}); name one of these files")
    raise RunFolderError(f"expected results_TIME.json of lm-eval, found none in {path}; --output_path writes it")


def _started(results: JsonObject) -> str:
    with suppress(TypeError, ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(float(results.get("date") or ""), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return ""


@dataclass(frozen=True, slots=True)
class _Task:
    """A group with its tasks, or a single task."""

    name: str
    leaves: tuple[str, ...]
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Group -> its tasks; empty for a single task."""


def _tasks(results: JsonObject) -> list[_Task]:
    """The groups that are in no other group, then tasks that are in no group."""
    known = table(results.get("results"))
    members = _members(results)
    leaves = {name: tuple(part for part in _leaves(name, members) if part in known) for name in members}
    groups = {name: parts for name, parts in leaves.items() if parts}
    inner = {part for parts in members.values() for part in parts}
    found = [_Task(name, parts, _groups_in(parts, groups)) for name, parts in groups.items() if name not in inner]
    grouped = {leaf for task in found for leaf in task.leaves}
    return [*found, *(_Task(name, (name,)) for name in known if name not in members and name not in grouped)]


def _members(results: JsonObject) -> dict[str, list[str]]:
    """Group -> its tasks and groups."""
    listed_parts = {name: listed(parts) for name, parts in table(results.get("group_subtasks")).items()}
    return {name: [part for part in parts if isinstance(part, str)] for name, parts in listed_parts.items() if parts}


def _groups_in(parts: Sequence[str], groups: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """The groups all of whose tasks are among these."""
    return {name: leaves for name, leaves in groups.items() if set(leaves) <= set(parts)}


def _leaves(name: str, members: Mapping[str, Sequence[str]]) -> list[str]:
    """The tasks of a group and of its groups, each once; a group that contains itself ends."""
    found: dict[str, None] = {}
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        at = waiting.pop()
        if at in seen:
            continue
        seen.add(at)
        if at in members:
            waiting.extend(reversed(members[at]))
        else:
            found[at] = None
    return list(found)


def _benchmark(folder: Path, stamp: str, task: _Task, results: JsonObject) -> ImportedBenchmark:
    files = {leaf: folder / f"samples_{_file_name(leaf)}_{stamp}.jsonl" for leaf in task.leaves}
    for leaf, file in files.items():
        if not file.exists():
            raise RunFolderError(f"expected the samples of {leaf} in {file}, found none; --log_samples writes them")
    labels = _Labels.of(task, results)
    sizes = table(results.get("n-samples"))
    versions = dict.fromkeys(text(table(results.get("versions")).get(leaf)) for leaf in task.leaves)
    figures = list(_figures(task, results, labels))
    return ImportedBenchmark(
        name=item_name("lm_eval", task.name),
        task=task.name,
        version=f"lm-eval-{text(results.get('lm_eval_version')) or 'unknown'}-task-{'+'.join(versions)}",
        items=_items(files, labels),
        figures=figures,
        order=list(dict.fromkeys(figure.measure for figure in figures)),
        lower_is_better=labels.lower_is_better,
        declared=labels.declared,
        groups={subset_name(group): tuple(map(subset_name, leaves)) for group, leaves in task.groups.items()},
        rows={subset_name(leaf): count(table(sizes.get(leaf)).get("original")) or 0 for leaf in task.leaves},
        params=scalars(table(table(results.get("configs")).get(task.leaves[0])).get("generation_kwargs")),
    )


def _file_name(task: str) -> str:
    """A task's name as a part of a file's; it leads nowhere else."""
    if "/" in task or task in (".", "..") or "\0" in task:
        raise RunFolderError(f"expected the name of a task, found {task!r:.80}, which is a path")
    return task


@dataclass(frozen=True, slots=True)
class _Labels:
    """How values of documents are named: the metric, and its filter where a task has several."""

    has_filters: bool
    lower_is_better: frozenset[str]
    declared: Mapping[str, Measure]

    @classmethod
    def of(cls, task: _Task, results: JsonObject) -> _Labels:
        known = table(results.get("results"))
        keys = [key for leaf in task.leaves for key in table(known.get(leaf)) if "," in key and "_stderr," not in key]
        has_filters = any(key.partition(",")[2] != "none" for key in keys)
        names = [key if has_filters else key.partition(",")[0] for key in keys]
        lower = _lower_is_better(task, results)
        declared = {name: _declared(name) for name in names}
        return cls(
            has_filters,
            frozenset(name for name in names if name.partition(",")[0] in lower),
            {name: measure for name, measure in declared.items() if measure is not None},
        )

    def name(self, metric: str, filtered: str) -> str:
        return f"{metric},{filtered}" if self.has_filters else metric


def _lower_is_better(task: _Task, results: JsonObject) -> set[str]:
    """The metrics of which the task says so."""
    directions = [table(table(results.get("higher_is_better")).get(leaf)) for leaf in task.leaves]
    return {name for found in directions for name, is_higher in found.items() if is_higher is False}


def _declared(name: str) -> Measure | None:
    """Of metrics whose values are (log-likelihood, units)."""
    metric = name.partition(",")[0]
    parts = {"loss": f"{name}.loss", "units": f"{name}.units"}
    if metric in ("word_perplexity", "byte_perplexity"):
        return perplexity(name, **parts)
    return bits(name, **parts) if metric == "bits_per_byte" else None


def _figures(task: _Task, results: JsonObject, labels: _Labels) -> Iterator[OwnFigure]:
    for place in (*task.leaves, *task.groups):
        for key, value in table(table(results.get("results")).get(place)).items():
            metric, sign, filtered = key.partition(",")
            found = number(value)
            if sign and not metric.endswith("_stderr") and found is not None:
                yield OwnFigure(subset_name(place), labels.name(metric, filtered), found)


def _items(files: Mapping[str, Path], labels: _Labels) -> Iterator[ImportedItem]:
    for task, file in files.items():
        # The lines of a filter stand together, so that a document's are far apart: the file is read twice.
        values: dict[int, dict[str, MeasureValue]] = {}
        for entry in json_lines(file):
            found, recorded = values.setdefault(_doc(entry), {}), _values(entry, labels)
            if found.keys() & recorded.keys():
                raise RunFolderError(f"{file}: expected a document once for each filter, found {_doc(entry)} twice")
            found.update(recorded)
        for entry in json_lines(file):
            if (known := values.pop(_doc(entry), None)) is not None:
                yield _item(subset_name(task), entry, known)


def _doc(entry: JsonObject) -> int:
    return count(entry.get("doc_id")) or 0


def _values(entry: JsonObject, labels: _Labels) -> dict[str, MeasureValue]:
    found: dict[str, MeasureValue] = {}
    for metric in listed(entry.get("metrics")):
        if isinstance(metric, str):
            found |= _recorded(labels.name(metric, text(entry.get("filter"))), entry.get(metric))
    return found


def _recorded(name: str, value: Any) -> dict[str, MeasureValue]:
    """A value of a document as measures record it; empty for one that is not carried over."""
    if not isinstance(value, list):
        single = number(value)
        return {} if single is None else {name: single}
    if _declared(name) is not None and len(value) == 2:
        pair = [number(part) for part in value]
        return {} if None in pair else {f"{name}.loss": -(pair[0] or 0.0), f"{name}.units": pair[1] or 0.0}
    if value and all(isinstance(flag, bool) or flag in ("True", "False") for flag in value):
        return {name: (float(sum(number(flag) == 1.0 for flag in value)), float(len(value)))}
    return {}


def _item(subset: str, entry: JsonObject, values: Mapping[str, MeasureValue]) -> ImportedItem:
    requests = [table(one) for one in table(entry.get("arguments")).values()]
    is_generated = bool(requests) and isinstance(requests[0].get("arg_1"), dict)
    said = _first_text(entry.get("resps")) if is_generated else ""
    filtered = _first_text(entry.get("filtered_resps")) if is_generated else ""
    return ImportedItem(
        subset=subset,
        sample=f"{subset}-{_doc(entry):04d}",
        values=values,
        has_answer=bool(said.strip()) if is_generated else True,
        answer=filtered if is_generated else None,
        target=text(entry.get("target"), 200) or None,
        explanation="" if is_generated else _choices(requests, entry.get("resps")),
        messages=_messages(requests[0].get("arg_0")) if requests else (),
        reply={"content": said} if is_generated else None,
    )


def _first_text(found: Any) -> str:
    while isinstance(found, list):
        found = found[0] if found else ""
    return found[:_MOST_TEXT_CHARS] if isinstance(found, str) else ""


def _messages(context: Any) -> tuple[JsonObject, ...]:
    """A prompt is a text, or a chat as JSON in a text or a list of one."""
    if isinstance(context, list) and context:
        context = context[0]
    if not isinstance(context, str):
        return ()
    if context.startswith("[{"):
        with suppress(ValueError):
            messages = listed(decoded(context.encode("utf-8", "replace")))
            return tuple(sent(message) for message in messages if isinstance(message, dict))
    return ({"role": "user", "content": context[:_MOST_TEXT_CHARS]},)


def _choices(requests: Sequence[JsonObject], resps: Any) -> str:
    """The log-probability of each continuation."""
    shown = []
    for request, found in zip(requests[:_SHOWN_CHOICES], listed(resps), strict=False):
        value = _first_number(found)
        continuation = text(request.get("arg_1"), 60)
        if value is not None:
            shown.append(f"{value:.4g}{f' {continuation!r}' if continuation else ''}")
    return f"log-probabilities: {', '.join(shown)}" if shown else ""


def _first_number(found: Any) -> float | None:
    while isinstance(found, list):
        found = found[0] if found else None
    return number(found)
