"""Operating points in files that may be anybody's: the rule that they are checked by, and what a baseline keeps."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from pytest_modeleval._support.schema import (
    BOOLEAN,
    TABLE,
    TEXT,
    Rule,
    number,
    optional,
    required,
    table,
    whole_number,
)
from pytest_modeleval.records import JsonObject
from pytest_modeleval.stress.point import PointResult

MOST_POINTS = 1_000
_MOST_BLOCKS = 1_000
_ANY_TEXT = Rule("a text", lambda value: isinstance(value, str))
_FIGURE = number(-math.inf, math.inf)
_AMOUNT = number(0.0, math.inf)
_COUNT = whole_number(0, 10**12)
_BLOCKS = Rule(
    f"a list of at most {_MOST_BLOCKS:,} numbers",
    lambda value: isinstance(value, list) and len(value) <= _MOST_BLOCKS,
    entries=_FIGURE,
)
_POINT_FIGURE = table(
    {
        "value": required(optional(_FIGURE)),
        "low": optional(_FIGURE),
        "high": optional(_FIGURE),
        "num": required(_COUNT),
        "effective": optional(_AMOUNT),
        "unit": _ANY_TEXT,
        "is_higher_better": BOOLEAN,
        "blocks": _BLOCKS,
        "missing": _ANY_TEXT,
    }
)
_POINT = table(
    {
        "point": required(TEXT),
        "workload": required(_ANY_TEXT),
        "load": required(_ANY_TEXT),
        "concurrency": optional(_COUNT),
        "rate": optional(_AMOUNT),
        "seconds": required(_AMOUNT),
        "steady_s": required(_AMOUNT),
        "sent": required(_COUNT),
        "complete": required(_COUNT),
        "failures": table(entries=_COUNT),
        "figures": table(entries=_POINT_FIGURE),
        "facts": TABLE,
        "role": _ANY_TEXT,
        "unjudged": _ANY_TEXT,
    },
    is_closed=False,
)
POINTS_RULE = Rule(
    f"a list of at most {MOST_POINTS:,} operating points",
    lambda value: isinstance(value, list) and len(value) <= MOST_POINTS,
    entries=_POINT,
)


def kept_points(results: Iterable[PointResult]) -> list[JsonObject]:
    """What a baseline keeps of each point: its figures with their blocks to six digits, no curves and no timeline."""
    return [
        replace(
            result,
            curves={},
            timeline=(),
            figures={
                name: replace(figure, blocks=tuple(float(f"{block:.6g}") for block in figure.blocks))
                for name, figure in result.figures.items()
            },
        ).to_json()
        for result in results
    ]


def points_by_benchmark(entries: Iterable[Mapping[str, Any]]) -> dict[str, tuple[PointResult, ...]]:
    """Benchmark -> its points, from the benchmarks of a file that follows the rule. Raises ValueError."""
    return {
        entry["benchmark"]: tuple(map(PointResult.from_json, entry["points"]))
        for entry in entries
        if entry.get("points")
    }
