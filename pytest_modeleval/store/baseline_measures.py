"""Measures in a baseline file: declared ones, and recorded values: name -> one list for each repeat."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pytest_modeleval.metrics import Measure
from pytest_modeleval.plan import declared_from_json, declared_to_json
from pytest_modeleval.records import JsonObject, MeasureValue, Outcome
from pytest_modeleval.results import BenchmarkSummary
from pytest_modeleval.store.outcome_codec import measures_from_json

_METRIC = re.compile(r"mean_acc|acc|(pass@|pass\^|vote@)[1-9][0-9]{0,3}")


def measure_names(entry: BenchmarkSummary) -> list[str]:
    """The measures of a benchmark, its metric first where that is one."""
    is_measure = not _METRIC.fullmatch(entry.metric)
    return list(dict.fromkeys([*([entry.metric] if is_measure else []), *(found.name for found in entry.measures)]))


def check_metric(entry: Mapping[str, Any]) -> None:
    """Raises ValueError where the metric is none and no measure, or where the score of a metric is no share."""
    metric, name = entry["metric"], entry["benchmark"]
    if metric in entry.get("measures", ()):
        return
    if not _METRIC.fullmatch(metric):
        expected = 'expected a metric such as "mean_acc" or "pass@4", or one of its measures'
        raise ValueError(f"{name}: metric: {expected}, found {metric[:80]!r}")
    for part in entry["subsets"]:
        for key in ("score", "low", "high"):
            if part.get(key) is not None and not 0.0 <= part[key] <= 1.0:
                raise ValueError(f"{name}: {key}: expected a number from 0 to 1, found {part[key]!r}")


def declared_json(measures: Sequence[Measure]) -> JsonObject:
    """{"declared_measures": ...}, or nothing for a benchmark that declares none."""
    return {"declared_measures": declared_to_json(measures)} if measures else {}


def declared_measures(benchmarks: Iterable[Mapping[str, Any]]) -> dict[str, tuple[Measure, ...]]:
    """Benchmark -> its declared measures, of those that declare any; files of earlier versions hold none."""
    found = {entry["benchmark"]: entry.get("declared_measures") for entry in benchmarks}
    return {benchmark: declared_from_json(entries) for benchmark, entries in found.items() if entries}


def recorded_json(outcomes: Sequence[Outcome], place: Mapping[str, int], repeats: int) -> JsonObject:
    """{"measures": ...}, or nothing where no item recorded any. place: sample -> its place in the lists."""
    found: dict[str, list[list[Any]]] = {}
    for outcome in outcomes:
        if not outcome.kind.is_verdict:
            continue
        for name, value in (outcome.measures or {}).items():
            rows = found.setdefault(name, [[None] * len(place) for _ in range(repeats)])
            rows[outcome.key.repeat][place[outcome.key.sample]] = list(value) if isinstance(value, tuple) else value
    return {"measures": {name: found[name] for name in sorted(found)}} if found else {}


def recorded_measures(
    part: Mapping[str, Any], samples: Sequence[str]
) -> dict[tuple[int, str], dict[str, MeasureValue]]:
    """(repeat, sample) -> what it recorded. Raises ValueError where the lists do not fit the outcomes."""
    values: dict[tuple[int, str], dict[str, Any]] = {}
    for name, rows in part.get("measures", {}).items():
        if not isinstance(rows, list) or len(rows) != len(part["outcomes"]):
            raise ValueError(f"{part['subset']}: measure {name[:80]!r}: expected one list for each repeat")
        for repeat, row in enumerate(rows):
            if not isinstance(row, list) or len(row) != len(samples):
                raise ValueError(f"{part['subset']}: measure {name[:80]!r}: expected {len(samples)} values")
            for sample, value in zip(samples, row, strict=True):
                if value is not None:
                    values.setdefault((repeat, sample), {})[name] = value
    try:
        return {item: measures_from_json(entry) or {} for item, entry in values.items()}
    except TypeError as error:
        raise ValueError(f"{part['subset']}: measures: {error}") from error
