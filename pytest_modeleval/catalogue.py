"""The shipped benchmarks: `modeleval benchmarks` lists them, with subsets, counts, licence and needs. Works offline."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from pytest_modeleval._support.shipped_folder import importable_package, shipped_folder
from pytest_modeleval._support.suggest import hint
from pytest_modeleval.datasets import default_cache_dir, open_manifest, with_options
from pytest_modeleval.declaration import Benchmark, Subset, declared_benchmark
from pytest_modeleval.errors import DataError, SettingsError, UserError
from pytest_modeleval.reports.text_layout import pad, wrap

_WIDTH = 100
_ROW = re.compile(r"\|\s*([^|]+?)\s*\|\s*(.*?)\s*\|\s*\Z")


@dataclass(frozen=True, slots=True)
class Entry:
    """One shipped benchmark and its card."""

    benchmark: Benchmark
    page: str
    """Its module, below the folder of the shipped benchmarks."""
    function: str
    card: Path
    subject: str
    """What it asks, one sentence of the card."""
    licence: str
    """Of the data; "" where the card names none, because the rows are the user's or made by code."""


def read_catalogue(folder: Path | None = None) -> list[Entry]:
    """Every shipped benchmark, in alphabetical order. Imports the pages; pytest is not imported.

    Raises SettingsError for an environment variable that a page cannot use.
    """
    folder = folder or shipped_folder()
    entries = []
    with importable_package(folder) as package:
        for page in sorted(folder.glob("*/test_*.py")):
            module = import_module(f"{package}.{page.parent.name}.{page.stem}")
            for name, value in vars(module).items():
                declared = declared_benchmark(value)
                if declared is not None:
                    entries.append(_entry(declared, page, name))
    return sorted(entries, key=lambda entry: entry.benchmark.name)


def count_rows(entry: Entry, subset: Subset, data_dir: Path | None) -> int | None:
    """The rows of a subset, without network: declared, in data_dir, or in the cache; None where they are in none."""
    if subset.size is not None:
        return subset.size
    declared = entry.benchmark
    options = {option.name: option.default for option in declared.options}
    try:
        return open_manifest(
            with_options(declared.dataset, options),
            subset.name,
            benchmark=declared.name,
            version=declared.version,
            data_dir=data_dir,
            cache_dir=default_cache_dir(),
            sample_id=None,
            is_offline=True,
        ).rows
    except DataError:
        return None


def add_command(commands: argparse._SubParsersAction[Any]) -> None:
    """Add `modeleval benchmarks` to the parser of the command."""
    parser = commands.add_parser(
        "benchmarks",
        help="the shipped benchmarks: subsets, counts, licence, what each needs",
        description="List the shipped benchmarks, or show one with its subsets. Asks no network.",
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="show this benchmark")
    parser.add_argument(
        "--data",
        type=Path,
        default=os.environ.get("MODELEVAL_DATA") or None,
        metavar="DIR",
        help="count rows in this folder, as --eval-data of pytest (env MODELEVAL_DATA); else in the cache",
    )
    parser.set_defaults(run=_run)


def _run(given: argparse.Namespace) -> list[str]:
    entries = read_catalogue()
    data_dir = None if given.data is None else Path(given.data).absolute()
    if given.name is None:
        return list(_list_lines(entries, data_dir))
    names = [entry.benchmark.name for entry in entries]
    if given.name not in names:
        raise SettingsError(
            f"modeleval benchmarks: no benchmark is named {given.name!r}; {hint(given.name, names)} "
            "`modeleval benchmarks` lists all"
        )
    return list(_detail_lines(entries[names.index(given.name)], data_dir))


def _list_lines(entries: list[Entry], data_dir: Path | None) -> Iterator[str]:
    width = max(len(entry.benchmark.name) for entry in entries) + 2
    yield f"{pad('benchmark', width)}{pad('samples', 9, right=True)}  subject"
    for entry in entries:
        head = f"{pad(entry.benchmark.name, width)}{pad(_total(entry, data_dir), 9, right=True)}  "
        yield from _wrapped(head, entry.subject)
    yield ""
    yield "- or +: rows that are neither declared, in --data DIR nor in the cache; a run fetches them."
    yield "One of them, with its subsets: modeleval benchmarks NAME. Run it: pytest --model NAME -k BENCHMARK"


def _total(entry: Entry, data_dir: Path | None) -> str:
    """The samples of the subsets that are asked without being named."""
    subsets = entry.benchmark.subsets
    usual = [subset for subset in subsets if not subset.is_optional] or subsets
    counts = [count_rows(entry, subset, data_dir) for subset in usual]
    known = [count for count in counts if count is not None]
    if not known:
        return "-"
    return f"{sum(known):,}{'+' if len(known) < len(counts) else ''}"


