"""Does the score hold under load: samples of a graded benchmark in the middle of a load, paired with the lowest one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pytest_modeleval.client.body import encode_body, seed_of
from pytest_modeleval.evaluation.benchmark_prompts import BenchmarkPrompts
from pytest_modeleval.metrics import wilson
from pytest_modeleval.records import ItemKey
from pytest_modeleval.store.load_file import read_timings
from pytest_modeleval.stress.plan import PointPlan, graded_part
from pytest_modeleval.stress.point import PointFigure, PointResult
from pytest_modeleval.stress.timing import Timing


def graded_prompts(prompts: Mapping[str, BenchmarkPrompts], accuracy: str) -> BenchmarkPrompts | None:
    """The samples of a point's graded benchmark; None without one."""
    if not accuracy:
        return None
    name, count = graded_part(accuracy)
    return prompts[name].first(count)


def graded_bodies(graded: BenchmarkPrompts, model: str, params: Mapping[str, Any]) -> list[tuple[int, bytes]]:
    """(row, body) of every sample, as the benchmark itself asks it; the same at every point."""
    own = {**params, **graded.benchmark.defaults, "stream": True}
    return [
        (row, encode_body(request, model=model, params=own, seed=seed_of(_key(graded, row))))
        for row, request in enumerate(graded.requests)
    ]


def _key(graded: BenchmarkPrompts, row: int) -> ItemKey:
    sample = graded.samples[row]
    return ItemKey(graded.benchmark.name, sample.subset, sample.id)


def noting_verdicts(timings: Iterable[Timing], verdicts: dict[str, bool]) -> Iterator[Timing]:
    """The timings; the verdicts of graded requests are entered meanwhile, by the id of the sample."""
    for timing in timings:
        if timing.question and timing.is_right is not None:
            verdicts[timing.question] = timing.is_right
        yield timing


def stored_verdicts(folder: Path, point: str) -> dict[str, bool]:
    """The verdicts of a point that was measured; none where it was not."""
    verdicts: dict[str, bool] = {}
    for _ in noting_verdicts(read_timings(folder, point) if point else (), verdicts):
        pass
    return verdicts


def with_accuracy(
    result: PointResult, plan: PointPlan, verdicts: Mapping[str, bool], reference: Mapping[str, bool]
) -> PointResult:
    """The result with the figure `accuracy`, and the fact of that name.

    reference: verdicts of the point with the lowest load, which the same samples are paired with.
    """
    from pytest_modeleval.gates.exact_tests import mcnemar_two_sided  # noqa: PLC0415 - loads scipy

    name, planned = graded_part(plan.accuracy)
    num, right = len(verdicts), sum(verdicts.values())
    low, high = wilson(right, num) if num else (None, None)
    missing = "" if num else f"no reply to a sample of {name} has a verdict"
    figure = PointFigure(
        value=right / num if num else None,
        low=low,
        high=high,
        num=num,
        unit="share",
        is_higher_better=True,
        missing=missing,
    )
    both = verdicts.keys() & reference.keys()
    lost = sum(reference[key] and not verdicts[key] for key in both)
    gained = sum(verdicts[key] and not reference[key] for key in both)
    fact: dict[str, Any] = {"benchmark": name, "planned": planned, "right": right, "num": num}
    if both:
        p = mcnemar_two_sided(lost, gained)
        fact |= {"reference": plan.reference, "pairs": len(both), "lost": lost, "gained": gained, "p": p}
    return replace(result, figures={**result.figures, "accuracy": figure}, facts={**result.facts, "accuracy": fact})
