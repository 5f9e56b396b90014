"""The items of a run with the samples they need, and the plan that is made of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from pytest_modeleval._support import redact
from pytest_modeleval.datasets import Dataset, Manifest, Row, each_row, each_row_of_parts, with_options
from pytest_modeleval.declaration import Benchmark, Breakdown, Subset
from pytest_modeleval.errors import DataError, UserError
from pytest_modeleval.evaluation.shuffle import check_shufflable, shuffled
from pytest_modeleval.page_options import OptionValue
from pytest_modeleval.plan import Plan, PlannedBreakdown, PlannedSubset
from pytest_modeleval.records import ItemKey, JsonObject, Sample


@dataclass(slots=True)
class PlannedBenchmark:
    """A benchmark as it is run here.

    subsets: all it has, in the order of the table. manifests: those whose rows are known. params: effective
    generation parameters. tool_calls: how calls are asked for ("native" or "text"), "" if the benchmark asks for none.
    samples: loaded after selection, by (subset, row index).
    options: the page's options and their values. dataset: the benchmark's, with the options in its patterns.
    example_manifests: of the rows of worked examples, by subset; empty where none are shown.
    """

    benchmark: Benchmark
    subsets: tuple[Subset, ...]
    manifests: dict[str, Manifest]
    params: dict[str, Any] = field(default_factory=dict)
    tool_calls: str = ""
    samples: dict[tuple[str, int], Sample] = field(default_factory=dict)
    options: Mapping[str, OptionValue] = field(default_factory=dict)
    example_manifests: dict[str, Manifest] = field(default_factory=dict)
    roles: Mapping[str, JsonObject] = field(default_factory=dict)
    """Role -> the model in it, as the plan keeps it."""
    excluded: dict[str, dict[str, str]] = field(default_factory=dict)
    """Subset -> id of a sample that is not asked -> why, of the samples that were looked at."""

    def excludes(self, subset: str, sample_id: str) -> bool:
        """True for a sample that the benchmark excludes, which is noted."""
        reason = self.benchmark.excluded.get(sample_id) or self.manifests[subset].excluded.get(sample_id)
        if reason is not None:
            self.excluded.setdefault(subset, {})[sample_id] = reason
        return reason is not None

    @property
    def dataset(self) -> Dataset:
        return with_options(self.benchmark.dataset, self.options)

    @property
    def example_count(self) -> int:
        """Worked examples in front of each question."""
        examples = self.benchmark.examples
        if examples is None:
            return 0
        count = examples.count
        return int(self.options[count]) if isinstance(count, str) else count


@dataclass(frozen=True, slots=True, eq=False)
class PlannedItem:
    """One item: which sample, which repeat."""

    key: ItemKey
    row_index: int
    plan: PlannedBenchmark

    @property
    def sample(self) -> Sample:
        """The sample; loaded by load_samples."""
        sample = self.plan.samples[self.key.subset, self.row_index]
        shuffle = self.plan.benchmark.shuffle
        return shuffled(sample, self.key, per_repeat=shuffle == "repeat") if shuffle else sample


def load_samples(items: Iterable[PlannedItem]) -> None:
    """Read the rows of the selected items and make samples of them. Raises DataError naming file, line and field."""
    wanted: dict[int, tuple[PlannedBenchmark, dict[str, dict[int, str]]]] = {}
    for item in items:
        plan, subsets = wanted.setdefault(id(item.plan), (item.plan, {}))
        if (item.key.subset, item.row_index) not in plan.samples:
            subsets.setdefault(item.key.subset, {})[item.row_index] = item.key.sample
    for plan, subsets in wanted.values():
        examples = {subset: _examples(plan, subset) for subset in subsets}
        parts = [(plan.manifests[subset], sorted(ids)) for subset, ids in subsets.items()]
        for row in each_row_of_parts(parts, plan.dataset, plan.options):
            subset = row.subset
            sample = _sample(plan, plan.benchmark.sample, row, subsets[subset][row.index], examples[subset])
            if plan.benchmark.shuffle:
                check_shufflable(sample, row.where)
            plan.samples[subset, row.index] = sample


def _examples(plan: PlannedBenchmark, subset: str) -> tuple[Sample, ...]:
    """The worked examples of a subset. Raises DataError where there are too few."""
    declared, count = plan.benchmark.examples, plan.example_count
    manifest = plan.example_manifests.get(subset)
    if declared is None or manifest is None or not count:
        return ()
    if manifest.rows < count:
        raise DataError(
            f"benchmark {plan.benchmark.name}: expected {count} examples for {subset}, found {manifest.rows} in "
            f"{manifest.file}"
        )
    make = declared.sample or plan.benchmark.sample
    rows = each_row(manifest, with_options(declared.dataset, plan.options), range(count), plan.options)
    return tuple(_sample(plan, make, row, f"{subset}-example-{row.index}", ()) for row in rows)


def _sample(
    plan: PlannedBenchmark,
    make: Callable[[Row], Sample],
    row: Row,
    sample_id: str,
    examples: tuple[Sample, ...],
) -> Sample:
    benchmark = plan.benchmark
    try:
        made = make(row)
    except UserError:
        raise
    except Exception as error:
        raise DataError(
            f"{row.where}: benchmark {benchmark.name} cannot make a sample of this row "
            f"({type(error).__name__}: {error}); correct the row or the benchmark's sample function"
        ) from error
    if type(made) is Sample:
        # As below, at a third of its cost: every sample comes by here before the first request.
        return Sample(
            made.question,
            made.choices,
            made.target,
            made.data,
            made.cluster,
            sample_id,
            row.subset,
            plan.options,
            examples,
        )
    return dataclasses.replace(made, id=sample_id, subset=row.subset, options=plan.options, examples=examples)


def make_plan(
    planned: PlannedBenchmark,
    items: Sequence[PlannedItem],
    *,
    repeats: int,
    shard: str = "",
    all_items: Sequence[PlannedItem] = (),
    sample_limit: Callable[[int], int] | None = None,
    system: str = "",
) -> Plan:
    """The plan as the journal keeps it: all that the summary needs, so that it can be made without pytest.

    shard: "2/3" where the items are one of three parts of `all_items`; the plan then holds both, and a merge knows
    what is missing.
    sample_limit: rows of a subset -> samples within --eval-limit, so that a selection is not taken for the whole.
    None where it is not known. system: of --eval-system; secrets of the run in it are replaced. Raises DataError.
    """
    ids = _ids(items)
    all_ids = _ids(all_items) if shard else ids
    benchmark = planned.benchmark
    variants = {part.name: {"variant": part.variant} for part in planned.subsets if part.variant}
    made = Plan(
        benchmark=benchmark.name,
        version=benchmark.version,
        metric=benchmark.metric,
        subsets=tuple(PlannedSubset(part.name, part.is_optional) for part in planned.subsets),
        aggregates=tuple(benchmark.aggregates),
        advice=benchmark.advice,
        params=planned.params,
        data={
            name: {**planned.manifests[name].lock_entry(), **variants.get(name, {}), **_examples_entry(planned, name)}
            for name in all_ids
        },
        repeats=repeats,
        items=ids,
        further_metrics=tuple(benchmark.further_metrics),
        breakdowns=tuple(_groups(part, benchmark.name, items) for part in benchmark.breakdowns),
        shard=shard,
        whole=all_ids if shard else None,
        samples=(
            {name: sample_limit(planned.manifests[name].rows) - len(planned.excluded.get(name, ())) for name in all_ids}
            if sample_limit
            else None
        ),
        excluded={name: planned.excluded[name] for name in all_ids if name in planned.excluded},
        tool_calls=planned.tool_calls,
        is_exclusive=benchmark.is_exclusive,
        system=redact.text(system),
        measures=benchmark.measures_under(planned.options),
        options=planned.options,
        roles=planned.roles,
    )
    # Through JSON and back, so that a plan equals itself as it is read from a journal.
    return Plan.from_json(orjson.loads(orjson.dumps(made.to_json())))


def _examples_entry(plan: PlannedBenchmark, subset: str) -> dict[str, Any]:
    """Where a subset's worked examples come from."""
    manifest = plan.example_manifests.get(subset)
    return {} if manifest is None else {"examples": {**manifest.lock_entry(), "count": plan.example_count}}


def _groups(breakdown: Breakdown, benchmark: str, items: Sequence[PlannedItem]) -> PlannedBreakdown:
    """By subset, the group of every sample that has one. Raises DataError where the benchmark's function fails."""
    groups: dict[str, dict[str, str]] = {}
    for sample in {(item.key.subset, item.key.sample): item.sample for item in items}.values():
        try:
            group = breakdown.group(sample)
        except Exception as error:
            raise DataError(
                f"benchmark {benchmark} cannot say the {breakdown.by} of sample {sample.id} of {sample.subset} "
                f"({type(error).__name__}: {error}); correct the row or the breakdown"
            ) from error
        if group:
            groups.setdefault(sample.subset, {})[sample.id] = str(group)
    return PlannedBreakdown(breakdown.by, tuple(breakdown.order), groups)


def _ids(items: Sequence[PlannedItem]) -> dict[str, list[str]]:
    """Subset -> ids of its samples, each once."""
    ids: dict[str, dict[str, None]] = {}
    for item in items:
        ids.setdefault(item.key.subset, {})[item.key.sample] = None
    return {name: list(samples) for name, samples in ids.items()}
