"""Finds the files of a benchmark's subsets below the folder that --eval-data names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_modeleval.datasets.files import SUFFIXES
from pytest_modeleval.datasets.folders import folder_subsets
from pytest_modeleval.errors import DataError
from pytest_modeleval.fetch.source import fill_pattern

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from pytest_modeleval.datasets.sources import Dataset

# Files that a message lists.
_MAX_NEARBY = 6
# A declared subset may not hold these either: the name becomes part of a test's id.
_BAD_SUBSET = re.compile(r"[\[\]\s/\\:]")


def find_subsets(
    dataset: Dataset, data_dir: Path | None, *, may_be_selected: Callable[[str], bool] = lambda _: True
) -> list[str]:
    """The subsets that have a file below data_dir, in alphabetical order; [] if there are none or no folder.

    Only patterns with {subset} count. may_be_selected: whether the run may select a subset of this name. Raises
    DataError for a file name that cannot name a subset, unless the run does not select it.
    """
    found: set[str] = set()
    if data_dir is None:
        return []
    for name, path in folder_subsets(dataset, data_dir) if dataset.reader else _file_subsets(dataset, data_dir):
        if not _BAD_SUBSET.search(name):
            found.add(name)
        elif may_be_selected(name):
            raise DataError(
                f"expected a file name that can name a subset, found {name!r} with a space, colon or bracket, at "
                f"{path}; rename the file"
            )
    return sorted(found)


def _file_subsets(dataset: Dataset, data_dir: Path) -> Iterator[tuple[str, Path]]:
    """Names of files below data_dir that fit a pattern with {subset}."""
    for pattern in dataset.locals:
        before, mark, after = pattern.partition("{subset}")
        # Most patterns of a run are those of other benchmarks, whose folders are not there.
        if not mark or not (data_dir / before.rpartition("/")[0]).is_dir():
            continue
        globbed = "*".join(re.sub(r"([*?[])", r"[\1]", part) for part in (before, after.replace("{subset}", "*")))
        shape = re.escape(before) + "(?P<subset>[^/]+)" + re.escape(after).replace(re.escape("{subset}"), "(?P=subset)")
        for suffix in SUFFIXES:
            matcher = re.compile(shape + re.escape(suffix))
            for path in data_dir.glob(globbed + suffix):
                match = matcher.fullmatch(path.relative_to(data_dir).as_posix())
                if match and not match["subset"].startswith("."):
                    yield match["subset"], path


def find_local_file(dataset: Dataset, subset: str, data_dir: Path) -> tuple[Path, str]:
    """The file below data_dir that holds the subset, and its name below data_dir.

    Raises DataError with every path tried, or with both files where two match.
    """
    shared = dataset.file_of(subset) if dataset.file_of is not None else subset
    names = dict.fromkeys(fill_pattern(pattern, name) for name in (subset, shared) for pattern in dataset.locals)
    for name in names:
        if file := _only_file(data_dir, name):
            return data_dir / file, file
    if not data_dir.is_dir():
        raise DataError(f"expected a folder of data (--eval-data), found none at {data_dir}")
    tried = ", ".join(str(data_dir / name) for name in names)
    raise DataError(
        f"expected a data file {tried} with one of the endings {' '.join(SUFFIXES)}, found none; "
        f"{_nearby(dataset, data_dir)}put the file there, name another folder with --eval-data DIR, "
        + ("or leave --eval-data out to fetch the data" if dataset.remotes else "or deselect the benchmark with -k")
    )


def _only_file(data_dir: Path, name: str) -> str:
    """The file of this name with any of the endings; "" if there is none. Raises DataError where there are several."""
    found = [f"{name}{suffix}" for suffix in SUFFIXES if (data_dir / f"{name}{suffix}").is_file()]
    if len(found) > 1:
        raise DataError(
            f"expected one file for {name}, found {' and '.join(found)} in {data_dir}; remove or rename all but one"
        )
    return found[0] if found else ""


def describe_empty(dataset: Dataset, data_dir: Path | None) -> str:
    """Why a benchmark whose subsets are files has none: the paths looked for, and files that almost fit."""
    patterns = " or ".join(pattern.replace("{subset}", "<subset>") for pattern in dataset.locals)
    if data_dir is None:
        return f"its subsets are your {_what(dataset, patterns)}; name their folder with --eval-data=DIR"
    if dataset.reader is not None:
        return f"no folder {data_dir}/{patterns} with {dataset.reader.expected}"
    looked = f"no data file {data_dir}/{patterns} with one of the endings {' '.join(SUFFIXES)}"
    return f"{looked}; {_nearby(dataset, data_dir)}".rstrip("; ")


def _what(dataset: Dataset, patterns: str) -> str:
    return f"folders {patterns} with {dataset.reader.expected}" if dataset.reader else f"files {patterns}.jsonl"


def _nearby(dataset: Dataset, data_dir: Path) -> str:
    """Other files in the folders of a data set, and how spreadsheets become readable; "" if there are none."""
    folders = {(data_dir / pattern.partition("{subset}")[0].rpartition("/")[0]) for pattern in dataset.locals}
    names = sorted(path.name for folder in folders if folder.is_dir() for path in folder.iterdir() if path.is_file())
    if not names:
        return ""
    more = f" and {len(names) - _MAX_NEARBY} more" if len(names) > _MAX_NEARBY else ""
    return f"there is {', '.join(names[:_MAX_NEARBY])}{more}{_advice(names)}; "


def _advice(names: Sequence[str]) -> str:
    """How files that cannot be read become readable; "" if nothing is known about them."""
    if any(name.lower().endswith((".xlsx", ".xls", ".ods")) for name in names):
        return ": save a spreadsheet as CSV (UTF-8)"
    if any(name.lower().endswith(SUFFIXES) and not name.endswith(SUFFIXES) for name in names):
        return ": write the ending in lower case"
    if any(name.endswith(".json") for name in names):
        return ": write one JSON object on each line, as .jsonl"
    return ""
