"""Outcomes as JSON: the one form for journal lines and for what pytest's reports carry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_modeleval.records import ItemKey, JsonObject, Kind, MeasureValue, Outcome, is_measure_value

# By its text; calling the class costs more than the rest of the decoding.
KINDS = {kind.value: kind for kind in Kind}
# Of repeats, tokens and invocations: anything larger is damage.
MAX_COUNT = 10**12
_TEXTS = ("answer", "cause", "explanation", "target", "cluster", "finish_reason", "prompt")


def outcome_to_json(outcome: Outcome) -> JsonObject:
    """All of an outcome but its request key, which a journal line has as "key"."""
    entry = brief_outcome_to_json(outcome)
    if outcome.target:
        entry["target"] = outcome.target
    if outcome.finish_reason:
        entry["finish_reason"] = outcome.finish_reason
    if outcome.prompt:
        entry["prompt"] = outcome.prompt
    entry["answer"] = outcome.answer
    entry["explanation"] = outcome.explanation
    if outcome.marks:
        entry["marks"] = list(outcome.marks)
    return entry


def measures_from_json(entry: Any) -> dict[str, MeasureValue] | None:
    """Recorded measures of an outcome, None for none. Raises TypeError or ValueError where they are damaged."""
    if entry is None:
        return None
    if not isinstance(entry, dict):
        raise TypeError
    found = {name: tuple(value) if isinstance(value, list) else value for name, value in entry.items()}
    if not all(is_measure_value(value) for value in found.values()):
        raise ValueError
    return found


def brief_outcome_to_json(outcome: Outcome) -> JsonObject:
    """What gates, counters and tables need of an outcome: no text of the model, so that it is small and bounded."""
    key = outcome.key
    entry: JsonObject = {
        "benchmark": key.benchmark,
        "subset": key.subset,
        "sample": key.sample,
        "repeat": key.repeat,
        "kind": outcome.kind._value_,
        "value": outcome.value,
        "cause": outcome.cause,
    }
    if outcome.cluster:
        entry["cluster"] = outcome.cluster
    if outcome.completion_tokens is not None:
        entry["completion_tokens"] = outcome.completion_tokens
    if outcome.total_s is not None:
        entry["total_s"] = outcome.total_s
    if outcome.measures:
        entry["measures"] = outcome.measures
    return entry


def outcome_from_json(entry: Mapping[str, Any], *, request_key: str = "") -> Outcome:
    """The reverse of both. Raises KeyError, TypeError or ValueError where a field is missing or damaged."""
    _check(entry)
    names = entry["benchmark"], entry["subset"], entry["sample"]
    repeat, value = entry["repeat"], entry["value"]
    tokens, seconds = entry.get("completion_tokens"), entry.get("total_s")
    return Outcome(
        key=ItemKey(*names, repeat),
        kind=KINDS[entry["kind"]],
        value=float(value),
        answer=entry.get("answer"),
        cause=entry.get("cause") or "",
        explanation=entry.get("explanation") or "",
        target=entry.get("target"),
        cluster=entry.get("cluster") or "",
        finish_reason=entry.get("finish_reason"),
        completion_tokens=tokens,
        total_s=seconds,
        request_key=request_key,
        marks=tuple(entry.get("marks") or ()),
        prompt=entry.get("prompt") or "",
        measures=measures_from_json(entry.get("measures")),
    )


def item_key(entry: Mapping[str, Any]) -> ItemKey:
    """The item that a line names. Raises KeyError, TypeError or ValueError where a field is missing or damaged."""
    names = entry["benchmark"], entry["subset"], entry["sample"]
    if not all(isinstance(name, str) for name in names):
        raise TypeError
    if not _is_count(entry["repeat"]):
        raise ValueError
    return ItemKey(*names, entry["repeat"])


def _check(entry: Mapping[str, Any]) -> None:
    names = entry["benchmark"], entry["subset"], entry["sample"]
    texts = (*names, entry["kind"], *(entry.get(name) or "" for name in _TEXTS), *(entry.get("marks") or ()))
    if not all(isinstance(text, str) for text in texts):
        raise TypeError
    value = entry["value"]
    if not (_is_number(value) and 0.0 <= value <= 1.0 and _is_count(entry["repeat"])):
        raise ValueError
    _check_usage(entry)


def _check_usage(entry: Mapping[str, Any]) -> None:
    tokens, seconds = entry.get("completion_tokens"), entry.get("total_s")
    if not (tokens is None or _is_count(tokens)):
        raise ValueError
    if not (seconds is None or (_is_number(seconds) and seconds >= 0.0)):
        raise ValueError


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_COUNT
