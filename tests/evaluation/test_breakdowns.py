"""Breakdowns and further metrics: from the plan's lines to rows of the table and of summary.json."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_modeleval import Breakdown, Grade, Request, Sample, benchmark
from pytest_modeleval.datasets import inline, open_manifest
from pytest_modeleval.declaration import Benchmark, declared_benchmark
from pytest_modeleval.errors import DataError
from pytest_modeleval.evaluation.planned_items import PlannedBenchmark, PlannedItem, load_samples, make_plan
from pytest_modeleval.evaluation.summary import merge_plans, summarize
from pytest_modeleval.plan import Plan
from pytest_modeleval.records import ItemKey, Kind, Outcome
from pytest_modeleval.reports.table_rows import score_rows
from pytest_modeleval.results import RunSummary

ROWS = [{"size": size} for size in ("big", "small", "", "huge", "small", "big")]


def declared(**more: Any) -> Benchmark:
    """A benchmark of six rows with a size each, one of them without."""
    options: dict[str, Any] = {
        "breakdowns": [Breakdown("size", lambda sample: sample.data["size"], order=("small", "medium", "big"))],
        "further_metrics": ["pass@2"],
        "metric": "pass@1",
    }

    @benchmark(
        name="sizes",
        version="1",
        dataset=inline(lambda: {"part": ROWS}),
        subsets=["part"],
        sample=lambda row: Sample(data={"size": row.text("size")}),
        request=lambda _: Request([]),
        grade=lambda _sample, _response: Grade.right(),
        **{**options, **more},
    )
    def test_sizes() -> None: ...

    found = declared_benchmark(test_sizes)
    assert found is not None
    return found


def plan_of(tmp_path: Path, rows: range, *, repeats: int = 1, **more: Any) -> Plan:
    """The plan of some of the rows."""
    made = declared(**more)
    manifest = open_manifest(
        made.dataset, "part", benchmark="sizes", version="1", data_dir=None, cache_dir=tmp_path, sample_id=None
    )
    plan = PlannedBenchmark(made, made.subsets, {"part": manifest})
    items = [PlannedItem(ItemKey("sizes", "part", f"part-{row:04d}"), row, plan) for row in rows]
    load_samples(items)
    return make_plan(plan, items, repeats=repeats)


def outcomes_of(right: set[int], *, repeats: int = 1) -> dict[ItemKey, Outcome]:
    """Row 5 was not run; the others are right or wrong, in the first repeat only."""
    found = {}
    for row in range(5):
        for repeat in range(repeats):
            key = ItemKey("sizes", "part", f"part-{row:04d}", repeat)
            kind = Kind.RIGHT if row in right and repeat == 0 else Kind.WRONG
            found[key] = Outcome(
                key=key, kind=kind, value=float(kind is Kind.RIGHT), cause="" if row in right else "off"
            )
    return found


def test_groups_stand_in_the_declared_order_and_then_by_name(tmp_path: Path) -> None:
    """Only groups that occur; a sample without a group is in none; what was not run is planned, not scored."""
    (summary,) = summarize(merge_plans([plan_of(tmp_path, range(6))]), outcomes_of({0, 1}))
    parts = [(part.by, part.group, part.score.num, part.score.planned, part.score.score) for part in summary.parts]
    assert parts == [("size", "small", 2, 2, 0.5), ("size", "big", 1, 2, 1.0), ("size", "huge", 1, 1, 0.0)]
    (whole,) = summary.subsets
    assert (whole.num, whole.planned) == (5, 6)
    assert whole.causes == {"off": 3}


def test_a_single_group_is_not_shown(tmp_path: Path) -> None:
    """It would be the subset's own row again."""
    (summary,) = summarize(merge_plans([plan_of(tmp_path, range(1))]), outcomes_of({0}))
    assert summary.parts == ()


def test_plans_of_other_samples_add_their_groups(tmp_path: Path) -> None:
    """Resuming a run with a higher limit, or merging shards, keeps what each plan knew."""
    first, second = plan_of(tmp_path, range(2)), plan_of(tmp_path, range(2, 6))
    together = merge_plans([first, second])
    assert together == merge_plans([plan_of(tmp_path, range(6))])
    assert together[0].breakdowns[0].groups["part"]["part-0000"] == "big"


def test_a_further_metric_needs_its_repeats(tmp_path: Path) -> None:
    """pass@2 has a row of its own with two repeats, and none with one."""
    for repeats, rows in ((1, []), (2, [("pass@2", 5, 0.4)])):
        plans = merge_plans([plan_of(tmp_path, range(6), repeats=repeats, breakdowns=())])
        (summary,) = summarize(plans, outcomes_of({0, 1}, repeats=repeats))
        assert [(part.metric, part.score.num, part.score.score) for part in summary.parts] == rows


def test_parts_are_rows_below_their_subset(tmp_path: Path) -> None:
    """Without counts of their own, which would count items twice."""
    benchmarks = summarize(merge_plans([plan_of(tmp_path, range(6))]), outcomes_of({0, 1}))
    rows = score_rows(RunSummary(model="m", is_complete=False, benchmarks=benchmarks))
    assert [row.subset for row in rows] == ["part", "- small", "- big", "- huge"]
    assert all(row.counts is None and row.ungraded is None for row in rows if row.is_part)


def test_a_property_that_cannot_be_read_is_a_mistake_in_the_data(tmp_path: Path) -> None:
    """It names benchmark, property and sample."""
    broken = [Breakdown("colour", lambda sample: sample.data["colour"])]
    with pytest.raises(DataError, match="sizes cannot say the colour of sample part-0000"):
        plan_of(tmp_path, range(1), breakdowns=broken)


def test_a_metric_that_does_not_exist_is_refused() -> None:
    """Where it is declared."""
    with pytest.raises(ValueError, match="best@5"):
        declared(further_metrics=["best@5"])
