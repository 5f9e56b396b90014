"""Items of a run as flat rows, one value in each column: for data frames, CSV and Parquet. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from pytest_modeleval.samples.record import SampleRecord, call_json

COLUMNS: Mapping[str, type] = {
    "benchmark": str,
    "subset": str,
    "sample": str,
    "repeat": int,
    "id": str,
    "kind": str,
    "value": float,
    "answer": str,
    "target": str,
    "cause": str,
    "explanation": str,
    "question": str,
    "reply": str,
    "reasoning": str,
    "tool_calls": str,
    "finish_reason": str,
    "model": str,
    "prompt_tokens": int,
    "completion_tokens": int,
    "reasoning_tokens": int,
    "cached_tokens": int,
    "first_token_s": float,
    "total_s": float,
    "requests": int,
    "failed_attempts": int,
    "images": int,
    "image_pixels": int,
    "image_bytes": int,
    "marks": str,
    "measures": str,
}
"""Name -> type of its values. `value` is empty where the kind is no verdict; tool_calls and measures are JSON texts.
images, image_pixels and image_bytes are about the last request, the latter two as sums over its pictures."""

_SAME = (
    "benchmark", "subset", "sample", "repeat", "id", "answer", "target", "cause", "explanation", "question",
    "finish_reason", "model", "prompt_tokens", "completion_tokens", "reasoning_tokens", "cached_tokens",
    "first_token_s", "total_s",
)  # fmt: skip


def row_of(record: SampleRecord) -> dict[str, Any]:
    """The row of an item, in the order of COLUMNS; None where nothing is known."""
    reply = record.reply
    images = record.exchanges[-1].images if record.exchanges else ()
    calls = [call_json(call) for call in reply.tool_calls] if reply is not None else []
    found = {
        **{name: getattr(record, name) for name in _SAME},
        "kind": record.kind.value,
        "value": record.value if record.kind.is_verdict else None,
        "reply": reply.text if reply is not None else None,
        "reasoning": reply.reasoning if reply is not None else None,
        "tool_calls": orjson.dumps(calls).decode() if calls else None,
        "requests": len(record.exchanges),
        "failed_attempts": len(record.attempts),
        "images": len(images),
        "image_pixels": sum(image.width * image.height for image in images),
        "image_bytes": sum(image.bytes for image in images),
        "marks": "; ".join(record.marks),
        "measures": orjson.dumps(record.measures).decode() if record.measures else None,
    }
    return {name: _as_type(found[name], kind) for name, kind in COLUMNS.items()}


def _as_type(value: Any, kind: type) -> Any:
    return None if value is None or value == "" else kind(value)


def rows(records: Iterable[SampleRecord]) -> Iterator[dict[str, Any]]:
    """The rows of items, one at a time."""
    return map(row_of, records)
