"""A shipped benchmark by its name, for another benchmark that uses its samples."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

from pytest_modeleval._support.shipped_folder import importable_package, shipped_folder
from pytest_modeleval._support.suggest import hint
from pytest_modeleval.collection.page_index import NAME, IndexEntry
from pytest_modeleval.declaration import Benchmark, declared_benchmark
from pytest_modeleval.errors import SettingsError


def shipped_benchmark(name: str) -> Benchmark:
    """The declaration of a shipped benchmark; imports its page. Raises SettingsError where there is none."""
    folder = shipped_folder()
    entries = [IndexEntry(**fields) for fields in json.loads((folder / NAME).read_bytes())]
    entry = next((entry for entry in entries if entry.benchmark == name), None)
    if entry is None:
        known = [entry.benchmark for entry in entries]
        raise SettingsError(f"expected the name of a shipped benchmark, found {name!r}; {hint(name, known)}")
    page = Path(entry.page)
    with importable_package(folder) as package:
        module = import_module(f"{package}.{page.parent.name}.{page.stem}")
    declared = declared_benchmark(getattr(module, entry.function))
    assert declared is not None
    return declared
