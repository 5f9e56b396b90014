"""Results of operating points for the tests of reports, exports and commands."""

from __future__ import annotations

from typing import Any

from pytest_modeleval.records import Kind
from pytest_modeleval.results import BenchmarkSummary, RunSummary
from pytest_modeleval.stress.point import Instant, PointFigure, PointResult
from tests.support.report_cases import a_score


def a_figure(value: float | None, **more: Any) -> PointFigure:
    """A figure with an interval of a tenth."""
    span = {} if value is None else {"low": 0.95 * value, "high": 1.05 * value}
    return PointFigure(**{"value": value, "num": 64, **span, **more})


def a_point(load: str = "c16", *, workload: str = "chat-512-128", busy: float = 16, **more: Any) -> PointResult:
    """A point with plausible figures; `busy` requests in flight."""
    ttft, tpot = 0.05 + 0.004 * busy, 0.01 + 0.0002 * busy
    e2e = ttft + 127 * tpot
    is_open = load.startswith("rate")
    latencies = {"ttft": ttft, "tpot": tpot, "itl": tpot, "e2e": e2e} | ({"response": e2e + 0.01} if is_open else {})
    figures = {
        f"{name}_{suffix}": a_figure(factor * value)
        for name, value in latencies.items()
        for suffix, factor in (("mean", 1.1), ("p50", 1.0), ("p90", 1.3), ("p95", 1.5))
    }
    figures |= {
        f"{name}_p99": a_figure(None, missing="the 99th percentile needs 299 requests, found 64") for name in latencies
    }
    figures |= {
        "output_tok_s": a_figure(128 * busy / e2e, unit="tokens/s", is_higher_better=True),
        "req_s": a_figure(busy / e2e, unit="requests/s", is_higher_better=True),
        "goodput": a_figure(0.9, unit="share", is_higher_better=True, low=0.82, high=0.95),
        "send_lag_p99": PointFigure(value=0.0004, num=64),
    }
    fields: dict[str, Any] = {
        "point": f"{workload}@{load}",
        "workload": workload,
        "load": load,
        "concurrency": None if is_open else int(load[1:]),
        "rate": float(load[4:]) if is_open else None,
        "seconds": 64 * e2e / busy,
        "steady_s": 60 * e2e / busy,
        "sent": 66,
        "complete": 64,
        "failures": {"http_503": 2},
        "ended_early": 1,
        "warm_up": 4,
        "figures": figures,
        "curves": {
            name: tuple((q, value * (0.5 + q)) for q in (0.01, 0.25, 0.5, 0.75, 0.9, 0.95))
            for name, value in latencies.items()
        },
        "timeline": tuple(
            Instant(at_s=second / 2, in_flight=busy, tokens_per_s=100 + second, requests_per_s=2.0)
            for second in range(30)
        ),
        "facts": {"token_counts": "exact", "slo": "ttft=1s tpot=50ms"},
    }
    return PointResult(**(fields | more))


def stressed_summary(*points: PointResult) -> RunSummary:
    """A finished run of the benchmark perf."""
    entry = BenchmarkSummary(
        "perf",
        "1",
        "completed",
        tuple(a_score(point.point, 0.97, 0.9, 0.99, **{Kind.RIGHT.value: 1}) for point in points),
        points=points,
    )
    return RunSummary("MiniMax-M2", True, (entry,))
