"""The samples of one benchmark as requests of a load on the server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from pytest_modeleval._support.item_id import sample_ids
from pytest_modeleval.client.reply import response_from_reply
from pytest_modeleval.datasets import default_cache_dir, open_manifest
from pytest_modeleval.declaration import Benchmark
from pytest_modeleval.errors import SettingsError
from pytest_modeleval.evaluation.planned_items import PlannedBenchmark, PlannedItem, load_samples
from pytest_modeleval.page_options import option_values
from pytest_modeleval.records import Grade, ItemKey, JsonObject, Kind, Request, Sample
from pytest_modeleval.roles import is_coroutine_grader


@dataclass(frozen=True, slots=True)
class BenchmarkPrompts:
    """Samples of a benchmark with their requests, in the order of its data."""

    benchmark: Benchmark
    samples: tuple[Sample, ...]
    requests: tuple[Request, ...]

    @property
    def messages(self) -> list[Sequence[Mapping[str, Any]]]:
        """Of every request."""
        return [request.messages for request in self.requests]

    def first(self, count: int) -> BenchmarkPrompts:
        """The first samples only."""
        return BenchmarkPrompts(self.benchmark, self.samples[:count], self.requests[:count])

    def is_right(self, row: int, reply: JsonObject) -> bool | None:
        """Whether a reply to a sample is right; None where the grader gives no verdict."""
        grade = self.benchmark.grade
        assert grade is not None
        try:
            made = grade(self.samples[row], response_from_reply(reply))
        except Exception:  # noqa: BLE001 - a fault of the grader is no wrong answer: the sample has no verdict
            return None
        return made.kind is Kind.RIGHT if isinstance(made, Grade) else None


def benchmark_prompts(
    benchmark: Benchmark, *, count: int, is_graded: bool, data_dir: Path | None, cache_dir: Path | None = None
) -> BenchmarkPrompts:
    """The first `count` samples of a benchmark. is_graded: replies are to be graded.

    Raises SettingsError for a benchmark of several requests for each sample, and for one whose grader needs more than
    the reply; DataError where its rows are missing.
    """
    name, request = benchmark.name, benchmark.request
    if request is None:
        raise SettingsError(f"expected a benchmark with one request for each sample, found {name}, which asks several")
    if is_graded and (benchmark.grade is None or is_coroutine_grader(benchmark.grade)):
        raise SettingsError(f"expected a benchmark whose grader needs no sandbox and no judge, found {name}")
    items = list(islice(_items(benchmark, data_dir, cache_dir or default_cache_dir()), count))
    load_samples(items)
    samples = tuple(item.sample for item in items)
    return BenchmarkPrompts(benchmark, samples, tuple(map(request, samples)))


def _items(benchmark: Benchmark, data_dir: Path | None, cache_dir: Path) -> Iterator[PlannedItem]:
    options = option_values(benchmark.name, benchmark.options, {})
    plan = PlannedBenchmark(benchmark, benchmark.subsets, {}, options=options)
    for subset in benchmark.subsets:
        if subset.is_optional or subset.missing:
            continue
        manifest = plan.manifests[subset.name] = open_manifest(
            plan.dataset,
            subset.name,
            benchmark=benchmark.name,
            version=benchmark.version,
            data_dir=data_dir,
            cache_dir=cache_dir,
            sample_id=benchmark.sample_id,
        )
        id_of = sample_ids(subset.name, manifest.ids)
        for row in range(manifest.rows):
            yield PlannedItem(ItemKey(benchmark.name, subset.name, id_of(row)), row, plan)
