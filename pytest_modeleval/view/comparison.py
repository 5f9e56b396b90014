"""Two or more runs side by side, as the page of the comparison reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from pytest_modeleval.gates.changes import ByQuestion, by_question, result_text
from pytest_modeleval.gates.compare import ComparedScope, Difference, compare
from pytest_modeleval.gates.compare_indexes import (
    ComparedIndex,
    IndexDifference,
    compare_indexes,
    index_difference_text,
)
from pytest_modeleval.gates.compare_measures import ComparedMeasure, MeasureDifference, change_text, compare_measures
from pytest_modeleval.gates.compare_points import compare_points, points_json
from pytest_modeleval.gates.compare_text import difference_text, letter
from pytest_modeleval.metrics import Measure
from pytest_modeleval.records import JsonObject
from pytest_modeleval.results import Baseline
from pytest_modeleval.run_figures import IndexScore
from pytest_modeleval.runs.sides import read_side

MOST_SIDES = 6
# Far above what two runs of a benchmark have; a page says how many are left out.
MOST_CHANGES = 50_000


def comparison_json(paths: Mapping[str, Path], names: Sequence[str]) -> JsonObject:
    """The comparison. paths: key -> run folder, in the order of the sides. names: how the page calls them.

    Each changed question is named once, with the first difference that covers it: that of the whole benchmark.
    Raises RunFolderError for a folder that cannot be read.
    """
    sides = [read_side(path) for path in paths.values()]
    scopes = compare(sides)
    changes = _changes(scopes, [by_question(side.outcomes) for side in sides])
    return {
        "schema": 1,
        "sides": [
            {"key": key, "letter": letter(number), "name": names[number], "model": side.model, "started": side.made_utc}
            for number, (key, side) in enumerate(zip(paths, sides, strict=True))
        ],
        "scopes": [_scope(scope) for scope in scopes],
        "measures": [_measure(found) for found in compare_measures(sides)],
        "points": points_json(compare_points(sides), [letter(number) for number in range(len(sides))]),
        "indexes": [_index(found) for found in compare_indexes(sides)],
        "changes": list(islice(changes, MOST_CHANGES)),
        "left_out": sum(1 for _ in changes),
        "warnings": [f"{letter(number)}: {note}" for number, note in enumerate(map(_damage, sides)) if note],
    }


def _damage(side: Baseline) -> str:
    return str(side.facts.get("damage") or "")


def _scope(scope: ComparedScope) -> JsonObject:
    return {
        "benchmark": scope.benchmark,
        "subset": scope.subset,
        "scores": scope.scores,
        "questions": scope.questions,
        "differences": [_difference(found) for found in scope.differences],
        "notes": [*scope.obstacles, *scope.remarks],
    }


def _difference(found: Difference) -> JsonObject:
    return {
        "first": found.first,
        "second": found.second,
        "n": found.n,
        "change": found.change,
        "low": found.low,
        "high": found.high,
        "newly_wrong": found.losses,
        "newly_right": found.gains,
        "p": found.adjusted_p,
        "sentence": difference_text(found),
    }


def _measure(found: ComparedMeasure) -> JsonObject:
    measure = found.measure
    return {
        "benchmark": found.benchmark,
        "subset": found.subset,
        "name": measure.name,
        "share": measure.scale.is_share,
        "unit": measure.unit,
        "higher_is_better": measure.is_higher_better,
        "figures": [{"value": figure.value, "n": figure.num} for figure in found.figures],
        "differences": [_measure_difference(difference, measure) for difference in found.differences],
        "notes": list(found.obstacles),
    }


def _measure_difference(found: MeasureDifference, measure: Measure) -> JsonObject:
    return {
        "first": found.first,
        "second": found.second,
        "n": found.n,
        "change": found.change,
        "low": found.low,
        "high": found.high,
        "p": found.adjusted_p,
        "sentence": f"{letter(found.first)} to {letter(found.second)}: {change_text(found, measure)}",
    }


def _index(found: ComparedIndex) -> JsonObject:
    return {
        "name": found.name,
        "scores": [None if score is None else _index_score(score) for score in found.scores],
        "differences": [_index_difference(difference) for difference in found.differences],
    }


def _index_score(found: IndexScore) -> JsonObject:
    return {
        "score": found.score,
        "at_least": found.at_least,
        "at_most": found.at_most,
        "missing": list(found.missing),
        "identity": found.identity,
    }


def _index_difference(found: IndexDifference) -> JsonObject:
    return {
        "first": found.first,
        "second": found.second,
        "change": found.change,
        "low": found.low,
        "high": found.high,
        "sentence": f"{letter(found.first)} to {letter(found.second)}: {index_difference_text(found)}",
    }


def _changes(scopes: Sequence[ComparedScope], questions: Sequence[ByQuestion]) -> Iterator[JsonObject]:
    """A row for each question that changed between two sides, with the results of all sides."""
    seen: set[str] = set()
    for scope in scopes:
        if scope.benchmark in seen:
            continue
        seen.add(scope.benchmark)
        for found in scope.differences:
            lost, gained = found.flips[: found.losses], found.flips[found.losses :]
            for direction, flips in (("wrong", lost), ("right", gained)):
                for question in flips:
                    place = (scope.benchmark, question)
                    yield {
                        "pair": [found.first, found.second],
                        "is": direction,
                        "benchmark": scope.benchmark,
                        "subset": question[0],
                        "sample": question[1],
                        "results": [result_text(side[place]) if place in side else "" for side in questions],
                    }
