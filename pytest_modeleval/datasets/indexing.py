"""Opening a subset (counting rows, taking ids; cached) and reading the rows that were selected."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from pytest_modeleval.datasets.files import Stamp, count_records, read_records
from pytest_modeleval.datasets.lazy import FileOffset
from pytest_modeleval.datasets.manifest import Manifest, find_local_file
from pytest_modeleval.datasets.rows import Row
from pytest_modeleval.errors import DataError
from pytest_modeleval.fetch.cache import sha256_of, write_cache_file
from pytest_modeleval.fetch.retrieval import fetch_first_available
from pytest_modeleval.fetch.source import SILENT, Progress

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_modeleval.datasets.sources import Dataset, SubsetOf

SCHEMA = 1
SampleId = Callable[[Row], str]


class _Part:
    """One subset while its file is read: where its rows are, and at which line each id stood first."""

    __slots__ = ("ordinals", "places")

    def __init__(self) -> None:
        self.ordinals: list[int] = []
        self.places: dict[str, int] = {}

    def add(self, name: object, row: Row) -> None:
        """Take a row's id. Raises DataError if it is no text, or another row of the subset has it."""
        if not isinstance(name, str) or not name:
            raise DataError(f"expected sample_id to give text, found {name!r}, for {row.where}")
        before = self.places.setdefault(name, row.line)
        if before != row.line:
            raise DataError(
                f"expected every sample to have its own id, found {name!r} twice: at line {before} and in {row.where}; "
                "mend the data, or give the benchmark a sample_id that tells the rows apart"
            )


def open_manifest(
    dataset: Dataset,
    subset: str,
    *,
    benchmark: str,
    version: str,
    data_dir: Path | None,
    cache_dir: Path,
    sample_id: SampleId | None,
    is_offline: bool = False,
    progress: Progress = SILENT,
) -> Manifest:
    """What collection needs of one subset; a second call reads one small file.

    data_dir: where given, only this folder is looked at, and no network is asked. Otherwise the data is taken from
    the cache, or fetched (not where is_offline).
    sample_id: gives each row's id; without it rows are only counted.
    Raises DataError: file missing or damaged, a row that sample_id cannot name, an id that comes twice.
    """
    if dataset.inline is not None:
        return _open_inline(dataset, subset, benchmark, sample_id)
    revision: str | None = None
    expected_sha256: str | None = None
    if data_dir is not None:
        path, file = find_local_file(dataset, subset, data_dir.absolute())
        origin = file
    elif dataset.remotes:
        fetched = fetch_first_available(
            dataset.remotes, subset, cache_dir=cache_dir, progress=progress, is_offline=is_offline
        )
        path, origin, revision, expected_sha256 = fetched.path, fetched.origin, fetched.revision, fetched.sha256
        file = f"{origin.split(' ', 1)[-1]}/{path.name}"
    else:
        raise DataError(
            f"expected a folder of data for {benchmark}, found none named; its rows are files of yours "
            f"({', '.join(dataset.locals)} with an ending such as .jsonl): name their folder with --eval-data DIR"
        )
    common = (benchmark, version, str(path), _fingerprint(sample_id), _fingerprint(dataset.subset_of))
    kept = _kept_path(cache_dir, subset, common)
    stamp = Stamp.of(path)
    content = _read_kept(kept, stamp)
    if content is None:
        indexed = _index(path, file, subset, sample_id, dataset.subset_of)
        if Stamp.of(path) != stamp:
            raise DataError(f"expected a file that stays as it is, found one being written, at {path}; start again")
        for name, part in indexed.items():
            part |= {"schema": SCHEMA, "stamp": asdict(stamp)}
            # A cache that cannot be written costs time, not the run: the rows are there.
            with suppress(DataError):
                write_cache_file(_kept_path(cache_dir, name, common), _dump(part))
        content = indexed[subset]
    if expected_sha256 is not None and content["sha256"] != expected_sha256:
        raise DataError(
            f"expected the data that was fetched from {origin} (sha256 {expected_sha256}), found sha256 "
            f"{content['sha256']}: the file was changed in the cache, at {path}; delete it to fetch it again"
        )
    ids, ordinals = content["ids"], content["ordinals"]
    return Manifest(
        subset=subset,
        rows=content["rows"],
        ids=None if ids is None else tuple(ids),
        sha256=content["sha256"],
        origin=origin,
        revision=revision,
        file=file,
        path=path,
        stamp=stamp,
        ordinals=None if ordinals is None else tuple(ordinals),
    )


def read_rows(manifest: Manifest, dataset: Dataset, indices: Sequence[int]) -> list[Row]:
    """The rows with these indices, in the order of the indices; the same index may come again.

    Raises DataError: a line that is no row (with file and line), or a file that changed since it was collected.
    """
    rows = {row.index: row for row in each_row(manifest, dataset, indices)}
    return [rows[index] for index in indices]


