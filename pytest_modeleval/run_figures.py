"""Figures of a run beyond the scores of its benchmarks: requests, indexes, what it spared. Standard library only."""

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


@dataclass(frozen=True, slots=True)
class IndexPart:
    """A benchmark of an index that is in the run."""

    benchmark: str
    version: str

    metric: str

    weight: float
    """As declared."""

    score: float | None
    """None where the benchmark has no figure of its whole, or none from 0 to 1 where higher is better."""

    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class IndexScore:
    """A weighted mean over benchmarks, from 0 to 1."""

    name: str

    weights: Mapping[str, float]
    """Of all its parts, run or not."""

    parts: tuple[IndexPart, ...]
    """Those that are in the run."""

    score: float | None
    """None while a part is missing."""

    low: float | None
    high: float | None
    """The 95 % interval; None if a part has none."""

    at_least: float
    at_most: float
    """Bounds while a part is missing, which counts as 0 and as 1; both are the score of a whole index."""

    missing: tuple[str, ...] = ()
    """Parts that are not in the run or have no figure."""

    @property
    def identity(self) -> str:
        """Its parts with version, metric and weight: only equal ones are comparable."""
        known = {part.benchmark: f"{part.version} {part.metric}" for part in self.parts}
        return ", ".join(
            f"{name} {known.get(name, '-')}" + (f" x {weight:g}" if weight != 1.0 else "")
            for name, weight in self.weights.items()
        )


@dataclass(frozen=True, slots=True)
class Savings:
    """How much a run has asked that asks no more than its gates need."""

    asked: int
    of: int
    """Items (samples x repeats)."""

    because: str
    """"stopped early" (--eval-stop-early) or "decided" (--eval-repeat-until-decided)."""
