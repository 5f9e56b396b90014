"""Finds the benchmarks whose samples a load on the server uses."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_modeleval.collection.shipped_page import shipped_benchmark
from pytest_modeleval.errors import SettingsError
from pytest_modeleval.evaluation.benchmark_prompts import BenchmarkPrompts, benchmark_prompts
from pytest_modeleval.evaluation.planned_items import PlannedBenchmark
from pytest_modeleval.settings import Settings


def load_prompts(plans: Iterable[PlannedBenchmark], settings: Settings) -> dict[str, BenchmarkPrompts]:
    """Benchmark -> its samples, for the options `workload` and `accuracy` of exclusive benchmarks.

    Empty for a stored run. Raises UserError, before the first request.
    """
    found: dict[str, BenchmarkPrompts] = {}
    for plan in plans:
        if not plan.benchmark.is_exclusive or settings.rescore_dir is not None:
            continue
        from pytest_modeleval.stress.plan import benchmarks_of  # noqa: PLC0415 - few runs measure load

        texts = {name: str(plan.options.get(name, "")) for name in ("workload", "accuracy")}
        for name, (count, is_graded) in benchmarks_of(**texts).items():
            try:
                found[name] = benchmark_prompts(
                    shipped_benchmark(name), count=count, is_graded=is_graded, data_dir=settings.data_dir
                )
            except SettingsError as mistake:
                raise SettingsError(f"--eval-option: {plan.benchmark.name}: {mistake}") from None
    return found
