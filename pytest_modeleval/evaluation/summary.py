"""Summaries from plans and outcomes. Pure: the same journals always give the same summary."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from operator import itemgetter
from pathlib import Path
from typing import Any

from pytest_modeleval.errors import RunFolderError
from pytest_modeleval.evaluation.index_scores import index_scores
from pytest_modeleval.evaluation.request_figures import request_figures
from pytest_modeleval.indexes import Index
from pytest_modeleval.metrics import question_metric, score_subset
from pytest_modeleval.metrics.aggregates import with_both_means
from pytest_modeleval.metrics.scaled_aggregates import combine_in_scale
from pytest_modeleval.plan import Plan, PlannedBreakdown, SampleIds
from pytest_modeleval.records import DROPPED, ItemKey, Kind, Outcome
from pytest_modeleval.results import SHARE, BenchmarkSummary, MeasureScore, PartScore, RunSummary, Score
from pytest_modeleval.run_figures import Savings
from pytest_modeleval.store.contents import Contents
from pytest_modeleval.stress.point import PointResult


def run_summary(
    contents: Contents,
    *,
    model: str,
    may_be_ungraded: Callable[[int, int], bool],
    facts: Mapping[str, Any],
    early_stop: str = "",
    is_chosen_by_result: bool = False,
    indexes: Iterable[Index] = (),
) -> RunSummary:
    """The summary of a run, from the contents of its journals alone.

    may_be_ungraded(count, total): within the user's limit. early_stop: `because` of Savings, "" for a run that asks
    everything. is_chosen_by_result: the samples are those that were not right before (--eval-only, --lf).
    indexes: those that the project declares.
    """
    plans = merge_plans(contents.plans)
    keys = {key for plan in plans for key in plan.item_keys()}
    known = [contents.outcomes[key] for key in keys & contents.outcomes.keys()]
    spared = [outcome for outcome in known if outcome.is_stopped_early]
    asked = len(keys) - len(spared)
    graded = sum(1 for outcome in known if outcome.kind.is_verdict)
    dropped = sum(1 for outcome in spared if outcome.cause == DROPPED)
    benchmarks = with_points(
        summarize(plans, contents.outcomes, is_chosen_by_result=is_chosen_by_result), plans, contents.points
    )
    return RunSummary(
        model=model,
        is_complete=bool(keys) and may_be_ungraded(asked - graded, asked),
        benchmarks=benchmarks,
        facts=facts,
        saved=Savings(asked + dropped, len(keys), early_stop) if early_stop else None,
        requests=request_figures([plan.benchmark for plan in plans if plan.items], contents.requests),
        indexes=index_scores(indexes, benchmarks),
    )


def require_plans(contents: Contents, folder: Path) -> None:
    """Raises RunFolderError where a plan was lost to damage: without it a score would leave items out in silence."""
    if not contents.damaged:
        return
    planned = {key for plan in contents.plans for key in plan.item_keys()}
    lost = sum(1 for key in contents.outcomes if key not in planned)
    if lost or not planned:
        what = f"no plan of {lost:,} items that have an outcome" if lost else "no plan at all"
        raise RunFolderError(
            f"{contents.damage_note()}; expected the plans of all items, found {what} in {folder}. "
            "Run its command again: it writes the plans anew"
        )


def merge_plans(plans: Iterable[Plan]) -> list[Plan]:
    """One plan per benchmark: the latest declaration, the union of the items, the most repeats.

    Of shards, the items are those that the shards planned themselves; see whole_plans.
    """
    return _merged(plans, lambda plan: plan.items)


def whole_plans(plans: Iterable[Plan]) -> list[Plan]:
    """As merge_plans, but with all samples that shards are parts of, whether or not a shard with them is there."""
    return _merged(plans, lambda plan: plan.all_items)


def _merged(plans: Iterable[Plan], items_of: Callable[[Plan], SampleIds]) -> list[Plan]:
    merged: dict[str, Plan] = {}
    for plan in plans:
        known = merged.get(plan.benchmark)
        merged[plan.benchmark] = replace(
            plan,
            items=_union(known.items if known else {}, items_of(plan)),
            repeats=max(known.repeats, plan.repeats) if known else plan.repeats,
            data=_merged_data(known.data, plan.data) if known else plan.data,
            breakdowns=tuple(_with_known(part, known.breakdowns if known else ()) for part in plan.breakdowns),
            samples=_most(known.samples if known else None, plan.samples),
            shard="",
            whole=None,
        )
    return list(merged.values())


def _union(one: SampleIds, other: SampleIds) -> dict[str, list[str]]:
    return {name: list(dict.fromkeys([*one.get(name, ()), *other.get(name, ())])) for name in {**one, **other}}


def _merged_data(
    known: Mapping[str, Mapping[str, Any]], new: Mapping[str, Mapping[str, Any]]
) -> dict[str, Mapping[str, Any]]:
    # Entry by entry: rescoring need not know with what a subset was asked.
    merged = {name: {**known.get(name, {}), **entry} for name, entry in new.items()}
    return {**merged, **{name: entry for name, entry in known.items() if name not in new}}


def _with_known(part: PlannedBreakdown, known: Iterable[PlannedBreakdown]) -> PlannedBreakdown:
    """A breakdown with the groups of samples that earlier plans held: a later one may have been of other samples."""
    before = next((entry.groups for entry in known if entry.by == part.by), {})
    names = {**before, **part.groups}
    return replace(part, groups={name: {**before.get(name, {}), **part.groups.get(name, {})} for name in names})


def _most(one: Mapping[str, int] | None, other: Mapping[str, int] | None) -> dict[str, int] | None:
    one, other = one or {}, other or {}
    return {name: max(one.get(name, 0), other.get(name, 0)) for name in {**one, **other}} or None


def selected_parts(plans: Iterable[Plan]) -> dict[str, tuple[int, int]]:
    """Benchmark -> (samples planned, samples there are) where -k, --lf or a node id left some of a subset out.

    plans: merged. Subsets of which nothing was selected do not count, and --eval-limit is no such selection. Plans of
    earlier versions do not say how many there are; they count as whole.
    """
    found = {}
    for plan in plans:
        there = {name: count for name, count in (plan.samples or {}).items() if plan.items.get(name)}
        planned = sum(len(plan.items[name]) for name in there)
        if planned < sum(there.values()):
            found[plan.benchmark] = planned, sum(there.values())
    return found


def is_limited(plans: Iterable[Plan]) -> bool:
    """True if --eval-limit left rows out, and where plans of earlier versions do not say.

    plans: merged. A folder may have been asked with a limit and without: then it holds everything, whatever came last.
    """
    return any(
        (plan.samples or {}).get(name, -1) < entry["rows"] for plan in plans for name, entry in plan.data.items()
    )


def parts_text(parts: Mapping[str, tuple[int, int]]) -> str:
    """What `selected_parts` found, for people: "3 of 40 samples of quiz"."""
    named = [f"{planned:,} of {there:,} samples of {name}" for name, (planned, there) in list(parts.items())[:3]]
    return ", ".join([*named, *([f"parts of {len(parts) - 3} more"] if len(parts) > 3 else [])])


def summarize(
    plans: Sequence[Plan], outcomes: Mapping[ItemKey, Outcome], *, is_chosen_by_result: bool = False
) -> tuple[BenchmarkSummary, ...]:
    """The scores of every planned benchmark. A planned item without an outcome is not_run; a spared one is in no count.

    A benchmark without items is left out: a shard may have none of a small one. is_chosen_by_result: as of run_summary.
    """
    found = (_benchmark(plan, outcomes) for plan in plans if plan.items)
    if not is_chosen_by_result:
        return tuple(found)
    samples = {(plan.benchmark, name): count for plan in plans for name, count in (plan.samples or {}).items()}
    return tuple(
        replace(
            entry,
            subsets=tuple(
                # They were wrong before: that they are all wrong again is no sign of a fault of the harness.
                replace(score, is_suspicious=False)
                if score.planned < samples.get((entry.benchmark, score.subset), 0)
                else score
                for score in entry.subsets
            ),
        )
        for entry in found
    )


def with_points(
    benchmarks: Iterable[BenchmarkSummary], plans: Iterable[Plan], points: Mapping[str, tuple[ItemKey, PointResult]]
) -> tuple[BenchmarkSummary, ...]:
    """The benchmarks with the operating points of their planned items, in the order of the plan."""
    if not points:
        return tuple(benchmarks)
    place = {key: number for plan in plans for number, key in enumerate(plan.item_keys())}
    found: dict[str, list[tuple[int, str, PointResult]]] = {}
    for key, result in points.values():
        if key in place:
            found.setdefault(key.benchmark, []).append((place[key], result.role, result))
    ordered = {
        name: tuple(result for *_, result in sorted(results, key=itemgetter(0, 1))) for name, results in found.items()
    }
    return tuple(replace(entry, points=ordered.get(entry.benchmark, ())) for entry in benchmarks)


def _benchmark(plan: Plan, outcomes: Mapping[ItemKey, Outcome]) -> BenchmarkSummary:
    by_subset: dict[str, list[Outcome]] = {}
    spared: dict[str, int] = {}
    for key in plan.item_keys():
        found = by_subset.setdefault(key.subset, [])
        outcome = outcomes.get(key) or Outcome(key=key, kind=Kind.NOT_RUN)
        if outcome.is_stopped_early:
            spared[key.subset] = spared.get(key.subset, 0) + 1
        else:
            found.append(outcome)
    order = [part.name for part in plan.subsets]
    scores = tuple(
        _score(name, by_subset[name], len(plan.items[name]), spared.get(name, 0), plan)
        for name in [*order, *(name for name in by_subset if name not in order)]
        if name in by_subset
    )
    regular = [part.name for part in plan.subsets if not part.is_optional]
    scale = next((measure.scale for measure in plan.measures if measure.name == plan.metric), SHARE)
    return BenchmarkSummary(
        benchmark=plan.benchmark,
        version=plan.version,
        metric=plan.metric,
        subsets=scores,
        aggregates=combine_in_scale(with_both_means(plan.aggregates, len(regular)), scores, regular, scale),
        parts=tuple(_parts(plan, by_subset, scores)),
        measures=tuple(_measures(plan, by_subset, scores)),
        advice=plan.advice,
        scale=scale,
        excluded={sample: why for found in plan.excluded.values() for sample, why in found.items()},
    )


def _parts(plan: Plan, by_subset: Mapping[str, Sequence[Outcome]], scores: Sequence[Score]) -> Iterator[PartScore]:
    """Further metrics and breakdowns of each subset, as the plan says."""
    for whole in scores:
        outcomes = by_subset[whole.subset]
        for metric in plan.further_metrics:
            # Without enough repeats it does not exist; a row without a figure would say nothing.
            if (question_metric(metric).k or 1) <= plan.repeats:
                yield PartScore(metric, score_subset(whole.subset, outcomes, whole.planned, metric=metric))
        for entry in plan.breakdowns:
            yield from _groups(plan, entry, whole.subset, outcomes)


def _groups(plan: Plan, entry: PlannedBreakdown, subset: str, outcomes: Sequence[Outcome]) -> Iterator[PartScore]:
    """The groups of one breakdown, in its order; none where there is one alone, which is the subset's own row."""
    group_of = entry.groups.get(subset, {})
    found: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        found.setdefault(group_of.get(outcome.key.sample, ""), []).append(outcome)
    found.pop("", None)
    if len(found) <= 1:
        return
    for name in [*(name for name in entry.order if name in found), *sorted(found.keys() - set(entry.order))]:
        planned = len({outcome.key.sample for outcome in found[name]})
        score = score_subset(subset, found[name], planned, metric=plan.metric, measures=plan.measures)
        yield PartScore(plan.metric, score, entry.by, name)


def _measures(
    plan: Plan, by_subset: Mapping[str, Sequence[Outcome]], scores: Sequence[Score]
) -> Iterator[MeasureScore]:
    for whole in scores:
        for measure in plan.measures:
            if measure.name != plan.metric:
                score = score_subset(
                    whole.subset, by_subset[whole.subset], whole.planned, metric=measure.name, measures=plan.measures
                )
                yield MeasureScore(measure.name, measure.method, score, measure.scale)


def _score(name: str, outcomes: Sequence[Outcome], samples: int, spared: int, plan: Plan) -> Score:
    if not spared:
        return score_subset(name, outcomes, samples, metric=plan.metric, measures=plan.measures)
    # Items that were stopped early are not missing.
    asked = len({outcome.key.sample for outcome in outcomes})
    score = score_subset(name, outcomes, asked, metric=plan.metric, measures=plan.measures)
    # A question of which some repeats were spared misses none of them.
    counts = {**score.counts, Kind.NOT_RUN: sum(outcome.kind is Kind.NOT_RUN for outcome in outcomes)}
    score = replace(score, counts=counts, stopped_early=spared)
    return replace(score, if_ungraded_wrong=score.score, if_ungraded_right=score.score) if not score.ungraded else score
