"""Reads the outputs of EvalScope: reports, reviews and predictions of report forms 1 and 2 (read in 1.1 and 1.14.1).

outputs/STAMP/configs/task_config.yaml
outputs/STAMP/reports/MODEL/BENCHMARK.json
outputs/STAMP/reviews/MODEL/BENCHMARK_SUBSET.jsonl
outputs/STAMP/predictions/MODEL/BENCHMARK_SUBSET.jsonl
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pytest_modeleval._support.suggest import hint
from pytest_modeleval.errors import RunFolderError
from pytest_modeleval.foreign_tasks.names import item_name, subset_name
from pytest_modeleval.imports.evalscope_config import Config, read_config
from pytest_modeleval.imports.messages import conversation, with_output
from pytest_modeleval.imports.reading import (
    count,
    files_in,
    folders_in,
    is_folder,
    json_file,
    json_lines,
    listed,
    number,
    scalars,
    table,
    text,
)
from pytest_modeleval.imports.records import ImportedBenchmark, ImportedItem, ImportedRun, OwnFigure
from pytest_modeleval.records import JsonObject, Kind, MeasureValue

TOOL = "EvalScope"
OVERALL = "OVERALL"
# Its reports round to four decimals, and what they combine from subsets a second time.
ROUNDED, ROUNDED_TWICE = 0.5e-4, 1e-4
_USABLE = frozenset({"", "success", "fallback"})
_STATUS_KINDS: Mapping[str, Kind] = {"transport_error": Kind.SERVER_ERROR}
_NOTE = (
    "EvalScope writes nothing of a sample that failed before it was answered: such samples are missing here, "
    "not ungraded"
)


def read_evalscope(path: Path, *, model: str | None = None) -> ImportedRun:
    """The outputs in a folder: that of one run, or one that holds a single one. Raises RunFolderError."""
    run = _run_folder(path)
    name = _model_folder(run, model)
    config = read_config(run)
    reports = [_Report(found) for found in _reports(run, name)]
    found = (_benchmark(run, name, report, config, reports) for report in reports)
    return ImportedRun(
        tool=TOOL,
        version=config.version,
        model=next((report.model for report in reports if report.model), name),
        benchmarks=found,
        started=_started(run),
        limit=config.limit,
        notes=[_NOTE],
    )


def _run_folder(path: Path) -> Path:
    if is_folder(path / "reviews"):
        return path
    if not path.is_dir():
        raise RunFolderError(f"expected a folder of EvalScope (outputs/STAMP), found {path}")
    inner = [folder for folder in folders_in(path) if is_folder(folder / "reviews")]
    if len(inner) == 1:
        return inner[0]
    if inner:
        names = ", ".join(folder.name for folder in inner[:5])
        raise RunFolderError(f"{path} holds {len(inner)} runs of EvalScope ({names}); name one of them")
    raise RunFolderError(f"expected a folder of EvalScope with reviews and reports, found {path} without reviews")


def _model_folder(run: Path, model: str | None) -> str:
    names = [folder.name for folder in folders_in(run / "reviews")]
    if model in names or (model is None and len(names) == 1):
        return model or names[0]
    if not names:
        raise RunFolderError(f"{run / 'reviews'}: expected a folder for each model, found none")
    asked = f"no reviews of {model!r}; {hint(model, names)}" if model else f"{len(names)} models"
    raise RunFolderError(f"{run / 'reviews'}: found {asked}; name one with --model ({', '.join(names[:5])})")


def _started(run: Path) -> str:
    """The name of the folder is the local time of the run."""
    with suppress(ValueError):
        return datetime.strptime(run.name, "%Y%m%d_%H%M%S").astimezone(UTC).isoformat().replace("+00:00", "Z")
    return ""


def _reports(run: Path, model: str) -> list[JsonObject]:
    folder = run / "reports" / model
    if not is_folder(run / "reports") or not is_folder(folder):
        raise RunFolderError(f"expected the reports of a finished run in {folder}, found no such folder")
    return [found for found in map(json_file, files_in(folder, ".json")) if "metrics" in found]


@dataclass(frozen=True, slots=True)
class _Report:
    """A report: what it says of a benchmark."""

    content: JsonObject

    @property
    def name(self) -> str:
        return text(self.content.get("dataset_name")) or text(self.content.get("name"))

    @property
    def model(self) -> str:
        return text(self.content.get("model_name"))

    def metrics(self) -> Iterator[tuple[str, JsonObject]]:
        """(name of the value in reviews, the metric), of those that are means."""
        for entry in map(table, listed(self.content.get("metrics"))):
            identity = table(entry.get("identity"))
            name = text(identity.get("name")) or re.sub(r"^mean_", "", text(entry.get("name")))
            if text(identity.get("aggregation")) in ("", "mean", "identity") and not table(identity.get("dimensions")):
                yield name, entry

    def left_out(self) -> Iterator[OwnFigure]:
        """Figures that are no means over samples, such as pass@k."""
        means = [id(entry) for _, entry in self.metrics()]
        for entry in map(table, listed(self.content.get("metrics"))):
            identity, value = table(entry.get("identity")), number(entry.get("score"))
            if id(entry) not in means and value is not None:
                axes = "".join(f", {axis}={step}" for axis, step in scalars(identity.get("dimensions")).items())
                yield OwnFigure(
                    OVERALL, f"{text(identity.get('name'))} ({text(identity.get('aggregation'))}{axes})", value
                )

    def lower_is_better(self) -> frozenset[str]:
        directions = {name: table(entry.get("semantics")).get("direction") for name, entry in self.metrics()}
        return frozenset(name for name, direction in directions.items() if direction == "lower_is_better")

    def subsets(self) -> list[str]:
        """In the order of the report."""
        return list(dict.fromkeys(text(part.get("name")) for _, entry in self.metrics() for part in _parts(entry)))

    def figures(self) -> Iterator[OwnFigure]:
        """Of every subset, category and of the whole."""
        for name, entry in self.metrics():
            for place, value, within in self._places(entry):
                if (found := number(value)) is not None:
                    yield OwnFigure(place, name, found, within)

    def groups(self) -> dict[str, tuple[str, ...]]:
        """The whole, and each category of several."""
        found: dict[str, tuple[str, ...]] = {}
        for _, entry in self.metrics():
            categories = list(map(table, listed(entry.get("categories"))))
            if len(list(_parts(entry))) > 1:
                found[OVERALL] = ()
            for category in categories if len(categories) > 1 else ():
                parts = tuple(subset_name(text(part.get("name"))) for part in _parts({"categories": [category]}))
                found.setdefault(_category(category), parts)
        return found

    def _places(self, entry: JsonObject) -> Iterator[tuple[str, Any, float]]:
        for part in _parts(entry):
            yield subset_name(text(part.get("name"))), part.get("score"), ROUNDED
        categories = list(map(table, listed(entry.get("categories"))))
        if len(list(_parts(entry))) > 1:
            yield OVERALL, entry.get("score"), ROUNDED_TWICE
        for category in categories if len(categories) > 1 else ():
            yield _category(category), category.get("score"), ROUNDED_TWICE


def _parts(entry: JsonObject) -> Iterator[JsonObject]:
    for category in map(table, listed(entry.get("categories"))):
        for part in map(table, listed(category.get("subsets"))):
            if not part.get("is_aggregate"):
                yield part


def _category(category: JsonObject) -> str:
    name = category.get("name")
    return "category " + "/".join(text(part) for part in (name if isinstance(name, list) else [name]))


def _benchmark(run: Path, model: str, report: _Report, config: Config, reports: Sequence[_Report]) -> ImportedBenchmark:
    names = [found.name for found in reports]
    # A subset of which nothing was graded has predictions alone.
    files = {
        subset: path.name
        for kind in ("predictions", "reviews")
        for subset, path in _files(run / kind / model, report.name, names).items()
    }
    order = [part for part in report.subsets() if part in files]
    subsets = {part: files[part] for part in (*order, *(part for part in files if part not in order))}
    return ImportedBenchmark(
        name=item_name("evalscope", report.name),
        task=report.name,
        version=f"evalscope-{config.version or 'unknown'}{config.benchmark_version(report.name)}",
        items=_items(_Outputs(run, model, subsets, config.repeats), [name for name, _ in report.metrics()]),
        figures=[*report.figures(), *report.left_out()],
        order=[name for name, _ in report.metrics()],
        lower_is_better=report.lower_is_better(),
        groups=report.groups(),
        params=config.params,
    )


def _files(folder: Path, benchmark: str, names: Sequence[str]) -> dict[str, Path]:
    """Subset -> its file. A file belongs to the benchmark with the longest name that it begins with."""
    found = {}
    for path in files_in(folder, ".jsonl") if is_folder(folder) else ():
        owner = max((name for name in names if path.stem.startswith(f"{name}_")), key=len, default="")
        if owner == benchmark:
            found[path.stem[len(owner) + 1 :]] = path
    return found


@dataclass(frozen=True, slots=True)
class _Outputs:
    """Where the samples of a benchmark are."""

    run: Path
    model: str
    subsets: Mapping[str, str]
    """Subset -> the name of its files."""
    repeats: int


def _items(outputs: _Outputs, metrics: Sequence[str]) -> Iterator[ImportedItem]:
    for subset, file in outputs.subsets.items():
        name = subset_name(subset)
        answered = outputs.run / "predictions" / outputs.model / file
        left = {_index(entry): _without_texts(table(entry.get("model_output"))) for entry in _lines(answered)}
        repeats: Counter[str] = Counter()
        for entry in _lines(outputs.run / "reviews" / outputs.model / file):
            item = _reviewed(name, entry, left.pop(_index(entry), {}), repeats)
            yield replace(item, values=_named(item.values, metrics))
        for entry in _lines(answered) if left else ():
            if _index(entry) in left:
                yield _unreviewed(name, entry, outputs.repeats)


def _lines(path: Path) -> Iterator[JsonObject]:
    """The lines of a file; none where it does not exist."""
    return json_lines(path) if os.path.lexists(path) else iter(())


def _index(entry: JsonObject) -> int:
    return count(entry.get("index")) or 0


def _named(values: Mapping[str, MeasureValue], metrics: Sequence[str]) -> Mapping[str, MeasureValue]:
    """The values by the names of the report, which calls "acc" accuracy: the one that no other name fits."""
    unknown = [name for name in values if name not in metrics]
    missing = [name for name in metrics if name not in values]
    if len(unknown) != 1 or len(missing) != 1:
        return values
    return {missing[0] if name == unknown[0] else name: value for name, value in values.items()}


def _without_texts(output: JsonObject) -> JsonObject:
    choice = table(next(iter(listed(output.get("choices"))), None))
    kept = {name: output.get(name) for name in ("model", "usage", "time", "error")}
    return {**kept, "choices": [{"stop_reason": choice.get("stop_reason")}]}


def _reviewed(subset: str, entry: JsonObject, output: JsonObject, repeats: Counter[str]) -> ImportedItem:
    found = table(entry.get("sample_score"))
    score = table(found.get("score"))
    values = {
        name[:200]: value for name, raw in table(score.get("value")).items() if (value := number(raw)) is not None
    }
    main = text(score.get("main_score_name"))
    if main in values:
        values = {main: values[main], **values}
    status = text(score.get("status"))
    is_usable = status in _USABLE
    messages, reply = conversation(entry.get("messages"))
    answer = score.get("extracted_prediction")
    sample = _sample(subset, found.get("group_id"), entry)
    repeat = count(found.get("generation_index"))
    repeats[sample] += 1
    return ImportedItem(
        subset=subset,
        sample=sample,
        repeat=repeats[sample] - 1 if repeat is None else repeat,
        values=values if is_usable else {},
        kind=None if values and is_usable else _STATUS_KINDS.get(status, Kind.GRADER_ERROR),
        has_answer=answer != "",
        answer=answer if isinstance(answer, str) else None,
        target=_target(entry.get("target")),
        cause="" if is_usable else status,
        explanation=text(score.get("explanation"), 2000) or text(table(score.get("judge_summary")).get("error"), 2000),
        messages=messages,
        reply=with_output(reply, output),
    )


def _unreviewed(subset: str, entry: JsonObject, repeats: int) -> ImportedItem:
    """An answer that was not graded. Repeats of a sample stand next to each other."""
    messages, reply = conversation(entry.get("messages"))
    output = table(entry.get("model_output"))
    error = text(output.get("error"), 2000)
    group, repeat = divmod(_index(entry), repeats)
    return ImportedItem(
        subset=subset,
        sample=_sample(subset, group, {}),
        repeat=repeat,
        kind=Kind.SERVER_ERROR if error else Kind.GRADER_ERROR,
        cause="model_error" if error else "no_review",
        explanation=error or "there is a prediction and no review",
        messages=messages,
        reply=None if error else with_output(reply, output),
    )


def _sample(subset: str, group: Any, entry: JsonObject) -> str:
    """As --eval-tasks numbers the samples of a subset; a sample that is asked several times has one id."""
    if isinstance(group, str) and group and not group.isdigit():
        return text(group)
    found = count(int(group)) if isinstance(group, str) and group.isdigit() else count(group)
    place = found if found is not None else count(entry.get("index")) or 0
    return f"{subset}-{place:04d}"


def _target(found: Any) -> str | None:
    if isinstance(found, list):
        return " | ".join(text(part, 200) for part in found[:10]) or None
    return text(found, 200) or None
