"""A run as gates see it, from its journals and the timings in its folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_modeleval.evaluation.experiment_identity import identities_of
from pytest_modeleval.evaluation.summary import merge_plans, summarize, with_points
from pytest_modeleval.metrics import Aggregate, with_parts
from pytest_modeleval.plan import Plan
from pytest_modeleval.results import RunSummary
from pytest_modeleval.store.contents import Contents
from pytest_modeleval.store.load_file import read_timings

if TYPE_CHECKING:
    from pytest_modeleval.gates import Evidence
    from pytest_modeleval.stress.timing import Timing


def evidence(summary: RunSummary, contents: Contents, folder: Path | None = None) -> Evidence:
    """A run as gates see it, from its journals: as the score table does, they count planned items only.

    folder: of the run, which holds the timings of operating points; None where no gate needs them.
    """
    from pytest_modeleval.gates import Evidence  # noqa: PLC0415

    plans = merge_plans(contents.plans)
    planned = {key for plan in plans for key in plan.item_keys()}
    return Evidence(
        summary,
        {key: out for key, out in contents.outcomes.items() if key in planned and not out.is_stopped_early},
        identities=identities_of(plans, contents.outcomes),
        aggregates=aggregates_of(plans),
        measures={plan.benchmark: plan.measures for plan in plans},
        timings=None if folder is None else partial(_timings, folder),
    )


def evidence_of_repeats(model: str, contents: Contents, repeats: int, folder: Path | None) -> Evidence:
    """The run as if it had been asked so many repeats."""
    plans = [replace(plan, repeats=min(plan.repeats, repeats)) for plan in merge_plans(contents.plans)]
    seen = {key: outcome for key, outcome in contents.outcomes.items() if key.repeat < repeats}
    benchmarks = with_points(summarize(plans, seen), plans, contents.points)
    summary = RunSummary(model, is_complete=True, benchmarks=benchmarks)
    return evidence(summary, replace(contents, outcomes=seen), folder)


def aggregates_of(plans: Sequence[Plan]) -> dict[str, tuple[Aggregate, ...]]:
    """Benchmark -> its aggregates with their parts."""
    return {
        plan.benchmark: with_parts(plan.aggregates, [part.name for part in plan.subsets if not part.is_optional])
        for plan in plans
    }


def _timings(folder: Path, _benchmark: str, point: str) -> Iterator[Timing]:
    return read_timings(folder, point)
