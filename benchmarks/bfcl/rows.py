"""Rows of BFCL's files -> samples. Ids are the official ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_modeleval.datasets import Dataset, Progress, Row
from pytest_modeleval.errors import DataError
from pytest_modeleval.fetch.package import PackageFile
from pytest_modeleval.fetch.source import Fetched
from pytest_modeleval.records import Sample
from pytest_modeleval.web_search.config import read_web_config
from pytest_modeleval.web_search.corpus import index_of

from .categories import CATEGORIES, WEB_CORPUS, Category, Style
from .wheel import DEFAULT_VERSION, NAME, sha256_of_wheel


@dataclass(frozen=True, slots=True)
class _FilesOfCategories:
    """A Source that reads the file of a category, where two categories share one."""

    files: PackageFile

    def key(self, subset: str) -> str:
        return self.files.key(_file(subset))

    def origin(self, subset: str) -> str:
        return self.files.origin(_file(subset))

    def fetch(self, subset: str, *, pinned: str | None, cache_dir: Path, progress: Progress) -> Fetched:
        return self.files.fetch(_file(subset), pinned=pinned, cache_dir=cache_dir, progress=progress)

    def find_elsewhere(self, subset: str, *, pinned: str | None) -> Fetched | None:
        return self.files.find_elsewhere(_file(subset), pinned=pinned)

    def accepts(self, fetched: Fetched) -> bool:
        return self.files.accepts(fetched)


def _file(subset: str) -> str:
    category = CATEGORIES.get(subset)
    return (category.file if category is not None else "") or subset


def dataset(version: str = DEFAULT_VERSION) -> Dataset:
    """Questions and accepted answers of one bfcl-eval wheel, joined by id; or bfcl_v4/ below --eval-data.

    There, too, the backends of memory share one file, and so do the ways of searching the web.
    """
    shipped = "bfcl_eval/data/BFCL_v4_{subset}.json"
    answers = "bfcl_eval/data/possible_answer/BFCL_v4_{subset}.json"
    files = PackageFile(NAME, version, shipped, sha256=sha256_of_wheel(version), join=answers)
    return Dataset(locals=("bfcl_v4/{subset}",), remotes=(_FilesOfCategories(files),), file_of=_file)


def sample_id(row: Row) -> str:
    """The official id. Memory and web search: the data names the file, which serves several subsets."""
    identifier, file = row.text("id"), _file(row.subset)
    if not identifier.startswith(f"{file}_"):
        raise DataError(f"expected an id of {row.subset}, such as {file}_0, found {identifier!r}, in {row.where}")
    return identifier.replace(file, row.subset, 1)


def to_sample(row: Row) -> Sample:
    """One question.

    data: category, messages (one list per turn), functions where the row has them, and what the graders of function
    calls need; for questions in several turns also classes, config and held_back (turn -> function names).
    """
    category = CATEGORIES.get(row.subset)
    if category is None:
        raise DataError(f"expected a category of BFCL V4, found {row.subset!r}, in {row.where}")
    if category.name == WEB_CORPUS and (corpus := read_web_config().corpus) is not None:
        # Samples are made before the first request: faults of the documents are reported now.
        index_of(corpus)
    turns = row["question"]
    if not isinstance(turns, list) or not all(isinstance(turn, list) for turn in turns):
        raise DataError(f"expected 'question' to be a list of turns, each a list of messages, in {row.where}")
    return Sample(question=_last_text(turns), target=_target(row, category), data=_data(row, category, turns))


def _target(row: Row, category: Category) -> Any:
    if category.style is Style.SINGLE and not category.wanted.has_answers:
        return None
    return row["ground_truth"]


def _data(row: Row, category: Category, turns: Sequence[Any]) -> dict[str, Any]:
    data: dict[str, Any] = {"category": category.name, "messages": turns}
    if category.style is Style.SINGLE:
        return data | {
            "functions": row["function"],
            "wanted": category.wanted.value,
            "language": category.language.value,
        }
    held_back: Mapping[str, Any] = row.get("missed_function") or {}
    return data | {
        "classes": tuple(row["involved_classes"]),
        "config": row.get("initial_config") or {},
        "held_back": {int(turn): tuple(names) for turn, names in held_back.items()},
        "scenario": row.get("scenario") or "",
    }


def _last_text(turns: Sequence[Sequence[Mapping[str, Any]]]) -> str:
    texts = [message.get("content") for turn in turns for message in turn]
    return str(texts[-1]) if texts else ""
