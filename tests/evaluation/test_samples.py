"""Samples as a benchmark makes them, with the id and the subset that collection gives them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from pytest_modeleval import benchmark
from pytest_modeleval.datasets import inline, open_manifest
from pytest_modeleval.declaration import declared_benchmark
from pytest_modeleval.evaluation.planned_items import PlannedBenchmark, PlannedItem, load_samples
from pytest_modeleval.records import Grade, ItemKey, Request, Sample


@dataclasses.dataclass(frozen=True, slots=True)
class OwnSample(Sample):
    """A project's own kind."""

    more: int = 0


FULL = {name: f"its {name}" for name in (field.name for field in dataclasses.fields(Sample))}


@pytest.mark.parametrize("kind", [Sample, OwnSample])
def test_only_id_and_subset_are_set(kind: type[Sample], tmp_path: Path) -> None:
    """Every other field stays, and so does the kind; what the benchmark made is not changed itself."""
    fields: dict[str, Any] = {**FULL, **({"more": 3} if kind is OwnSample else {})}
    made = kind(**fields)

    @benchmark(
        name="b",
        version="1",
        dataset=inline(lambda: {"part": [{"a": 1}]}),
        subsets=["part"],
        sample=lambda _: made,
        request=lambda _: Request([]),
        grade=lambda _sample, _response: Grade.right(),
    )
    def test_b() -> None: ...

    declared = declared_benchmark(test_b)
    assert declared is not None
    manifest = open_manifest(
        declared.dataset, "part", benchmark="b", version="1", data_dir=None, cache_dir=tmp_path, sample_id=None
    )
    plan = PlannedBenchmark(declared, declared.subsets, {"part": manifest})
    load_samples([PlannedItem(ItemKey("b", "part", "part-0000"), 0, plan)])
    found = plan.samples["part", 0]
    assert type(found) is kind
    assert found == dataclasses.replace(made, id="part-0000", subset="part", options={}, examples=())
    assert made == kind(**fields)
