"""`modeleval show RUN`: the table of a finished run, its worst subsets, and single items with question and reply."""

from __future__ import annotations

import argparse
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pytest_modeleval.commands.paging import print_paged
from pytest_modeleval.errors import SettingsError

_WORST = 5


def add_command(commands: argparse._SubParsersAction[Any]) -> None:
    """Add `modeleval show` to the parser of the command."""
    # What the options need; the rest is loaded when the command runs.
    from pytest_modeleval.commands.selection import add_options  # noqa: PLC0415

    parser = commands.add_parser(
        "show",
        help="the table of a run, its worst subsets, and what was asked and answered, sample by sample",
        description="Show a run folder: scores and worst subsets, or with options the samples that they choose. "
        "Needs no data, no model and no network. On a terminal the text goes through $PAGER, else less.",
    )
    parser.add_argument("folder", type=Path, metavar="RUN", help="a run folder")
    add_options(parser)
    parser.add_argument("--limit", type=int, default=20, metavar="N", help="samples shown at most (20)")
    parser.add_argument("--thinking", action="store_true", help="show the thinking too, not only its length")
    parser.add_argument("--full", action="store_true", help="every message as it was sent; nothing is cut or left out")
    parser.add_argument("--no-pager", action="store_true", help="print, also on a terminal")
    parser.set_defaults(run=_run)


def _run(given: argparse.Namespace) -> list[str]:
    from pytest_modeleval.commands.selection import is_given  # noqa: PLC0415
    from pytest_modeleval.runs.finished_run import open_run  # noqa: PLC0415

    if given.limit < 1:
        raise SettingsError(f"modeleval show: --limit: expected at least 1, found {given.limit}")
    finished = open_run(given.folder)
    lines = _samples(given, finished) if is_given(given) else _overview(given, finished)
    # The first line is made here: a mistake of the user is reported before a pager starts.
    first = next(lines, "")
    print_paged(_joined(first, lines), is_paged=not given.no_pager)
    return []


def _joined(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _overview(given: argparse.Namespace, finished: Any) -> Iterator[str]:
    from pytest_modeleval.reports.terminal import summary_parts  # noqa: PLC0415
    from pytest_modeleval.reports.worst_subsets import lost_kinds, worst_subset_lines  # noqa: PLC0415

    width = max(50, shutil.get_terminal_size().columns - 1)
    for text, _ in summary_parts(finished.summary, width=width, has_requests=True):
        yield text
    worst = worst_subset_lines(finished.summary, most=_WORST)
    if worst:
        yield from ["", "worst subsets:", *worst]
    if note := finished.samples.contents.damage_note():
        yield f"warning: {note}"
    lost = ",".join(lost_kinds(finished.summary))
    if lost:
        yield from ["", f"show the wrong ones: modeleval show {shlex.quote(str(given.folder))} --kind {lost}"]


def _samples(given: argparse.Namespace, finished: Any) -> Iterator[str]:
    from pytest_modeleval.commands.selection import before_text, completed, select  # noqa: PLC0415
    from pytest_modeleval.reports.sample_text import RULE, Detail, sample_lines  # noqa: PLC0415
    from pytest_modeleval.reports.text_layout import counted  # noqa: PLC0415

    selection = select(given, finished)
    total = len(selection.records)
    shown = min(total, given.limit)
    label = "newly wrong sample" if selection.changes is not None else "sample"
    left = f", the first {shown:,} shown; --limit shows more" if shown < total else ""
    gained = f"; {selection.changes.gained:,} newly right" if selection.changes is not None else ""
    yield f"{counted(total, label)}{left}{gained}"
    for record in completed(selection, finished, given.limit):
        detail = Detail(is_full=given.full, has_thinking=given.thinking)
        yield from sample_lines(record, detail, before=before_text(selection, record.key))
    if total:
        yield RULE