def each_row(manifest: Manifest, dataset: Dataset, indices: Sequence[int]) -> Iterator[Row]:
    """The rows with these indices, each once, in the order of the file; no more than one is held at a time.

    Raises DataError as read_rows does.
    """
    if not indices:
        return
    outside = [index for index in indices if not 0 <= index < manifest.rows]
    if outside:
        raise IndexError(f"{manifest.file} has {manifest.rows} rows for {manifest.subset}; index {outside[0]} is none")
    if manifest.path is None:
        every = _inline_rows(dataset, manifest.subset)
        for index in sorted(set(indices)):
            yield Row(every[index], subset=manifest.subset, index=index, file=manifest.file, line=index + 1)
        return
    if not manifest.path.is_file() or Stamp.of(manifest.path) != manifest.stamp:
        raise DataError(
            f"expected the file as it was when the tests were collected, found it changed, at {manifest.path}; "
            "run again"
        )
    ordinals = manifest.ordinals
    places = {index if ordinals is None else ordinals[index]: index for index in indices}
    stamp = manifest.stamp
    for ordinal, line, fields, place in read_records(manifest.path, manifest.file, set(places)):
        spot = None
        if place is not None and stamp is not None:
            spot = partial(FileOffset, manifest.path, manifest.file, place, stamp)
        yield Row(fields, subset=manifest.subset, index=places[ordinal], file=manifest.file, line=line, spot=spot)


def _open_inline(dataset: Dataset, subset: str, benchmark: str, sample_id: SampleId | None) -> Manifest:
    fields = _inline_rows(dataset, subset)
    file = f"{benchmark} (inline rows)"
    part = _Part()
    for index, row_fields in enumerate(fields):
        if sample_id is not None:
            row = Row(row_fields, subset=subset, index=index, file=file, line=index + 1)
            part.add(sample_id(row), row)
    return Manifest(
        subset=subset,
        rows=len(fields),
        ids=None if sample_id is None else tuple(part.places),
        sha256=hashlib.sha256(_dump(list(fields))).hexdigest(),
        origin=file,
        revision=None,
        file=file,
    )


def _inline_rows(dataset: Dataset, subset: str) -> Sequence[Mapping[str, Any]]:
    assert dataset.inline is not None
    every = dataset.inline()
    if subset not in every:
        raise DataError(f"expected inline rows for subset {subset!r}, found rows for {', '.join(every) or 'none'}")
    return every[subset]


def _index(
    path: Path, file: str, subset: str, sample_id: SampleId | None, subset_of: SubsetOf | None
) -> dict[str, dict[str, Any]]:
    """Rows, ids and places, from the file itself; of every subset in it, so that the next one reads no file again."""
    try:
        sha256 = sha256_of(path)
    except OSError as error:
        raise DataError(f"expected a file that can be read, found {error.strerror or error}, at {path}") from error
    if subset_of is None and sample_id is None:
        return {subset: {"sha256": sha256, "rows": count_records(path, file), "ids": None, "ordinals": None}}
    # One row lives at a time: a file may be larger than memory.
    parts: dict[str, _Part] = {} if subset_of is not None else {subset: _Part()}
    for ordinal, line, fields, _ in read_records(path, file):
        row = Row(fields, subset=subset, index=ordinal, file=file, line=line)
        if subset_of is not None:
            row.subset = subset_of(row)
        part = parts.setdefault(row.subset, _Part())
        row.index = len(part.ordinals)
        part.ordinals.append(ordinal)
        if sample_id is not None:
            part.add(sample_id(row), row)
    if subset not in parts:
        names = list(parts)
        shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
        raise DataError(f"expected rows of subset {subset!r}, found rows of {shown or 'none'}, in {file}")
    return {
        name: {
            "sha256": sha256,
            "rows": len(part.ordinals),
            "ids": None if sample_id is None else list(part.places),
            "ordinals": None if subset_of is None else part.ordinals,
        }
        for name, part in parts.items()
    }


def _kept_path(cache_dir: Path, subset: str, common: tuple[str, ...]) -> Path:
    key = hashlib.sha256("\0".join((subset, *common)).encode()).hexdigest()
    return cache_dir / "manifests" / f"{common[0]}-{key[:32]}.json"


def _read_kept(kept: Path, stamp: Stamp) -> dict[str, Any] | None:
    """The manifest made earlier; None where there is none, it is damaged, or the file is another one now."""
    import orjson  # noqa: PLC0415 (paid by those who open data)

    try:
        content = orjson.loads(kept.read_bytes())
        is_current = content["schema"] == SCHEMA and Stamp(**content["stamp"]) == stamp
        return content if is_current and {"sha256", "rows", "ids", "ordinals"} <= content.keys() else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _dump(content: Any) -> bytes:
    import orjson  # noqa: PLC0415

    try:
        return orjson.dumps(content, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    except TypeError as error:
        raise DataError(f"expected inline rows of JSON values, found {error}") from error


def _fingerprint(function: Callable[..., Any] | None) -> str:
    """Another text when the function's own code is another one, so that ids follow an edited sample_id at once."""
    if function is None:
        return ""
    name = f"{getattr(function, '__module__', '')}.{getattr(function, '__qualname__', '')}"
    code = getattr(function, "__code__", None)
    if code is None:
        return name
    # Sorted: the order of a set differs between processes. Inner code objects are told by their address, so left out.
    constants = [
        sorted(map(repr, constant)) if isinstance(constant, frozenset) else repr(constant)
        for constant in code.co_consts
        if not hasattr(constant, "co_code")
    ]
    return f"{name} {code.co_code.hex()} {code.co_names} {constants}"
