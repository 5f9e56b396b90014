"""The gates of a summary.json, read back: verdicts with their evidence. The file may be anybody's."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from pytest_modeleval._support.bounded_file import read_bounded
from pytest_modeleval._support.schema import Rule, list_of, number, optional, required, table, validate
from pytest_modeleval.gate_evidence import MOST_CHANGES, ChangedQuestion, GateEvidence
from pytest_modeleval.results import GateVerdict
from pytest_modeleval.store.summary_file import SUMMARY_FILE

_MOST_BYTES = 64_000_000
_TEXT = Rule("a text", lambda value: isinstance(value, str))
_FIGURE = optional(number(-math.inf, math.inf))
_CHANGES = list_of(table(dict.fromkeys(("benchmark", "subset", "id", "old", "new"), required(_TEXT)), is_closed=False))
_TEXTS = ("name", "verdict", "reason", "kind", "measure", "point", "unit")
_FIGURES = (
    "score", "low", "high", "n", "p", "adjusted_p", "alpha", "limit", "detectable", "drop",
    "newly_wrong", "newly_right",
)  # fmt: skip
_COMMANDS = ("compare", "show", "note")
_EVIDENCE = table(
    {"newly_wrong": _CHANGES, "newly_right": _CHANGES, **dict.fromkeys(_COMMANDS, _TEXT)}, is_closed=False
)
_GATE = table(
    {
        **dict.fromkeys(_TEXTS[:3], required(_TEXT)),
        **dict.fromkeys(_TEXTS[3:], _TEXT),
        **dict.fromkeys(_FIGURES, _FIGURE),
        "evidence": optional(_EVIDENCE),
    },
    is_closed=False,
)
_SUMMARY = table({"gates": required(list_of(_GATE))}, is_closed=False)


def read_gates(folder: Path) -> tuple[GateVerdict, ...]:
    """The gates of a folder's summary.json; none where it has no usable one."""
    try:
        found = orjson.loads(read_bounded(folder / SUMMARY_FILE, _MOST_BYTES, follows_link=False))
    except (OSError, orjson.JSONDecodeError):
        return ()
    if next(validate(found, _SUMMARY), None) is not None:
        return ()
    return tuple(map(_gate, found["gates"]))


def _gate(entry: Mapping[str, Any]) -> GateVerdict:
    evidence = entry.get("evidence")
    fields = {name: entry[name] for name in (*_TEXTS, *_FIGURES) if name in entry}
    return GateVerdict(**fields, evidence=None if evidence is None else _evidence(evidence))


def _evidence(entry: Mapping[str, Any]) -> GateEvidence:
    return GateEvidence(
        _changes(entry, "newly_wrong"),
        _changes(entry, "newly_right"),
        **{name: entry[name] for name in _COMMANDS if name in entry},
    )


def _changes(entry: Mapping[str, Any], name: str) -> tuple[ChangedQuestion, ...]:
    found = entry.get(name, ())[:MOST_CHANGES]
    return tuple(
        ChangedQuestion(*(each[field] for field in ("benchmark", "subset", "id", "old", "new"))) for each in found
    )
