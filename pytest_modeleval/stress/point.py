"""An operating point and its result, as reports, gates and exports read it. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class PointFigure:
    """A measure of a point, with its 95 % interval."""

    value: float | None
    """In `unit`; None where `missing` says why there is none."""

    low: float | None = None
    high: float | None = None

    num: int
    """Requests that it is made of; tokens or gaps for the inter-token latency."""

    effective: float | None = None
    """As many independent requests would say as much; smaller than num where neighbours in time are alike."""

    unit: str = "s"
    is_higher_better: bool = False

    blocks: tuple[float, ...] = ()
    """The same measure over each block of the point, blocks in the order of time; for comparisons of runs."""

    missing: str = ""
    """Why there is no value: "the 99th percentile needs 299 requests, found 120"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instant:
    """One stretch of the point's timeline."""

    at_s: float
    """Its beginning, since the start of the point."""
    in_flight: float
    """Mean number of requests in flight."""
    tokens_per_s: float
    """Tokens that arrived, per second."""
    requests_per_s: float
    """Requests that ended, per second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PointResult:
    """What was measured at one operating point; one JSON object in summary.json and in a baseline."""

    point: str
    """Its name, "chat-512-128@c16"."""

    workload: str
    """The name of the workload, "chat-512-128"."""

    load: str
    """"c16" for 16 in flight, "rate4" for 4 requests a second."""

    concurrency: int | None = None
    rate: float | None = None
    """Requests a second; one of the two is None."""

    seconds: float
    """From the first request to the last response."""

    steady_s: float
    """Length of the steady window."""

    sent: int
    complete: int
    failures: Mapping[str, int] = field(default_factory=dict)
    """Cause -> requests."""

    ended_early: int = 0
    """Complete, and shorter than asked for."""

    warm_up: int = 0
    """Requests of the warm-up, among `sent`."""

    figures: Mapping[str, PointFigure] = field(default_factory=dict)
    """Measure -> figure: "ttft_p95", "tpot_mean", "output_tok_s", "goodput"; the names stand in docs/stress.md."""

    curves: Mapping[str, tuple[tuple[float, float], ...]] = field(default_factory=dict)
    """Measure -> (quantile, value) pairs in order, for the percentile chart."""

    timeline: tuple[Instant, ...] = ()
    """At most 200 stretches."""

    facts: Mapping[str, Any] = field(default_factory=dict)
    """How it was measured: "token_counts", "ignore_eos", "prefix_cache", "client_processes", "drift_s", "slo"."""

    role: str = ""
    """The role whose server was measured, in turn with the model's, block by block; "" for the model's own."""

    unjudged: str = ""
    """Why nothing can be judged at this point, such as a client that was too slow; "" if it can."""

    @property
    def label(self) -> str:
        """The name, with the role if it has one: "chat-512-128@c16 (old)"."""
        return f"{self.point} ({self.role})" if self.role else self.point

    def to_json(self) -> dict[str, Any]:
        """One JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> PointResult:
        """The reverse of to_json; unknown keys are ignored. Raises ValueError for another form."""
        try:
            fields = {name: entry[name] for name in cls.__dataclass_fields__ if name in entry}
            fields["figures"] = {
                str(name): PointFigure(**{**figure, "blocks": tuple(map(float, figure.get("blocks", ())))})
                for name, figure in fields.get("figures", {}).items()
            }
            fields["curves"] = {
                str(name): tuple((float(q), float(value)) for q, value in pairs)
                for name, pairs in fields.get("curves", {}).items()
            }
            fields["timeline"] = tuple(Instant(**instant) for instant in fields.get("timeline", ()))
            return cls(**fields)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"expected the result of an operating point, found {str(entry)[:80]}") from error
