"""The plan: which items of which benchmarks are asked, with the samples they need."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from pytest_modeleval.datasets import Manifest, Row, each_row
from pytest_modeleval.declaration import Benchmark, Breakdown, Subset
from pytest_modeleval.errors import DataError
from pytest_modeleval.metrics import Aggregate
from pytest_modeleval.records import ItemKey, JsonObject, Sample


@dataclass(slots=True)
class BenchmarkPlan:
    """A benchmark as it is run here.

    subsets: all it has, in the order of the table. manifests: those whose rows are known. params: effective
    generation parameters. tool_calls: how calls are asked for ("native" or "text"), "" if the benchmark asks for none.
    samples: loaded after selection, by (subset, row index).
    """

    benchmark: Benchmark
    subsets: tuple[Subset, ...]
    manifests: dict[str, Manifest]
    params: dict[str, Any] = field(default_factory=dict)
    tool_calls: str = ""
    samples: dict[tuple[str, int], Sample] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class PlannedItem:
    """One item: which sample, which repeat."""

    key: ItemKey
    row_index: int
    plan: BenchmarkPlan

    @property
    def sample(self) -> Sample:
        """The sample; loaded by load_samples."""
        return self.plan.samples[self.key.subset, self.row_index]


def sample_ids(manifest: Manifest) -> Callable[[int], str]:
    """Row index -> sample id: from the data if it carries ids, else "<subset>-0000" counted from 0."""
    if manifest.ids is not None:
        return manifest.ids.__getitem__
    name = manifest.subset
    return lambda index: f"{name}-{index:04d}"


def load_samples(items: Iterable[PlannedItem]) -> None:
    """Read the rows of the selected items and make samples of them. Raises DataError naming file, line and field."""
    wanted: dict[tuple[int, str], tuple[BenchmarkPlan, dict[int, str]]] = {}
    for item in items:
        _, rows = wanted.setdefault((id(item.plan), item.key.subset), (item.plan, {}))
        rows[item.row_index] = item.key.sample
    for (_, subset), (plan, ids) in wanted.items():
        indices = sorted(index for index in ids if (subset, index) not in plan.samples)
        for row in each_row(plan.manifests[subset], plan.benchmark.dataset, indices):
            plan.samples[subset, row.index] = _sample(plan.benchmark, row, subset, ids[row.index])


def _sample(benchmark: Benchmark, row: Row, subset: str, sample_id: str) -> Sample:
    try:
        made = benchmark.sample(row)
    except DataError:
        raise
    except Exception as error:
        raise DataError(
            f"{row.where}: benchmark {benchmark.name} cannot make a sample of this row "
            f"({type(error).__name__}: {error}); mend the row or the benchmark's sample function"
        ) from error
    if type(made) is Sample:
        # As below, at a third of its cost: every sample comes by here before the first request.
        return Sample(made.question, made.choices, made.target, made.data, made.cluster, sample_id, subset)
    return dataclasses.replace(made, id=sample_id, subset=subset)


def plan_line(
    plan: BenchmarkPlan,
    items: Sequence[PlannedItem],
    *,
    repeats: int,
    shard: str = "",
    whole: Sequence[PlannedItem] = (),
    taken: Callable[[int], int] | None = None,
) -> JsonObject:
    """What the journal keeps of a plan: everything that the summary needs, so that it can be made without pytest.

    shard: "2/3" where the items are one of three parts of `whole`; the line then holds both, so that whoever merges
    the parts knows what is missing.
    taken: rows of a subset -> how many samples there are where nothing but --eval-limit selects; the line then says
    it as "samples", so that nobody takes a selection for the whole. None where it is not known.
    """
    ids = _ids(items)
    all_ids = _ids(whole) if shard else ids
    benchmark = plan.benchmark
    variants = {part.name: {"variant": part.variant} for part in plan.subsets if part.variant}
    line = {
        "type": "plan",
        "benchmark": benchmark.name,
        "version": benchmark.version,
        "metric": benchmark.metric,
        "subsets": [{"name": part.name, "optional": part.is_optional} for part in plan.subsets],
        "aggregates": [dataclasses.asdict(aggregate) for aggregate in benchmark.aggregates],
        "advice": {subset: dataclasses.asdict(given) for subset, given in benchmark.advice.items()},
        "params": plan.params,
        "data": {name: {**plan.manifests[name].lock_entry(), **variants.get(name, {})} for name in all_ids},
        "repeats": repeats,
        "items": ids,
    }
    if benchmark.further_metrics:
        line["further_metrics"] = list(benchmark.further_metrics)
    if benchmark.breakdowns:
        line["breakdowns"] = [_groups(part, benchmark.name, items) for part in benchmark.breakdowns]
    if shard:
        line.update(shard=shard, whole=all_ids)
    if taken is not None:
        line["samples"] = {name: taken(plan.manifests[name].rows) for name in all_ids}
    if plan.tool_calls:
        line["tool_calls"] = plan.tool_calls
    # Through JSON and back, so that a plan equals itself as it is read from a journal.
    same: JsonObject = orjson.loads(orjson.dumps(line))
    return same


def _groups(breakdown: Breakdown, benchmark: str, items: Sequence[PlannedItem]) -> JsonObject:
    """By subset, the group of every sample that has one. Raises DataError where the benchmark's function fails."""
    groups: dict[str, dict[str, str]] = {}
    for sample in {(item.key.subset, item.key.sample): item.sample for item in items}.values():
        try:
            group = breakdown.group(sample)
        except Exception as error:
            raise DataError(
                f"benchmark {benchmark} cannot say the {breakdown.by} of sample {sample.id} of {sample.subset} "
                f"({type(error).__name__}: {error}); mend the row or the breakdown"
            ) from error
        if group:
            groups.setdefault(sample.subset, {})[sample.id] = str(group)
    return {"by": breakdown.by, "order": list(breakdown.order), "groups": groups}


def _ids(items: Sequence[PlannedItem]) -> dict[str, list[str]]:
    """Subset -> ids of its samples, each once."""
    ids: dict[str, dict[str, None]] = {}
    for item in items:
        ids.setdefault(item.key.subset, {})[item.key.sample] = None
    return {name: list(samples) for name, samples in ids.items()}


def aggregate_from_json(entry: Mapping[str, Any]) -> Aggregate:
    """The reverse of dataclasses.asdict for an Aggregate (JSON turns its tuples into lists)."""
    return Aggregate(**{name: _tuples(value) for name, value in entry.items()})


def _tuples(value: Any) -> Any:
    return tuple(_tuples(part) for part in value) if isinstance(value, list) else value