def _detail_lines(entry: Entry, data_dir: Path | None) -> Iterator[str]:
    declared = entry.benchmark
    yield f"{declared.name}, version {declared.version}, metric {declared.metric}"
    yield from wrap(entry.subject, _WIDTH)
    yield ""
    yield from _field("licence", entry.licence or "none named: the rows are yours, or made by code")
    own = "your files below --eval-data=DIR" if declared.dataset.inline is None else "made by code"
    yield from _field("data", ", ".join(_origins(declared)) or own)
    if declared.dataset.locals:
        ending = ".jsonl" if declared.dataset.reader is None else "/"
        yield from _field("local", ", ".join(f"DIR/{pattern}{ending}" for pattern in declared.dataset.locals))
    if declared.aggregates:
        yield from _field("aggregates", ", ".join(aggregate.name for aggregate in declared.aggregates))
    for measure in declared.measures_under({option.name: option.default for option in declared.options}):
        yield from _field("measure", f"{measure.name}: {measure.method} of {', '.join(measure.of)}")
    for option in declared.options:
        text = f"{option.name}: {option.expected}, default {option.default}"
        yield from _field("option", f"{text}. {option.description}".rstrip(". "))
    for need in _needs(declared):
        yield from _field("needs", need)
    if declared.optional_roles:
        yield from _field("uses", f"a further model as {', '.join(declared.optional_roles)}, where it is given")
    yield from _field("card", str(entry.card))
    yield ""
    yield from _subset_lines(entry, data_dir)


def _needs(declared: Benchmark) -> list[str]:
    needs = (
        (declared.needs_likelihood, "a server that scores texts: vLLM, SGLang or llama.cpp"),
        (declared.needs_labels, "a server that lists the likely first tokens of a reply (top_logprobs)"),
        (declared.needs_decisions, "a server with /v1/decisions: SGLang 0.5.23, vLLM 0.33"),
        (declared.needs_embeddings, "a server with /v1/embeddings"),
        (declared.needs_rerank, "a server with /v1/rerank or /rerank"),
        (declared.needs_images, "a model that sees pictures"),
        (declared.needs_rag, "your own RAG pipeline (docs/rag.md)"),
    )
    return [text for is_needed, text in needs if is_needed]


def _subset_lines(entry: Entry, data_dir: Path | None) -> Iterator[str]:
    subsets = entry.benchmark.subsets
    if not subsets:
        reader = entry.benchmark.dataset.reader
        yield f"Every folder with {reader.expected} is a subset." if reader else "Every file of the folder is a subset."
        return
    width = max(len(subset.name) for subset in subsets) + 2
    yield f"{pad('subset', width)}{pad('samples', 9, right=True)}  note"
    for subset in subsets:
        count = count_rows(entry, subset, data_dir)
        notes = ["optional: asked only where it is named (-k)"] if subset.is_optional else []
        notes += [f"waits: {subset.missing}"] if subset.missing else []
        shown = "-" if count is None else f"{count:,}"
        yield f"{pad(subset.name, width)}{pad(shown, 9, right=True)}  {'; '.join(notes)}".rstrip()


def _field(name: str, value: str) -> Iterator[str]:
    return _wrapped(pad(name, 12), value)


def _wrapped(head: str, text: str) -> Iterator[str]:
    """The text behind its head, in lines that begin below each other."""
    first, *more = wrap(text, _WIDTH - len(head)) or [""]
    yield head + first
    for line in more:
        yield " " * len(head) + line


def _origins(declared: Benchmark) -> list[str]:
    names = [subset.name for subset in declared.subsets] or ["{subset}"]
    return list(dict.fromkeys(source.origin(name) for source in declared.dataset.remotes for name in names[:1]))


def _entry(declared: Benchmark, page: Path, function: str) -> Entry:
    card = page.with_name("card.md")
    try:
        text = card.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"expected a card that can be read, found {error.strerror}, at {card}") from error
    rows = {found[1]: found[2] for line in text.splitlines() if (found := _ROW.match(line))}
    subject = rows.get("what") or _first_paragraph(text)
    licence = rows.get("licence") or rows.get("data, licence", "")
    return Entry(declared, f"{page.parent.name}/{page.name}", function, card, subject, licence)


def _first_paragraph(text: str) -> str:
    parts = [part for part in text.split("\n\n") if part.strip() and not part.startswith(("#", "|"))]
    return " ".join(parts[0].split()).partition(". ")[0].rstrip(".") if parts else ""
