"""Seconds that a request waited in the server's queue, where the server says so. Pure.

Three forms are known: vLLM started with `--enable-per-request-metrics` (0.32: `metrics.queue_time_ms` in the chunk with
the usage), Groq's API (`usage.queue_time`, in a stream below `x_groq`) and SGLang where `return_meta_info` is asked for
(0.5.23: `meta_info.queue_time` of a choice, not in streams).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MAX_QUEUE_S = 1e6
"""A longer time is no time: the field then holds something else."""


def read_queue_s(body: Mapping[str, Any]) -> float | None:
    """body: a whole response, or an event of a stream. None where it has no such time, or one that cannot be."""
    choices = body.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    found = (
        (_entry(body, "metrics", "queue_time_ms"), 1000),
        (_entry(body, "usage", "queue_time"), 1),
        (_entry(body, "x_groq", "usage", "queue_time"), 1),
        (_entry(choice, "meta_info", "queue_time"), 1),
    )
    return next((value / per_s for value, per_s in found if _is_time(value, MAX_QUEUE_S * per_s)), None)


def _is_time(value: Any, limit: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= limit


def _entry(body: Any, *names: str) -> Any:
    for name in names:
        if not isinstance(body, Mapping):
            return None
        body = body.get(name)
    return body
