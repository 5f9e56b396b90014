"""Figures of a run beyond the scores of its benchmarks: its requests. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Of one time or rate over requests, between two values in proportion."""

    p50: float
    p95: float


@dataclass(frozen=True, slots=True)
class RequestFigures:
    """The answered requests of a benchmark to the model under test; None where no reply states a value."""

    benchmark: str

    count: int
    """Requests with a reply: several for each item in a conversation."""

    repeated: int = 0
    """Those of them that took more than one attempt."""

    failed_attempts: Mapping[str, int] = field(default_factory=dict)
    """Cause -> attempts that failed with it, whether or not a later one succeeded; most frequent first."""

    first_token_s: Quantiles | None = None
    """Seconds from sending a request to the first token, thinking included; only of streamed replies."""

    total_s: Quantiles | None = None
    """Seconds from sending a request to the end of its reply."""

    tokens_per_s: Quantiles | None = None
    """Completion tokens of a reply divided by its total_s."""

    tokens_in: int | None = None
    tokens_out: int | None = None
    """Sums of prompt and completion tokens, as the server counts them."""

    tokens_thinking: int | None = None
    """The part of tokens_out that is thinking."""

    tokens_cached: int | None = None
    """The part of tokens_in that the server took from its cache."""
