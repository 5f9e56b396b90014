"""The pieces of HTML reports: items that pytest-html shows, charts as coordinates, run facts as rows. Pure, no HTML."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pytest_modeleval._support.item_id import item_id
from pytest_modeleval._support.shorten import shorten
from pytest_modeleval.records import ItemKey, Kind
from pytest_modeleval.reports.table_rows import ScoreRow

CHART_WIDTH = 220
_MARGIN = 10
_MAX_ROWS = 80
_MAX_VALUE = 400
_MAX_DEPTH = 6
_SECRET = re.compile(
    r"api_?key\Z|secret|passw|authorization|bearer|(^|[._])(access|auth|hf|api)_?token\Z", re.IGNORECASE
)
_SERVER = ("model", "server", "identity", "profile")
_ASKED = (
    "params",
    "profile_params",
    "user_params",
    "model_set",
    "system",
    "tool_calls",
    "context_tokens",
    "limit",
    "repeats",
    "shard",
    "in_flight",
    "only",
)
_SHORT_KEYS = ("schema", "complete", "resume_key")


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleView:
    """One item as a reader sees it: an outcome with what was asked and what came back.

    target: the expected answer, any JSON value. request_messages: chat messages as sent. content, reasoning: as they
    came over the wire. tool_calls: ToolCall records, or mappings in the wire's form. tools: the functions that were
    offered, as sent. tokens: completion tokens.
    has_repeats: samples of its benchmark are asked several times.
    """

    key: ItemKey
    kind: Kind
    value: float = 0.0
    answer: str | None = None
    cause: str = ""
    explanation: str = ""
    target: Any = None
    request_messages: Sequence[Mapping[str, Any]] = ()
    content: str = ""
    reasoning: str = ""
    tool_calls: Sequence[Any] = ()
    tools: Sequence[Any] = ()
    finish_reason: str | None = None
    tokens: int | None = None
    total_s: float | None = None
    has_repeats: bool = False

    @property
    def name(self) -> str:
        """What pytest's id of the item has in brackets."""
        return item_id(self.key.sample, self.key.repeat, has_repeats=self.has_repeats)


@dataclass(slots=True)
class Selection:
    """The items that pytest-html's page shows, by (benchmark, subset) in the order they came; and the counts of all.

    not_right: items that are not right, shown or not.
    """

    groups: dict[tuple[str, str], list[SampleView]] = field(default_factory=dict)
    total: int = 0
    not_right: int = 0

    @property
    def shown(self) -> int:
        """How many items are shown."""
        return sum(len(group) for group in self.groups.values())

    def samples_of(self, benchmark: str, subset: str) -> list[SampleView]:
        """The shown items of a subset."""
        return self.groups.get((benchmark, subset), [])


def select_samples(samples: Iterable[SampleView], most: int) -> Selection:
    """The items that are not right, at most `most` of them and as evenly from every subset as there are.

    Reads the samples once and keeps no more than `most` at a time. Of each subset its first ones are kept.
    """
    chosen = Selection()
    for view in samples:
        chosen.total += 1
        if view.kind is Kind.RIGHT:
            continue
        chosen.not_right += 1
        group = chosen.groups.setdefault((view.key.benchmark, view.key.subset), [])
        kept = chosen.shown
        if kept < most:
            group.append(view)
            continue
        largest = max(chosen.groups.values(), key=len)
        if len(largest) > len(group) + 1:
            largest.pop()
            group.append(view)
    return chosen


@dataclass(frozen=True, slots=True)
class Chart:
    """The interval of one row on the axis from 0 to 1, in the units of the drawing; None where there is none.

    is_bound: low and high bound an unknown whole; there is no score between them to mark.
    """

    low: float | None
    high: float | None
    dot: float | None
    is_bound: bool


def chart(row: ScoreRow) -> Chart:
    """Where the interval and the score of a row lie on the axis; nowhere for a figure that is no share."""
    if not row.scale.is_share:
        return Chart(None, None, None, is_bound=False)
    return Chart(_x(row.low), _x(row.high), _x(row.value), row.is_partial)


def axis_ticks() -> list[tuple[float, str]]:
    """Positions and labels of the axis."""
    return [(_MARGIN + tick * (CHART_WIDTH - 2 * _MARGIN), label) for tick, label in ((0, "0"), (0.5, "0.5"), (1, "1"))]


def count_bar(counts: Mapping[Kind, int]) -> list[tuple[Kind, int, float, float]]:
    """(kind, items, start, length) of the bar of counts; start and length in thousandths of its width."""
    total = sum(counts.values())
    bar, start = [], 0.0
    for kind, count in counts.items():
        if count:
            length = 1000.0 * count / total
            bar.append((kind, count, round(start, 2), round(length, 2)))
            start += length
    return bar


def _other(run: Mapping[str, Any], invocations: int) -> dict[str, Any]:
    """The fields of run.json that no other section shows."""
    used = {*_ASKED, *_SERVER, "benchmarks", "invocations", *_SHORT_KEYS}
    counted = {"runs of this folder": invocations} if invocations > 1 else {}
    return {**counted, **{key: value for key, value in run.items() if key not in used}}


def run_sections(run: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """run.json as (heading, rows of name and value). What is not known by name comes under "Other"."""
    invocations = _invocations(run)
    last = invocations[-1] if invocations else {}
    known = {
        "Model and server": {key: _server(run) if key == "server" else run[key] for key in _SERVER if key in run},
        "What was asked": {key: run[key] for key in _ASKED if key in run},
        "Benchmarks and data": run.get("benchmarks") or {},
        "Command and versions": last if isinstance(last, Mapping) else {},
        "Other": _other(run, len(invocations)),
    }
    sections = [(heading, _bounded(_flat(content))) for heading, content in known.items()]
    return [(heading, rows) for heading, rows in sections if rows]


def _invocations(run: Mapping[str, Any]) -> Sequence[Any]:
    found = run.get("invocations")
    return found if isinstance(found, Sequence) else ()


def _server(run: Mapping[str, Any]) -> Any:
    """What is known of the server, without an identity that the run has too."""
    server = run["server"]
    if isinstance(server, Mapping) and server.get("identity") == run.get("identity"):
        return {key: value for key, value in server.items() if key != "identity"}
    return server


def _bounded(rows: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    kept: list[tuple[str, str]] = []
    left = 0
    for row in rows:
        if len(kept) < _MAX_ROWS:
            kept.append(row)
        else:
            left += 1
    return [*kept, ("...", f"{left} more lines in run.json")] if left else kept


def _flat(value: Any, name: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and value and depth < _MAX_DEPTH:
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key), depth + 1)
    elif name and value not in (None, "", {}, [], ()):
        # Keys are cleaned away before anything is stored; this is for a field that should not be there at all.
        yield name, "***" if _SECRET.search(name) else _value_text(value)


def _value_text(value: Any) -> str:
    if isinstance(value, str):
        text = value
    elif isinstance(value, Sequence) and all(isinstance(entry, str) for entry in value):
        text = " ".join(value)
    else:
        text = json.dumps(value, ensure_ascii=False, default=str)
    return shorten(text, _MAX_VALUE)


def _x(value: float | None) -> float | None:
    return None if value is None else round(_MARGIN + value * (CHART_WIDTH - 2 * _MARGIN), 1)
