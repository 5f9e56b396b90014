"""A run folder that is opened to be read: by show and export. It may be anybody's, and it may be under way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pytest_modeleval.evaluation.summary import require_plans
from pytest_modeleval.results import RunSummary
from pytest_modeleval.runs.finish import journal_summary
from pytest_modeleval.samples.reading import SampleReader
from pytest_modeleval.store.journal import JournalReader
from pytest_modeleval.store.run_file import load_run
from pytest_modeleval.store.summary_gates import read_gates


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run, read from its folder."""

    path: Path
    run: Mapping[str, Any]
    """run.json."""
    samples: SampleReader
    summary: RunSummary
    """Made from the journals; the gates are those of summary.json."""


def open_run(path: Path) -> FinishedRun:
    """Read a run folder. Raises RunFolderError where there is none, or where its plans are damaged."""
    run = load_run(path)
    contents = JournalReader(path).refresh()
    require_plans(contents, path)
    summary = journal_summary(run, contents, model=run["model"], may_be_ungraded=lambda count, _: not count)
    is_complete = bool(run.get("complete", summary.is_complete))
    return FinishedRun(
        path, run, SampleReader(path, contents), replace(summary, is_complete=is_complete, gates=read_gates(path))
    )
