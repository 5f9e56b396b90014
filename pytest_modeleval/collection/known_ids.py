"""Which words of -k occur in ids that the data gives, as far as the data is on this machine. Fetches nothing."""

from __future__ import annotations

from pathlib import Path

from pytest_modeleval.datasets import open_manifest, with_options
from pytest_modeleval.declaration import Benchmark
from pytest_modeleval.errors import DataError, UserError
from pytest_modeleval.page_options import option_values
from pytest_modeleval.settings import Settings


class KnownIds:
    """The ids of benchmarks that take them from their data, read once for each subset."""

    def __init__(self, settings: Settings, cache_dir: Path) -> None:
        self._settings = settings
        self._cache_dir = cache_dir
        self._ids: dict[tuple[str, str], tuple[str, ...]] = {}

    def may_hold(self, declared: Benchmark, subset: str, word: str) -> bool:
        """Whether a word of -k may be part of an id of this subset: it begins with the benchmark's name, or is one."""
        if declared.sample_id is None:
            return False
        lowered = word.lower()
        if lowered.startswith(f"{declared.name}-"):
            return True
        return any(lowered in name for name in self._lowered_ids(declared, subset))

    def _lowered_ids(self, declared: Benchmark, subset: str) -> tuple[str, ...]:
        key = (declared.name, subset)
        if key not in self._ids:
            self._ids[key] = tuple(name.lower() for name in self._read(declared, subset))
        return self._ids[key]

    def _read(self, declared: Benchmark, subset: str) -> tuple[str, ...]:
        """The ids; none where the data is not here or cannot be read; selecting the benchmark says why."""
        given = self._settings.page_options.get(declared.name, {})
        try:
            return (
                open_manifest(
                    with_options(declared.dataset, option_values(declared.name, declared.options, given)),
                    subset,
                    benchmark=declared.name,
                    version=declared.version,
                    data_dir=self._settings.data_dir,
                    cache_dir=self._cache_dir,
                    sample_id=declared.sample_id,
                    is_offline=True,
                ).ids
                or ()
            )
        except (DataError, UserError):
            return ()
