"""From a benchmark's page to its samples, as the collector makes them."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_modeleval._support.item_id import sample_ids
from pytest_modeleval.datasets import open_manifest, read_rows
from pytest_modeleval.declaration import Benchmark, declared_benchmark
from pytest_modeleval.records import Response, Sample

DATA = Path(os.environ.get("MODELEVAL_DATA") or Path(__file__).parents[3] / "shared" / "data")


def declaration(function: Callable[..., Any]) -> Benchmark:
    """The declaration on a page's test function."""
    found = declared_benchmark(function)
    assert found is not None
    return found


def samples_of(function: Callable[..., Any], subset: str, *, data_dir: Path | None, cache_dir: Path) -> list[Sample]:
    """All samples of a subset."""
    declared = declaration(function)
    manifest = open_manifest(
        declared.dataset,
        subset,
        benchmark=declared.name,
        version=declared.version,
        data_dir=data_dir,
        cache_dir=cache_dir,
        sample_id=declared.sample_id,
        is_offline=True,
    )
    id_of = sample_ids(manifest.subset, manifest.ids)
    rows = read_rows(manifest, declared.dataset, range(manifest.rows))
    return [dataclasses.replace(declared.sample(row), id=id_of(row.index), subset=subset) for row in rows]


def shared_data(folder: str) -> Path:
    """The folder of benchmark rows; skips where the machine has none."""
    if not (DATA / folder).is_dir():
        pytest.skip(f"no data: {folder} (set MODELEVAL_DATA)")
    return DATA


def said(text: str, finish_reason: str = "stop") -> Response:
    """A reply with this answer."""
    return Response(text=text, content=text, finish_reason=finish_reason)
