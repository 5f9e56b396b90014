"""One item as text for a terminal: question, thinking, reply, target, answer, cause. A record -> lines. Pure.

No escape sequence, hidden or reordering character of a model or of the data reaches the reader (`text_layout.visible`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_modeleval._support.shorten import shorten_middle
from pytest_modeleval.records import Response
from pytest_modeleval.reports.text_layout import counted, one_line, visible
from pytest_modeleval.reports.transcript import tool_text
from pytest_modeleval.samples.message_text import call_text, message_text, question_text, request_text
from pytest_modeleval.samples.record import Exchange, SampleRecord

RULE = "-" * 72
# Characters of one text, from its beginning and from its end, where answers stand.
_HEAD, _TAIL = 5_000, 3_000
_MAX_REQUESTS = 6
_CUT = "[... {left} characters are not shown; --full shows them ...]"


@dataclass(frozen=True, slots=True)
class Detail:
    """How much of an item is shown."""

    is_full: bool = False
    """Every message and every request, nothing cut."""
    has_thinking: bool = False


def sample_lines(record: SampleRecord, detail: Detail, *, before: str = "") -> Iterator[str]:
    """The lines of one item. before: what an earlier result has, one line; "" for none."""
    yield RULE
    yield one_line(f"{record.benchmark} {record.subset} {record.id}  {_verdict(record)}")
    shown = _shown_exchanges(record, detail)
    if left := len(record.exchanges) - len(shown):
        yield f"{counted(left, 'earlier request')} left out; --full shows all"
    for position in shown:
        if len(record.exchanges) > 1:
            yield f"request {position + 1} of {len(record.exchanges)}"
        yield from _exchange_lines(record, position, detail)
    for judgement in record.judgements:
        if detail.is_full:
            yield from _block(f"{judgement.role}, asked", judgement.request, detail)
        yield from _block(judgement.role, judgement.reply, detail)
    yield from _facts(record, before)


def _verdict(record: SampleRecord) -> str:
    credit = f", credit {record.value:.2g}" if record.kind.is_verdict and 0.0 < record.value < 1.0 else ""
    reason = record.explanation or record.cause
    return record.kind.label + credit + (f": {reason}" if reason else "")


def _shown_exchanges(record: SampleRecord, detail: Detail) -> range:
    count = len(record.exchanges)
    return range(0 if detail.is_full else max(0, count - _MAX_REQUESTS), count)


def _exchange_lines(record: SampleRecord, position: int, detail: Detail) -> Iterator[str]:
    exchange = record.exchanges[position]
    if exchange.path:
        yield from _block(f"request to {exchange.path}", request_text(exchange.params), detail)
    elif detail.is_full:
        for sent in exchange.messages:
            yield from _block(str(sent.get("role")), message_text(sent), detail)
    else:
        yield from _short_request(exchange, detail)
    for image in exchange.images:
        size = f"{image.width:,} x {image.height:,} pixels, {image.bytes:,} bytes"
        yield one_line(f"image     {image.file} {image.media_type}, {size}")
    for tool in exchange.tools[: None if detail.is_full else 5]:
        yield f"offered   {one_line(tool_text(tool))[:300]}"
    yield from _reply_lines(exchange.reply, detail)


def _short_request(exchange: Exchange, detail: Detail) -> Iterator[str]:
    """The question; in a conversation that goes on, what was added after the model's last reply."""
    if exchange.after is None:
        yield from _block("question", question_text(exchange.messages), detail)
        return
    for sent in exchange.messages:
        if sent.get("role") != "assistant":
            yield from _block(str(sent.get("role")), message_text(sent), detail)


def _reply_lines(reply: Response, detail: Detail) -> Iterator[str]:
    if reply.reasoning:
        ended = ", which never ended" if reply.is_thinking_open else ""
        if detail.has_thinking or detail.is_full:
            yield from _block(f"thinking{ended}", reply.reasoning, detail)
        else:
            yield f"thinking{ended}: {counted(len(reply.reasoning), 'character')}; --thinking shows it"
    if reply.text.strip() or not reply.tool_calls:
        yield from _block("reply", reply.text if reply.text.strip() else "(empty)", detail)
    for call in reply.tool_calls:
        yield from _block("call", call_text(call), detail)


def _block(label: str, text: str, detail: Detail) -> Iterator[str]:
    """A label, and the text below it, indented."""
    yield one_line(label)
    cut = text if detail.is_full else shorten_middle(text, _HEAD, _TAIL, _CUT)
    for line in visible(cut).split("\n"):
        yield f"  {line}"


def _facts(record: SampleRecord, before: str) -> Iterator[str]:
    facts = {
        "target": record.target,
        "answer": record.answer,
        "before": before,
        "cause": record.cause,
        "marks": "; ".join(record.marks),
        "measures": _measures_text(record.measures or {}),
        "tokens": _tokens_text(record),
        "failed": _attempts_text(record),
    }
    for name, text in facts.items():
        if text:
            yield f"{name:<9} {one_line(text)}"


def _measures_text(measures: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name} {value[0]:g} of {value[1]:g}" if isinstance(value, tuple) else f"{name} {value:g}"
        for name, value in measures.items()
    )


def _tokens_text(record: SampleRecord) -> str:
    parts = [
        f"{count:,} {name}"
        for name, count in (
            ("in", record.prompt_tokens),
            ("out", record.completion_tokens),
            ("of them thinking", record.reasoning_tokens),
        )
        if count is not None
    ]
    if record.total_s is not None:
        parts.append(f"{record.total_s:.2f} s")
    if record.finish_reason:
        parts.append(f"ended by {record.finish_reason}")
    return ", ".join(parts)


def _attempts_text(record: SampleRecord) -> str:
    counts = Counter(attempt.cause or attempt.kind for attempt in record.attempts)
    return ", ".join(f"{cause} ({count}x)" for cause, count in counts.items())
