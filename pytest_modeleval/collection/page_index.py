"""The shipped benchmarks by name, so that a page is imported only where -k may select one of its samples.

`index.json` in the folder of the shipped benchmarks has a line for each benchmark; `ci/make_page_index.py` writes it. A
page that it does not know is imported.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from pytest_modeleval.collection.keyword import may_be_in_id, may_match
from pytest_modeleval.declaration import Benchmark

NAME = "index.json"


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """What -k and hints need to know of one benchmark."""

    page: str
    """Its module, below the folder of the index: "mmlu/test_mmlu.py"."""
    function: str
    benchmark: str
    subsets: tuple[str, ...]
    """Empty where the data decides."""
    aggregates: tuple[str, ...]
    groups: tuple[str, ...]
    """Names of groups, lower case, that ids of the data may hold."""
    has_own_ids: bool
    """The ids come from the data."""


def index_entry(page: str, function: str, declared: Benchmark) -> IndexEntry:
    """The entry of a declared benchmark."""
    return IndexEntry(
        page,
        function,
        declared.name,
        tuple(subset.name for subset in declared.subsets),
        tuple(aggregate.name for aggregate in declared.aggregates),
        tuple(sorted({group.lower() for breakdown in declared.breakdowns for group in breakdown.order})),
        declared.sample_id is not None,
    )


def index_text(entries: list[IndexEntry]) -> str:
    """The file: one benchmark a line."""
    return "[\n" + ",\n".join(json.dumps(asdict(entry)) for entry in entries) + "\n]\n"


class PageIndex:
    """The benchmarks of the shipped folder, and which of them an expression of -k cannot select."""

    def __init__(self, folder: Path, expression: str) -> None:
        self._folder = folder
        self._expression = expression
        self._entries: dict[str, list[IndexEntry]] = {}
        self._names: frozenset[str] = frozenset()
        if expression.strip():
            self._read()

    def _read(self) -> None:
        try:
            entries = [IndexEntry(**fields) for fields in json.loads((self._folder / NAME).read_bytes())]
        except OSError:
            return
        for entry in entries:
            self._entries.setdefault(str((self._folder / entry.page).parent), []).append(entry)
        self._names = frozenset(entry.benchmark for entry in entries)

    def left_out(self, path: Path) -> list[IndexEntry]:
        """The benchmarks of a page's folder if -k selects none of them; else an empty list."""
        entries = self._entries.get(str(path), [])
        return [] if any(map(self._may_select, entries)) else entries

    def _may_select(self, entry: IndexEntry) -> bool:
        names = (self._folder.name, *Path(entry.page).parts, entry.function)

        def could_be_in_id(word: str) -> bool:
            # A word that is the name of a benchmark is not looked for in the data of others.
            if entry.has_own_ids and word.lower() not in self._names:
                return True
            return any(self._ids_may_hold(entry, word))

        return not entry.subsets or may_match(self._expression, names=names, could_be_in_id=could_be_in_id)

    @staticmethod
    def _ids_may_hold(entry: IndexEntry, word: str) -> Iterator[bool]:
        groups = frozenset(entry.groups)
        for subset in entry.subsets:
            yield may_be_in_id(
                word, function=entry.function, subset=subset, groups=groups, has_own_ids=entry.has_own_ids
            )
