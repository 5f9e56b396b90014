"""The scores of indexes as JSON, in summary.json and in baseline files."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any

from pytest_modeleval._support.schema import TEXT, Rule, list_of, number, optional, required, table
from pytest_modeleval.records import JsonObject
from pytest_modeleval.run_figures import IndexPart, IndexScore

_ANY_TEXT = Rule("a text", lambda value: isinstance(value, str))
_SHARE = number(0.0, 1.0)
_WEIGHT = number(0.0, math.inf)
_FIGURES = {"score": optional(_SHARE), "low": optional(_SHARE), "high": optional(_SHARE)}
_PART = table(
    {
        "benchmark": required(TEXT),
        "version": required(_ANY_TEXT),
        "metric": required(TEXT),
        "weight": required(_WEIGHT),
        **_FIGURES,
    },
    is_closed=False,
)
# What `index_json` gives, in a list.
INDEXES_RULE = list_of(
    table(
        {
            "name": required(TEXT),
            **_FIGURES,
            "at_least": required(_SHARE),
            "at_most": required(_SHARE),
            "missing": required(list_of(TEXT)),
            "weights": required(table(entries=_WEIGHT)),
            "parts": required(list_of(_PART)),
        },
        is_closed=False,
    )
)


def index_json(found: IndexScore) -> JsonObject:
    """The score of an index as JSON."""
    return {
        "name": found.name,
        "identity": found.identity,
        "score": found.score,
        "low": found.low,
        "high": found.high,
        "partial": found.score is None,
        "at_least": found.at_least,
        "at_most": found.at_most,
        "missing": list(found.missing),
        "weights": dict(found.weights),
        "parts": [dataclasses.asdict(part) for part in found.parts],
    }


def indexes_from_json(entries: Iterable[Mapping[str, Any]]) -> tuple[IndexScore, ...]:
    """The reverse of `index_json`, of entries that INDEXES_RULE allows."""
    return tuple(map(_index, entries))


def _index(entry: Mapping[str, Any]) -> IndexScore:
    return IndexScore(
        name=entry["name"],
        weights=entry["weights"],
        parts=tuple(map(_part, entry["parts"])),
        score=entry.get("score"),
        low=entry.get("low"),
        high=entry.get("high"),
        at_least=entry["at_least"],
        at_most=entry["at_most"],
        missing=tuple(entry["missing"]),
    )


def _part(entry: Mapping[str, Any]) -> IndexPart:
    figures = (entry.get(name) for name in ("score", "low", "high"))
    return IndexPart(entry["benchmark"], entry["version"], entry["metric"], entry["weight"], *figures)
