"""Shown in the terminal with the table of scores: raw replies of suspicious subsets, and where to look next."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from pytest_modeleval.reports.worst_subsets import lost_kinds
from pytest_modeleval.results import RunSummary
from pytest_modeleval.runs.opened_run import shown_path
from pytest_modeleval.runs.report_files import REPORT_FILE
from pytest_modeleval.store.contents import Contents
from pytest_modeleval.store.journal import read_line
from pytest_modeleval.store.run_folder import RunFolder

RAW_REPLIES = 3


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


def raw_replies(summary: RunSummary, contents: Contents) -> dict[tuple[str, str], list[str]]:
    """(benchmark, subset) of each suspicious subset -> up to RAW_REPLIES replies as the server sent them."""
    found: dict[tuple[str, str], list[str]] = {
        (entry.benchmark, score.subset): []
        for entry in summary.benchmarks
        for score in entry.subsets
        if score.is_suspicious
    }
    if not found:
        return found
    for key, outcome in contents.outcomes.items():
        replies = found.get((key.benchmark, key.subset))
        line = contents.responses.get(outcome.request_key)
        if replies is not None and line is not None and len(replies) < RAW_REPLIES:
            replies.append(_reply_text(read_line(line).get("reply") or {}))
    return found


def _reply_text(reply: Mapping[str, Any]) -> str:
    calls = reply.get("tool_calls")
    return (reply.get("content") or "") + (f" [tool calls: {calls}]" if calls else "")
