"""One file of a source, from the cache if it is there, else fetched once however many processes ask."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from pytest_modeleval.errors import DataError
from pytest_modeleval.fetch.cache import cache_lock
from pytest_modeleval.fetch.pins import Pins
from pytest_modeleval.fetch.source import SILENT, Fetched, FetchError, Progress, Source

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def fetch_cached(
    source: Source, subset: str, *, cache_dir: Path, progress: Progress = SILENT, is_offline: bool = False
) -> Fetched:
    """The file that `source` has for `subset`.

    A file in the cache is taken as it is, without network. Otherwise it is fetched at the revision that the lock
    names, or at the newest, and entered in the lock.
    is_offline: only caches are looked at.
    Raises FetchError if the source does not give it, DataError if it is not the file that the lock knows.
    """
    if (fetched := find_cached(source, subset, cache_dir=cache_dir)) is not None:
        return fetched
    key = source.key(subset)
    pins = Pins(cache_dir)
    held = cache_dir / "held" / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.lock"
    with cache_lock(held, lambda: progress.print_line(f"waiting for another process that fetches {key}")):
        # The previous holder has most likely fetched the same file.
        if (fetched := find_cached(source, subset, cache_dir=cache_dir)) is not None:
            return fetched
        known = pins.get(key)
        pinned = known.revision if known is not None else None
        if is_offline:
            fetched = _find_elsewhere(source, subset, pinned, cache_dir)
        else:
            try:
                fetched = source.fetch(subset, pinned=pinned, cache_dir=cache_dir, progress=progress)
            except FetchError as error:
                if pinned is None:
                    raise
                raise FetchError(
                    f"{error}\n{pins.path} pins {key} to revision {pinned}; "
                    "to take what the source has now, delete that entry"
                ) from error
        pins.record(key, fetched)
        return fetched


def _find_elsewhere(source: Source, subset: str, pinned: str | None, cache_dir: Path) -> Fetched:
    """The file in a cache of another tool. Raises FetchError if none has it."""
    fetched = source.find_elsewhere(subset, pinned=pinned)
    if fetched is None:
        raise FetchError(
            f"expected {source.key(subset)} in the cache {cache_dir}, found nothing, and the run is offline; "
            "run once with network, or name prepared data with --eval-data DIR"
        )
    return fetched


def fetch_first_available(
    sources: Sequence[Source], subset: str, *, cache_dir: Path, progress: Progress = SILENT, is_offline: bool = False
) -> Fetched:
    """The file of the first source that gives it; whatever is cached comes before any network.

    Raises DataError with the reason of every source if none gives it.
    """
    for source in sources:
        if (fetched := find_cached(source, subset, cache_dir=cache_dir)) is not None:
            return fetched
    reasons: list[FetchError] = []
    for source in sources:
        try:
            return fetch_cached(source, subset, cache_dir=cache_dir, progress=progress, is_offline=is_offline)
        except FetchError as reason:
            reasons.append(reason)
    if len(reasons) == 1:
        raise reasons[0]
    raise DataError("\n".join(f"source {n} of {len(reasons)}: {reason}" for n, reason in enumerate(reasons, 1)))


def find_cached(source: Source, subset: str, *, cache_dir: Path) -> Fetched | None:
    """The file if it was fetched before and is there as it was; no network, and mostly one small file is read."""
    fetched = Pins(cache_dir).find_intact(source.key(subset))
    return fetched if fetched is not None and source.accepts(fetched) else None
