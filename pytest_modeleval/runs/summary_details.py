"""Shown in the terminal below the table of scores: where to look next."""

from __future__ import annotations

import shlex

from pytest_modeleval.reports.worst_subsets import lost_kinds
from pytest_modeleval.results import RunSummary
from pytest_modeleval.runs.opened_run import shown_path
from pytest_modeleval.runs.report_files import REPORT_FILE
from pytest_modeleval.store.run_folder import RunFolder


def places(summary: RunSummary, folder: RunFolder) -> list[tuple[str, str]]:
    """(label, path or command): the run folder, the report, how to see the wrong ones, how to go on."""
    path = shown_path(folder.path)
    found = [("run folder", path)]
    if (folder.path / REPORT_FILE).exists():
        found.append(("report", f"{path}/{REPORT_FILE}"))
    if lost := lost_kinds(summary):
        found.append(("show the wrong ones", f"modeleval show {shlex.quote(path)} --kind {','.join(lost)}"))
    if not summary.is_complete:
        found.append(("go on", "run the same command again: nothing that was answered is asked twice"))
    return found
