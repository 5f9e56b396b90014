"""summary.json: a RunSummary for machines. Schema 1, described in docs/run-folder.md and summary.schema.json."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from pytest_modeleval._support.atomic_file import atomic_write_json
from pytest_modeleval.records import JsonObject
from pytest_modeleval.results import (
    SHARE,
    AggregateScore,
    BenchmarkSummary,
    MeasureScore,
    RunSummary,
    Scale,
    Score,
)
from pytest_modeleval.run_figures import RequestFigures
from pytest_modeleval.store.index_json import index_json

SUMMARY_FILE = "summary.json"
SCHEMA_FILE = Path(__file__).with_name("summary.schema.json")


def summary_json(summary: RunSummary) -> JsonObject:
    """The summary as JSON. Scores are not rounded."""
    return {
        "schema": 1,
        "model": summary.model,
        "complete": summary.is_complete,
        "benchmarks": [_benchmark(entry) for entry in summary.benchmarks],
        "gates": [dataclasses.asdict(gate) for gate in summary.gates],
        "run": dict(summary.facts),
        **({"requests": [_requests(found) for found in summary.requests]} if summary.requests else {}),
        **({"indexes": [index_json(found) for found in summary.indexes]} if summary.indexes else {}),
        **({"saved": dataclasses.asdict(summary.saved)} if summary.saved is not None else {}),
    }


def _benchmark(entry: BenchmarkSummary) -> JsonObject:
    return {
        "benchmark": entry.benchmark,
        "version": entry.version,
        "metric": entry.metric,
        "subsets": [_subset(score) for score in entry.subsets],
        "aggregates": [_aggregate(score) for score in entry.aggregates],
        "parts": [
            {"by": part.by, "group": part.group, "metric": part.metric, **_subset(part.score)} for part in entry.parts
        ],
        "measures": [_measure(measure) for measure in entry.measures],
        **({"excluded": dict(entry.excluded)} if entry.excluded else {}),
        **({"points": [point.to_json() for point in entry.points]} if entry.points else {}),
        **({} if entry.scale == SHARE else _scale(entry.scale)),
    }


def write_summary(folder: Path, summary: RunSummary, *, keep_old: bool = False) -> Path:
    """Write summary.json. keep_old: an existing one is first moved to summary.1.json, summary.2.json, ..."""
    path = folder / SUMMARY_FILE
    if keep_old and path.exists():
        number = 1
        while (folder / f"summary.{number}.json").exists():
            number += 1
        path.rename(folder / f"summary.{number}.json")
    atomic_write_json(path, summary_json(summary))
    return path


def _subset(score: Score) -> JsonObject:
    return {
        "subset": score.subset,
        "num": score.num,
        "planned": score.planned,
        "repeats": score.repeats,
        "score": score.score,
        "low": score.low,
        "high": score.high,
        "interval": score.method,
        "counts": {kind.value: count for kind, count in score.counts.items()},
        "if_ungraded_wrong": score.if_ungraded_wrong,
        "if_ungraded_right": score.if_ungraded_right,
        "suspicious": score.is_suspicious,
        "causes": dict(score.causes),
        "marks": dict(score.marks),
        "spared": score.stopped_early,
    }


def _measure(measure: MeasureScore) -> JsonObject:
    score = measure.score
    return {
        "subset": score.subset,
        "name": measure.name,
        "method": measure.method,
        **_scale(measure.scale),
        "num": score.num,
        "score": score.score,
        "low": score.low,
        "high": score.high,
        "interval": score.method,
    }


def _requests(found: RequestFigures) -> JsonObject:
    entry = dataclasses.asdict(found)
    entry["tokens"] = {kind: entry.pop(f"tokens_{kind}") for kind in ("in", "out", "thinking", "cached")}
    return entry


def _scale(scale: Scale) -> JsonObject:
    return {"higher_is_better": scale.is_higher_better, "range": [scale.low, scale.high], "unit": scale.unit}


def _aggregate(score: AggregateScore) -> JsonObject:
    return {
        "name": score.name,
        "num": score.num,
        "score": score.score,
        "low": score.low,
        "high": score.high,
        "partial": score.is_partial,
        "at_least": score.at_least,
        "at_most": score.at_most,
        "missing": list(score.missing),
        "note": score.note,
        "official": score.is_official,
    }
