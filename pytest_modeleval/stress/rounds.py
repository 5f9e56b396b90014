"""Two servers measured in turn: which is measured when, and one result for each from those of its parts. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import sqrt
from statistics import fmean, stdev
from typing import Any

from pytest_modeleval._support.distributions import t_quantile
from pytest_modeleval.stress.plan import PointPlan
from pytest_modeleval.stress.point import PointFigure, PointResult

_CONFIDENCE = 0.95


def rounds_of(plan: PointPlan) -> Iterator[PointPlan]:
    """The parts of a point that measures two servers in turn, in the order of measuring: A B, B A, A B, and on.

    The order alternates, so that what drifts with time hits both alike. `against` of a part names the server: "" is
    the model's own. Both parts of a round send the same prompts where the plan has a seed.
    """
    for number in range(plan.rounds):
        sides = ("", plan.against) if number % 2 == 0 else (plan.against, "")
        for side in sides:
            yield replace(
                plan,
                name=round_name(plan.name, number, side),
                prompts_name=round_name(plan.name, number, ""),
                requests=-(-plan.requests // plan.rounds),
                seconds=plan.seconds / plan.rounds,
                against=side,
                rounds=0,
            )


def round_name(point: str, number: int, role: str) -> str:
    """The name of a part of a point: "chat-512-128@c16~3" in the third round, "~3-old" that of another server."""
    return f"{point}~{number + 1}{role and '-'}{role}"


def joined_rounds(pooled: PointResult, results: Sequence[PointResult], *, role: str) -> PointResult:
    """One result of a server from those of its parts, one of each round, in order.

    pooled: the result of all requests, one round after the other, in as many blocks as there are rounds; it has the
    latencies and shares. A throughput is the mean over the rounds, its interval that of Student's t, its blocks are
    the rounds (batch means: Law and Carson 1979, Operations Research 27:1011), because nothing is sent between them.
    """
    reasons = [f"round {place}: {result.unjudged}" for place, result in enumerate(results, 1) if result.unjudged]
    rates = {
        name: _mean_rate([result.figures.get(name) for result in results], figure)
        for name, figure in pooled.figures.items()
        if figure.unit.endswith("/s")
    }
    return replace(
        pooled,
        role=role,
        seconds=sum(result.seconds for result in results),
        steady_s=sum(result.steady_s for result in results),
        figures={**pooled.figures, **rates},
        timeline=(),
        facts=_joined_facts(pooled, results),
        unjudged=next(iter(reasons), "") or pooled.unjudged,
    )


def _joined_facts(pooled: PointResult, results: Sequence[PointResult]) -> dict[str, Any]:
    """The facts of the first round that is not judged, else of the first; those that differ as a list of texts."""
    source = next((result for result in results if result.unjudged), results[0])
    caches = ", ".join(dict.fromkeys(str(result.facts.get("prefix_cache")) for result in results))
    return {
        **source.facts,
        "token_counts": pooled.facts.get("token_counts"),
        "is_saturated": any(result.facts.get("is_saturated") for result in results),
        "prefix_cache": caches,
        "rounds": len(results),
    }


def _mean_rate(figures: Sequence[PointFigure | None], pooled: PointFigure) -> PointFigure:
    """The mean of a throughput over the rounds; without a value where one round has none."""
    values = [figure.value for figure in figures if figure is not None and figure.value is not None]
    if len(values) < len(figures) or len(values) < 2:
        return replace(pooled, value=None, low=None, high=None, blocks=(), missing="a round has too few requests")
    mean = fmean(values)
    half = t_quantile(_CONFIDENCE, len(values) - 1) * stdev(values) / sqrt(len(values))
    return replace(pooled, value=mean, low=mean - half, high=mean + half, effective=None, blocks=tuple(values))
