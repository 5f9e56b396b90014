"""Made-up operating points for the tests and simulations of gates: requests from a queue of a known law."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pytest_modeleval.gates import Baseline, Evidence, ExperimentIdentity
from pytest_modeleval.results import BenchmarkSummary, RunSummary
from pytest_modeleval.stress.loads import Load
from pytest_modeleval.stress.measures import measure_point
from pytest_modeleval.stress.point import PointResult
from pytest_modeleval.stress.slo import Slo
from pytest_modeleval.stress.timing import Arrival, Timing

POINT = "chat-512-128@c16"
TOKENS = 8
IDENTITY = ExperimentIdentity("perf", "1", "d" * 64, "p" * 64, {"temperature": 0.0})


def timing(number: int, sent_s: float, first_s: float, gap_s: float = 0.01, **fields: Any) -> Timing:
    """A request of eight tokens, one an arrival; first_s counts from sending."""
    arrivals = tuple(Arrival(sent_s + first_s + gap_s * place, 1) for place in range(TOKENS))
    made: dict[str, Any] = {
        "number": number,
        "sent_s": sent_s,
        "first_s": sent_s + first_s,
        "ended_s": arrivals[-1].at_s,
        "arrivals": arrivals,
        "are_tokens_exact": True,
        "completion_tokens": TOKENS,
        "finish": "length",
    }
    return Timing(**(made | fields))


def timings(firsts: Sequence[float], *, failures: Iterable[int] = (), rate: float = 10.0) -> list[Timing]:
    """Requests with these times to the first token, sent at a steady pace; those numbered in failures failed."""
    lost = set(failures)
    return [
        timing(number, number / rate, float(first))
        if number not in lost
        else Timing(number=number, sent_s=number / rate, ended_s=number / rate + 0.1, failure="http_503")
        for number, first in enumerate(firsts)
    ]


def independent(seed: int, num: int, *, scale: float = 1.0) -> list[float]:
    """Times to the first token with median 0.5 s times scale, each drawn by itself."""
    return list(0.5 * scale * np.exp(0.3 * np.random.default_rng(seed).standard_normal(num)))


def point(found: Sequence[Timing], name: str = POINT, *, slo: str = "", blocks: int = 10, **fields: Any) -> PointResult:
    """The result of a point that saw these requests."""
    workload, _, load = name.partition("@")
    objective = Slo.parse(slo) if slo else None
    result = measure_point(name, workload, Load.parse(load), found, slo=objective, blocks=blocks)
    return replace(result, **fields)


def stress_evidence(
    measured: Mapping[str, Sequence[Timing]], results: Sequence[PointResult] | None = None, **fields: Any
) -> Evidence:
    """A run that measured these points. results: in place of what their timings give."""
    made = [point(found, name) for name, found in measured.items()] if results is None else results
    entry = BenchmarkSummary("perf", "1", "completed", (), points=tuple(made))
    summary = RunSummary("some-model", is_complete=True, benchmarks=(entry,))
    return Evidence(
        summary,
        {},
        {"perf": IDENTITY},
        timings=lambda _benchmark, name: measured[name],
        **fields,
    )


def stress_baseline(results: Sequence[PointResult], *, identity: ExperimentIdentity = IDENTITY) -> Baseline:
    """A baseline that holds these points."""
    return Baseline(
        "ci/base.json",
        "some-model",
        "2026-01-02T03:04:05",
        {"perf": identity},
        {"perf": "completed"},
        {},
        points={"perf": results},
    )
