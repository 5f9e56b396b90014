"""How an operating point was measured, and why it cannot be judged, if it cannot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pytest_modeleval.load.clients import LoadRun
from pytest_modeleval.load.job import LoadJob
from pytest_modeleval.stress.plan import PointPlan
from pytest_modeleval.stress.point import PointResult

CLIENT_TOO_SLOW = "client_too_slow"
_OF_CLIENT = (CLIENT_TOO_SLOW, "max_in_flight")
"""Causes that say nothing against the server."""


def with_facts(result: PointResult, plan: PointPlan, job: LoadJob, run: LoadRun, *, cache: str) -> PointResult:
    """The result with how it was measured, and why it cannot be judged, if it cannot."""
    rules, tally = job.rules, run.tally
    cause, reason = _why_unjudged(result, plan, run)
    facts: dict[str, Any] = {
        **result.facts,
        "ignore_eos": rules.has_ignore_eos,
        "continuous_usage": rules.has_continuous_usage,
        "prefix_cache": cache or "emptied",
        "client_processes": len(run.spools),
        "loop_lag_p50_s": tally.loop_lag_s[0],
        "loop_lag_p99_s": tally.loop_lag_s[1],
        "max_in_flight": tally.largest_in_flight,
        "cut_tail": tally.cut,
        "seed": job.seed,
        "tokens_per_word": round(job.counts.per_word, 4),
        **({"unjudged_cause": cause, "is_server_failure": cause not in _OF_CLIENT} if cause else {}),
    }
    return replace(result, facts=facts, unjudged=reason or result.unjudged)


def _why_unjudged(result: PointResult, plan: PointPlan, run: LoadRun) -> tuple[str, str]:
    """(cause, sentence); both "" where the point can be judged."""
    tally = run.tally
    if tally.stopped == "max_in_flight":
        return tally.stopped, (
            f"{tally.largest_in_flight:,} requests were in flight, the most this client allows: the server is far "
            "below this rate; choose a lower one"
        )
    if tally.stopped:
        return tally.stopped, f"one request after another failed ({_counted(tally.failures)}): the point was given up"
    if result.unjudged:
        cause = max(tally.failures, key=lambda name: tally.failures[name], default="")
        return cause, f"{result.unjudged} ({_counted(tally.failures)})" if cause else ""
    median_s, high_s = plan.max_lag_s
    lags = {
        "sending": (figure_value(result, "send_lag_p50"), figure_value(result, "send_lag_p99")),
        "its event loop": tally.loop_lag_s,
    }
    for where, (found_median_s, found_high_s) in lags.items():
        if found_median_s > median_s or found_high_s > high_s:
            return CLIENT_TOO_SLOW, (
                f"this client was the bottleneck: the lag of {where} was {1000 * found_median_s:.1f} ms in the median "
                f"and {1000 * found_high_s:.1f} ms at the 99th percentile, of {1000 * median_s:g} and "
                f"{1000 * high_s:g} ms allowed; give it more client processes (-n 2) or a machine apart from the "
                "server's, or raise perf.max_lag_ms"
            )
    return "", ""


def figure_value(result: PointResult, name: str) -> float:
    """The value of a figure; 0 where it has none."""
    figure = result.figures.get(name)
    return figure.value if figure is not None and figure.value is not None else 0.0


def _counted(failures: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {cause}" for cause, count in sorted(failures.items(), key=lambda entry: -entry[1])[:3])
