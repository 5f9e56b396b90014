"""Reads logs of Inspect, format 2: .eval (a zip archive) and .json (read in 0.3.285).

A sample's values are those of its scorers, as numbers (C 1, P 0.5, I and N 0, yes and true 1). Several parts of a score
are `scorer/part`. Epochs are repeats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from pytest_modeleval.errors import RunFolderError
from pytest_modeleval.foreign_tasks.names import item_name, subset_name
from pytest_modeleval.imports.archive import Archive
from pytest_modeleval.imports.messages import conversation, with_output
from pytest_modeleval.imports.reading import (
    count,
    files_in,
    json_file,
    listed,
    number,
    scalars,
    table,
    text,
)
from pytest_modeleval.imports.records import ImportedBenchmark, ImportedItem, ImportedRun, OwnFigure
from pytest_modeleval.records import JsonObject, Kind, MeasureValue

TOOL = "Inspect"
_WORDS: Mapping[str, float] = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0, "yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}
_MEANS = ("accuracy", "mean")
_NOT_SENT = frozenset({"max_connections", "max_retries", "timeout", "attempt_timeout"})
_ATTACHMENT = "attachment://"
_MOST_ATTACHED_CHARS = 16_000_000
# Words of an error that comes from the model's server and not from the task.
_SERVER_WORDS = (
    "APIConnection",
    "APIStatus",
    "InternalServer",
    "RateLimit",
    "BadRequest",
    "ConnectError",
    "ConnectionError",
    "openai.",
)


@dataclass(frozen=True, slots=True)
class _Log:
    """A log: its header, and its samples one at a time."""

    path: Path
    header: JsonObject
    samples: Callable[[], Iterator[JsonObject]]

    @property
    def eval(self) -> JsonObject:
        return table(self.header.get("eval"))

    @property
    def model(self) -> str:
        return text(self.eval.get("model"))

    @property
    def task(self) -> str:
        return text(self.eval.get("task"))

    @property
    def created(self) -> str:
        return text(self.eval.get("created"))


def read_inspect(path: Path, *, model: str | None = None) -> ImportedRun:
    """A log, or the logs of a folder that asked one model; of several of one task the newest. Raises RunFolderError."""
    logs = [_open(file) for file in _log_files(path)]
    models = sorted({log.model for log in logs})
    if model is None and len(models) > 1:
        raise RunFolderError(f"{path}: found logs of {len(models)} models; name one with --model ({', '.join(models)})")
    chosen = {log.task: log for log in sorted(logs, key=lambda log: log.created) if model in (None, log.model)}
    if not chosen:
        raise RunFolderError(f"{path}: expected logs of {model!r}, found those of {', '.join(models)}")
    older = len([log for log in logs if model in (None, log.model)]) - len(chosen)
    first = min(chosen.values(), key=lambda log: log.created)
    limits = {text(table(log.eval.get("config")).get("limit")) for log in chosen.values()} - {""}
    return ImportedRun(
        tool=TOOL,
        version=text(table(first.eval.get("packages")).get("inspect_ai")),
        model=first.model.partition("/")[2] or first.model,
        benchmarks=(_benchmark(log) for log in chosen.values()),
        started=_utc(first.created),
        limit=min(limits, default=None),
        notes=[
            *([f"{older} older logs of the same tasks are left out"] if older else []),
            *_unfinished(chosen.values()),
        ],
    )


def _unfinished(logs: Iterable[_Log]) -> Iterator[str]:
    for log in logs:
        if (status := text(log.header.get("status")) or "started") != "success":
            yield f"the log of {log.task} was not finished; its status is {status!r}"


def _log_files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise RunFolderError(f"expected a log of Inspect (.eval, .json) or a folder with some, found {path}")
    found = [*files_in(path, ".eval"), *(file for file in files_in(path, ".json") if file.name != "logs.json")]
    if not found:
        raise RunFolderError(f"expected logs of Inspect (.eval, .json), found none in {path}")
    return found


def _open(path: Path) -> _Log:
    if path.suffix == ".json":
        whole = json_file(path)
        samples = [table(sample) for sample in listed(whole.pop("samples", None))]
        return _checked(_Log(path, whole, lambda: iter(samples)))
    with Archive(path) as archive:
        # A log that was not finished has the start of its header alone.
        name = "header.json" if "header.json" in archive.names else "_journal/start.json"
        return _checked(_Log(path, archive.json(name), partial(_archived, path)))


def _archived(path: Path) -> Iterator[JsonObject]:
    """The samples of an archive."""
    with Archive(path) as archive:
        for name in archive.names:
            if name.startswith("samples/") and name.endswith(".json"):
                yield archive.json(name)


def _checked(log: _Log) -> _Log:
    if not log.task or not log.model:
        raise RunFolderError(f"{log.path}: expected a log of Inspect with a task and a model, found none")
    return log


def _utc(created: str) -> str:
    with suppress(ValueError):
        return datetime.fromisoformat(created).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return ""


def _benchmark(log: _Log) -> ImportedBenchmark:
    subset = subset_name(log.task.rpartition("/")[2])
    dataset, config = table(log.eval.get("dataset")), table(log.eval.get("config"))
    ids = list(dict.fromkeys(text(sample) for sample in listed(dataset.get("sample_ids"))))
    package = text(table(log.eval.get("packages")).get("inspect_ai")) or "unknown"
    figures = list(_figures(subset, log))
    return ImportedBenchmark(
        name=item_name("inspect", log.task),
        task=log.task,
        version=f"inspect-{package}-task-{text(log.eval.get('task_version'))}",
        items=(_item(subset, sample) for sample in log.samples()),
        figures=figures,
        order=[*dict.fromkeys(figure.measure for figure in figures)],
        planned={subset: ids} if ids else {},
        repeats=min(max(1, count(config.get("epochs")) or 1), 1000),
        rows={subset: count(dataset.get("samples")) or 0},
        params={
            name: value
            for name, value in scalars(log.eval.get("model_generate_config")).items()
            if name not in _NOT_SENT
        },
    )


def _figures(subset: str, log: _Log) -> Iterator[OwnFigure]:
    """Means and accuracies under the name of the scorer, or of its part; other metrics under their own names."""
    for score in map(table, listed(table(log.header.get("results")).get("scores"))):
        name, scorer = text(score.get("name")), text(score.get("scorer"))
        # A second scorer of one name is "match1"; another name is that of a part.
        is_scorer = name == scorer or name.removeprefix(scorer).isdigit()
        label = name if is_scorer else f"{scorer}/{name}"
        for metric in map(table, table(score.get("metrics")).values()):
            kind, value = text(metric.get("name")).rpartition("/")[2], number(metric.get("value"))
            if value is not None and "std" not in kind and kind != "var":
                reducer = text(score.get("reducer"))
                is_mean = kind in _MEANS and reducer in ("", "mean")
                yield OwnFigure(
                    subset, label if is_mean else f"{label} ({', '.join(filter(None, [kind, reducer]))})", value
                )


def _item(subset: str, sample: JsonObject) -> ImportedItem:
    attachments = table(sample.get("attachments"))
    messages, reply = conversation(_Attached(attachments).filled(sample.get("messages")))
    scores = {name: table(score) for name, score in table(sample.get("scores")).items()}
    values = dict(_values(scores))
    first = next(iter(scores.values()), {})
    kind, cause, explanation = _failure(sample, values)
    answer = first.get("answer")
    return ImportedItem(
        subset=subset,
        sample=text(sample.get("id")),
        repeat=max(0, (count(sample.get("epoch")) or 1) - 1),
        values=values if kind is None else {},
        kind=kind,
        has_answer=first.get("value") != "N" and answer != "",
        answer=answer if isinstance(answer, str) else None,
        target=_target(sample.get("target")),
        cause=cause,
        explanation=explanation or text(first.get("explanation"), 2000),
        messages=messages,
        reply=with_output(reply, sample.get("output")),
    )


def _values(scores: Mapping[str, JsonObject]) -> Iterator[tuple[str, MeasureValue]]:
    for name, score in scores.items():
        value = score.get("value")
        if isinstance(value, dict):
            for part, one in value.items():
                if (found := _number(one)) is not None:
                    yield f"{name[:200]}/{part[:200]}", found
        elif (found := _number(value)) is not None:
            yield name[:200], found


def _number(value: Any) -> float | None:
    """As Inspect's value_to_float; None for what it cannot convert, which Inspect counts as 0."""
    if isinstance(value, str):
        return _WORDS.get(value, _WORDS.get(value.lower(), number(value)))
    return number(value)


