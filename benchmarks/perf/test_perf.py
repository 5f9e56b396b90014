"""How fast the server is under load: an item is an operating point. See card.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_modeleval import Grade, Model, Sample, Subset, benchmark
from pytest_modeleval.datasets import Row, inline
from pytest_modeleval.metrics import ratio
from pytest_modeleval.model_protocol import LoadModel
from pytest_modeleval.stress.point import PointResult

from .points import OPTIONS, is_search, plan_of, point_names


def rows(options: Mapping[str, Any] | None = None) -> dict[str, list[dict[str, Any]]]:
    """A row for each operating point that the options name."""
    given = {option.name: option.default for option in OPTIONS} | dict(options or {})
    return {"perf": [{"point": name} for name in point_names(given)]}


def to_sample(row: Row) -> Sample:
    return Sample(question=row.text("point"))


async def solve(sample: Sample, model: Model) -> PointResult:
    assert isinstance(model, LoadModel)
    plan = plan_of(sample.question, sample.options)
    if is_search(plan):
        return await model.search_rate(plan, float(sample.options["slo_share"]))
    return await model.run_load(plan)


def grade(sample: Sample, result: PointResult) -> Grade:
    """The share of requests with a whole response; the latencies are figures of the point."""
    measures = {"completed": (float(result.complete), float(result.sent))}
    summary = f"{result.complete:,} of {result.sent:,} requests complete in {result.seconds:.1f} s"
    if result.complete == result.sent:
        return Grade.right(explanation=summary, measures=measures)
    cause = max(result.failures, key=lambda name: result.failures[name], default="incomplete")
    return Grade.partial(result.complete / result.sent, cause=cause, explanation=summary, measures=measures)


@benchmark(
    name="perf",
    version="1",
    dataset=inline(rows),
    # Optional: a load begins only where -k names it.
    subsets=[Subset("perf", is_optional=True)],
    options=OPTIONS,
    sample=to_sample,
    sample_id=lambda row: row.text("point"),
    solve=solve,
    grade=grade,
    metric="completed",
    measures=[ratio("completed")],
    role_options=["against"],
    is_exclusive=True,
)
def test_perf(grade: Grade) -> None:
    assert grade, grade.explanation
