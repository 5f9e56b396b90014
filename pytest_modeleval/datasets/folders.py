"""Subsets that are folders of several files, such as a corpus with queries and judgements.

A `FolderReader` says which folders are subsets and makes the rows of one; `dataset=folder("{subset}", reader=...)`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from pytest_modeleval.datasets.manifest import Manifest
from pytest_modeleval.datasets.rows import Row
from pytest_modeleval.errors import DataError
from pytest_modeleval.fetch.source import fill_pattern

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_modeleval.datasets.sources import Dataset


@dataclass(frozen=True, slots=True)
class FolderRows:
    """The rows of one folder."""

    rows: Sequence[Mapping[str, Any]]
    sha256: str
    """Of all the files that they are made of."""
    file: str
    """The file that messages about a row name."""
    excluded: Mapping[str, str] = field(default_factory=dict)
    """`_id` of a row that is not asked -> why."""


class FolderReader(Protocol):
    """Makes rows of folders."""

    @property
    def expected(self) -> str:
        """The files that make a folder a subset, for messages."""

    def is_subset(self, folder: Path) -> bool:
        """True if the folder has the files of a subset; quick, called for every folder below --eval-data."""

    def read(self, folder: Path, name: str, options: Mapping[str, Any]) -> FolderRows:
        """The rows. name: of the folder in messages. options: of the page. Raises DataError."""


def folder_subsets(dataset: Dataset, data_dir: Path) -> Iterator[tuple[str, Path]]:
    """Names of the subsets below data_dir, with their folders."""
    assert dataset.reader is not None
    for pattern in dataset.locals:
        before, _, after = pattern.partition("{subset}")
        for path in sorted(data_dir.glob(f"{before}*{after}")):
            if path.is_dir() and not path.name.startswith(".") and dataset.reader.is_subset(path):
                yield path.relative_to(data_dir / before).parts[0], path


def is_own_folder(dataset: Dataset, subset: str, data_dir: Path) -> bool:
    """True if the first pattern finds the subset; the others are of folders that belong to no benchmark."""
    assert dataset.reader is not None
    return dataset.reader.is_subset(data_dir / fill_pattern(dataset.locals[0], subset))


def open_folder(
    dataset: Dataset, subset: str, *, benchmark: str, data_dir: Path | None, sample_id: Callable[[Row], str] | None
) -> Manifest:
    """The manifest of a subset that is a folder. Raises DataError."""
    assert dataset.reader is not None
    if data_dir is None:
        raise DataError(
            f"expected a folder of data for {benchmark}, found none named; its rows are made of "
            f"{dataset.reader.expected} in folders of yours ({', '.join(dataset.locals)}): name the folder above them "
            "with --eval-data DIR"
        )
    folder, name = _find_folder(dataset, subset, data_dir.absolute())
    found = dataset.reader.read(folder, name, dataset.options)
    ids: dict[str, int] = {}
    excluded = {}
    for row in _rows(found, subset, {}):
        made = sample_id(row) if sample_id is not None else str(row.index)
        if ids.setdefault(made, row.index) != row.index:
            raise DataError(
                f"expected every sample to have its own id, found {made!r} twice: at row {ids[made] + 1} and in "
                f"{row.where}; correct the data, or give the benchmark a sample_id that tells the rows apart"
            )
        if row.get("_id") in found.excluded:
            excluded[made] = found.excluded[row["_id"]]
    return Manifest(
        subset=subset,
        rows=len(found.rows),
        ids=None if sample_id is None else tuple(ids),
        sha256=found.sha256,
        origin=name,
        revision=None,
        file=found.file,
        folder=folder,
        excluded=excluded,
    )


def folder_rows(
    manifest: Manifest, dataset: Dataset, indices: Sequence[int], options: Mapping[str, Any] | None
) -> Iterator[Row]:
    """The rows with these indices, each once, in order. Raises DataError where a file changed since collection."""
    assert dataset.reader is not None
    assert manifest.folder is not None
    found = dataset.reader.read(manifest.folder, manifest.origin, dataset.options)
    if found.sha256 != manifest.sha256:
        raise DataError(
            f"expected the files as they were when the tests were collected, found one changed, in {manifest.folder}; "
            "run again"
        )
    wanted = set(indices)
    yield from (row for row in _rows(found, manifest.subset, options or {}) if row.index in wanted)


def _rows(found: FolderRows, subset: str, options: Mapping[str, Any]) -> Iterator[Row]:
    for index, fields in enumerate(found.rows):
        yield Row(fields, subset=subset, index=index, file=found.file, line=index + 1, options=options)


def _find_folder(dataset: Dataset, subset: str, data_dir: Path) -> tuple[Path, str]:
    """The folder of a subset and its name below data_dir. Raises DataError with every path tried."""
    assert dataset.reader is not None
    names = [fill_pattern(pattern, subset) for pattern in dataset.locals]
    for name in names:
        if dataset.reader.is_subset(data_dir / name):
            return data_dir / name, name
    tried = ", ".join(str(data_dir / name) for name in names)
    raise DataError(
        f"expected a folder {tried} with {dataset.reader.expected}, found none; put the files there, name another "
        "folder with --eval-data DIR, or deselect the benchmark with -k"
    )