def _failure(sample: JsonObject, values: Mapping[str, Any]) -> tuple[Kind | None, str, str]:
    """(why there is no verdict, cause, explanation); None for a sample with a score."""
    error = table(sample.get("error"))
    message = text(error.get("message"), 2000)
    if error:
        trace = f"{message} {text(error.get('traceback'), 100_000)}"
        if "Timeout" in trace:
            return Kind.TIMEOUT, "timeout", message
        is_server = any(word in trace for word in _SERVER_WORDS)
        return (Kind.SERVER_ERROR if is_server else Kind.GRADER_ERROR), "sample_error", message
    if values:
        return None, "", ""
    limit = text(table(sample.get("limit")).get("type"))
    if limit:
        return Kind.TIMEOUT if limit in ("time", "working") else Kind.GRADER_ERROR, f"{limit}_limit", ""
    return Kind.GRADER_ERROR, "no_score", "the log has no score of this sample"


def _target(found: Any) -> str | None:
    parts: Sequence[Any] = found if isinstance(found, list) else [found]
    return " | ".join(text(part, 200) for part in parts[:10]) or None


class _Attached:
    """Puts attachments of a sample where its messages refer to them, within a bound."""

    def __init__(self, attachments: Mapping[str, Any]) -> None:
        self._attachments = attachments
        self._left = _MOST_ATTACHED_CHARS

    def filled(self, messages: Any) -> list[JsonObject]:
        """The messages with their texts; parts of contents included."""
        return [self._filled(message) for message in listed(messages) if isinstance(message, dict)]

    def _filled(self, message: JsonObject) -> JsonObject:
        content = message.get("content")
        if isinstance(content, list):
            made: Any = [{name: self._text(value) for name, value in table(part).items()} for part in content]
        else:
            made = self._text(content)
        return {**message, "content": made}

    def _text(self, value: Any) -> Any:
        if not (isinstance(value, str) and value.startswith(_ATTACHMENT)):
            return value
        found = text(self._attachments.get(value.removeprefix(_ATTACHMENT)), _MOST_ATTACHED_CHARS)
        if len(found) > self._left:
            return "(attachments of this sample are too long to be imported)"
        self._left -= len(found)
        return found or "(an attachment that the log does not have)"
