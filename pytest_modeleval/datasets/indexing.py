"""Builds the manifest of a subset from its file, and caches it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pytest_modeleval.datasets.files import Stamp, count_records, read_records
from pytest_modeleval.datasets.folders import open_folder
from pytest_modeleval.datasets.local_files import find_local_file
from pytest_modeleval.datasets.manifest import Manifest
from pytest_modeleval.datasets.row_reader import inline_rows
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


class _SubsetIndex:
    """One subset while its file is read.

    ordinals: positions of its rows in the file. first_lines: id -> the line of its row.
    """

    __slots__ = ("first_lines", "ordinals")

    def __init__(self) -> None:
        self.ordinals: list[int] = []
        self.first_lines: dict[str, int] = {}

    def add(self, name: object, row: Row) -> None:
        """Record a row's id. Raises DataError if it is not text, or another row of the subset has it."""
        if not isinstance(name, str) or not name:
            raise DataError(f"expected sample_id to give text, found {name!r}, for {row.where}")
        before = self.first_lines.setdefault(name, row.line)
        if before != row.line:
            raise DataError(
                f"expected every sample to have its own id, found {name!r} twice: at line {before} and in {row.where}; "
                "correct the data, or give the benchmark a sample_id that tells the rows apart"
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
    """The manifest of one subset; a second call reads one small file.

    data_dir: if given, only this folder is read, without network. Otherwise the data comes from the cache, or is
    fetched unless is_offline.
    sample_id: makes each row's id; without it rows are only counted.
    Raises DataError: file missing or damaged, a row that sample_id cannot name, an id used twice.
    """
    if dataset.inline is not None:
        return _open_inline(dataset, subset, benchmark, sample_id)
    if dataset.reader is not None:
        return open_folder(dataset, subset, benchmark=benchmark, data_dir=data_dir, sample_id=sample_id)
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
    cached_path = _cached_path(cache_dir, subset, common)
    stamp = Stamp.of(path)
    content = _read_cached(cached_path, stamp)
    if content is None:
        indexed = _index(path, file, subset, sample_id, dataset.subset_of)
        if Stamp.of(path) != stamp:
            raise DataError(f"expected a file that stays as it is, found one being written, at {path}; start again")
        for name, part in indexed.items():
            part |= {"schema": SCHEMA, "stamp": asdict(stamp)}
            # Without a cache the next run only takes longer.
            with suppress(DataError):
                write_cache_file(_cached_path(cache_dir, name, common), _dump(part))
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


def _open_inline(dataset: Dataset, subset: str, benchmark: str, sample_id: SampleId | None) -> Manifest:
    fields = inline_rows(dataset, subset)
    file = f"{benchmark} (inline rows)"
    part = _SubsetIndex()
    for index, row_fields in enumerate(fields):
        if sample_id is not None:
            row = Row(row_fields, subset=subset, index=index, file=file, line=index + 1)
            part.add(sample_id(row), row)
    return Manifest(
        subset=subset,
        rows=len(fields),
        ids=None if sample_id is None else tuple(part.first_lines),
        sha256=hashlib.sha256(_dump(list(fields))).hexdigest(),
        origin=file,
        revision=None,
        file=file,
    )


def _index(
    path: Path, file: str, subset: str, sample_id: SampleId | None, subset_of: SubsetOf | None
) -> dict[str, dict[str, Any]]:
    """Count, ids and positions, for every subset in the file, so that the next subset does not read it again."""
    try:
        sha256 = sha256_of(path)
    except OSError as error:
        raise DataError(f"expected a file that can be read, found {error.strerror or error}, at {path}") from error
    if subset_of is None and sample_id is None:
        return {subset: {"sha256": sha256, "rows": count_records(path, file), "ids": None, "ordinals": None}}
    # One row lives at a time: a file may be larger than memory.
    parts: dict[str, _SubsetIndex] = {} if subset_of is not None else {subset: _SubsetIndex()}
    for ordinal, line, fields, _ in read_records(path, file):
        row = Row(fields, subset=subset, index=ordinal, file=file, line=line)
        if subset_of is not None:
            row.subset = subset_of(row)
        part = parts.setdefault(row.subset, _SubsetIndex())
        row.index = len(part.ordinals)
        part.ordinals.append(ordinal)
        if sample_id is not None:
            part.add(sample_id(row), row)
    if subset not in parts:
        raise DataError(f"expected rows of subset {subset!r}, found rows of {_listed(list(parts))}, in {file}")
    return {
        name: {
            "sha256": sha256,
            "rows": len(part.ordinals),
            "ids": None if sample_id is None else list(part.first_lines),
            "ordinals": None if subset_of is None else part.ordinals,
        }
        for name, part in parts.items()
    }


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return f"{', '.join(names[:8])}{more}" if names else "none"


def _cached_path(cache_dir: Path, subset: str, common: tuple[str, ...]) -> Path:
    key = hashlib.sha256("\0".join((subset, *common)).encode()).hexdigest()
    return cache_dir / "manifests" / f"{common[0]}-{key[:32]}.json"


def _read_cached(cached_path: Path, stamp: Stamp) -> dict[str, Any] | None:
    """The manifest made earlier; None if there is none, it is damaged, or the data file changed."""
    import orjson  # noqa: PLC0415 (paid by those who open data)

    try:
        content = orjson.loads(cached_path.read_bytes())
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
    """A text that changes with the function's own code, so that an edited sample_id makes new ids at once."""
    if function is None:
        return ""
    name = f"{getattr(function, '__module__', '')}.{getattr(function, '__qualname__', '')}"
    code = getattr(function, "__code__", None)
    if code is None:
        return name
    # Sorted, because the order of a set differs between processes. Inner code objects are skipped: their repr holds an
    # address.
    constants = [
        sorted(map(repr, constant)) if isinstance(constant, frozenset) else repr(constant)
        for constant in code.co_consts
        if not hasattr(constant, "co_code")
    ]
    return f"{name} {code.co_code.hex()} {code.co_names} {constants}"
