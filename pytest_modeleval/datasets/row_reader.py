"""Reads the rows that were selected, from the file or the code that a manifest describes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from pytest_modeleval.datasets.files import Stamp, read_records
from pytest_modeleval.datasets.folders import folder_rows
from pytest_modeleval.datasets.lazy import FileOffset
from pytest_modeleval.datasets.manifest import Manifest
from pytest_modeleval.datasets.rows import Row
from pytest_modeleval.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_modeleval.datasets.sources import Dataset


def read_rows(manifest: Manifest, dataset: Dataset, indices: Sequence[int]) -> list[Row]:
    """The rows with these indices, in the order of the indices; the same index may come again.

    Raises DataError: a line that is no row (with file and line), or a file that changed since it was collected.
    """
    rows = {row.index: row for row in each_row(manifest, dataset, indices)}
    return [rows[index] for index in indices]


def each_row(
    manifest: Manifest, dataset: Dataset, indices: Sequence[int], options: Mapping[str, Any] | None = None
) -> Iterator[Row]:
    """The rows with these indices, each once, in the order of the file; no more than one is held at a time.

    options: of the page, for the rows to carry.

    Raises DataError as read_rows does.
    """
    if not indices:
        return
    _check_indices(manifest, indices)
    if manifest.folder is not None:
        yield from folder_rows(manifest, dataset, indices, options)
    elif manifest.path is None:
        every = inline_rows(dataset, manifest.subset)
        for index in sorted(set(indices)):
            yield Row(
                every[index],
                subset=manifest.subset,
                index=index,
                file=manifest.file,
                line=index + 1,
                options=options,
            )
    else:
        yield from _file_rows([(manifest, indices)], manifest.path, options)


def each_row_of_parts(
    parts: Sequence[tuple[Manifest, Sequence[int]]], dataset: Dataset, options: Mapping[str, Any] | None = None
) -> Iterator[Row]:
    """The rows of several subsets, as each_row gives them; a file that holds many of them is read once.

    parts: manifest and indices of each subset. Raises DataError as each_row does.
    """
    shared: dict[Path, list[tuple[Manifest, Sequence[int]]]] = {}
    for manifest, indices in parts:
        # Without ordinals, two subsets may be made of the same rows.
        if manifest.path is None or manifest.ordinals is None:
            yield from each_row(manifest, dataset, indices, options)
        elif indices:
            _check_indices(manifest, indices)
            shared.setdefault(manifest.path, []).append((manifest, indices))
    for path, found in shared.items():
        yield from _file_rows(found, path, options)


def _check_indices(manifest: Manifest, indices: Sequence[int]) -> None:
    outside = [index for index in indices if not 0 <= index < manifest.rows]
    if outside:
        raise IndexError(f"{manifest.file} has {manifest.rows} rows for {manifest.subset}; index {outside[0]} is none")


def _file_rows(
    parts: Sequence[tuple[Manifest, Sequence[int]]], path: Path, options: Mapping[str, Any] | None
) -> Iterator[Row]:
    """Rows of one file. parts: subsets without a row in common."""
    stamp, file = parts[0][0].stamp, parts[0][0].file
    if not path.is_file() or Stamp.of(path) != stamp:
        raise DataError(
            f"expected the file as it was when the tests were collected, found it changed, at {path}; run again"
        )
    by_ordinal = {
        index if manifest.ordinals is None else manifest.ordinals[index]: (manifest.subset, index)
        for manifest, indices in parts
        for index in indices
    }
    for ordinal, line, fields, position in read_records(path, file, set(by_ordinal)):
        offset = None
        if position is not None and stamp is not None:
            offset = partial(FileOffset, path, file, position, stamp)
        subset, index = by_ordinal[ordinal]
        yield Row(
            fields,
            subset=subset,
            index=index,
            file=file,
            line=line,
            offset=offset,
            options=options,
            folder=path.parent,
        )


def inline_rows(dataset: Dataset, subset: str) -> Sequence[Mapping[str, Any]]:
    """The rows that the benchmark's own code makes for a subset. Raises DataError if it makes none for it."""
    assert dataset.inline is not None
    every = dataset.inline()
    if subset not in every:
        raise DataError(f"expected inline rows for subset {subset!r}, found rows for {', '.join(every) or 'none'}")
    return every[subset]
