"""Recorded traffic: when requests came, how long they and their replies were, and which beginnings they shared.

Two forms, one JSON object a line. Mooncake's (github.com/kvcache-ai/Mooncake):

    {"timestamp": 27482, "input_length": 6955, "output_length": 52, "hash_ids": [46, 47, 48]}

timestamp in milliseconds; each hash id stands for a block of 512 tokens, and the same id for the same text. And ours:

    {"at_s": 1.5, "input_tokens": 512, "output_tokens": 128, "session": "a", "think_s": 2, "messages": [...],
     "tools": [...]}

of which every key but the input is optional: `input_tokens`, or `messages` with the real prompt. A file of lengths has
the same lines, or lines with two numbers: tokens of the prompt, tokens of the reply.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

BLOCK_TOKENS = 512
_PAIR = re.compile(r"\s*(\d+)[\s,;]+(\d+)\s*")
_MOST_TOKENS = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceRow:
    """One recorded request."""

    at_s: float | None = None
    """Seconds; None where the file has no times."""
    input_tokens: int | None = None
    """None for a real prompt whose length is not given."""
    output_tokens: int | None = None
    block_ids: tuple[int, ...] = ()
    """Blocks of BLOCK_TOKENS tokens; rows that begin with the same ids begin with the same text."""
    session: str | None = None
    think_s: float = 0.0
    """Pause of the user before this request, after the reply to the one before it in its session."""
    messages: tuple[Mapping[str, Any], ...] = ()
    """The real prompt, if it was recorded; of a later turn, the new messages only."""
    tools: tuple[Mapping[str, Any], ...] = ()


def read_trace(lines: Iterable[str], *, needs_times: bool = True) -> list[TraceRow]:
    """The rows of a trace, in the order of their times, which start at 0.

    needs_times: False for a file of lengths. Raises ValueError with the number of the line for a line of another form,
    and for a file without rows.
    """
    rows = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                rows.append(_row(line, needs_times=needs_times))
            except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
                raise ValueError(f"line {number}: {error}; found {line.strip()[:80]!r}") from error
    if not rows:
        raise ValueError("expected at least one line with a request, found none")
    return _from_zero(rows) if needs_times else rows


def _from_zero(rows: Sequence[TraceRow]) -> list[TraceRow]:
    ordered = sorted(rows, key=lambda row: row.at_s or 0.0)
    start = ordered[0].at_s or 0.0
    return [replace(row, at_s=(row.at_s or 0.0) - start) for row in ordered]


def _row(line: str, *, needs_times: bool) -> TraceRow:
    if not needs_times and (pair := _PAIR.fullmatch(line)):
        return TraceRow(input_tokens=_tokens(int(pair[1])), output_tokens=_tokens(int(pair[2])))
    entry = json.loads(line)
    if not isinstance(entry, dict):
        raise ValueError("expected a JSON object")
    row = _mooncake_row(entry) if "input_length" in entry else _own_row(entry)
    if needs_times and row.at_s is None:
        raise ValueError("expected a time, `timestamp` in milliseconds or `at_s` in seconds")
    return row


def _mooncake_row(entry: Mapping[str, Any]) -> TraceRow:
    at_ms = entry.get("timestamp")
    return TraceRow(
        at_s=None if at_ms is None else _seconds(at_ms) / 1000,
        input_tokens=_tokens(entry["input_length"]),
        output_tokens=_tokens(entry["output_length"]) if "output_length" in entry else None,
        block_ids=tuple(int(block) for block in entry.get("hash_ids") or ()),
    )


def _own_row(entry: Mapping[str, Any]) -> TraceRow:
    messages, tools, session = entry.get("messages") or (), entry.get("tools") or (), entry.get("session")
    if not messages and "input_tokens" not in entry:
        raise ValueError("expected `input_tokens`, `input_length` or `messages`")
    if not all(isinstance(part, dict) for part in (*messages, *tools)):
        raise ValueError("expected `messages` and `tools` to be lists of objects")
    return TraceRow(
        at_s=_seconds(entry["at_s"]) if "at_s" in entry else None,
        input_tokens=_tokens(entry["input_tokens"]) if "input_tokens" in entry else None,
        output_tokens=_tokens(entry["output_tokens"]) if "output_tokens" in entry else None,
        session=None if session is None else str(session),
        think_s=_seconds(entry.get("think_s", 0)),
        messages=tuple(messages),
        tools=tuple(tools),
    )


def _tokens(value: Any) -> int:
    tokens = int(value)
    if not 1 <= tokens <= _MOST_TOKENS:
        raise ValueError(f"expected a length from 1 to {_MOST_TOKENS:,} tokens, found {value!r}")
    return tokens


def _seconds(value: Any) -> float:
    seconds = float(value)
    if not (math.isfinite(seconds) and seconds >= 0):
        raise ValueError(f"expected a time that is not negative, found {value!r}")
    return seconds
