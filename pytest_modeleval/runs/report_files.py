"""Reports written at the end of a run: report.html and GitHub's step summary."""

from __future__ import annotations

import os
from collections.abc import Iterator, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_modeleval._support.atomic_file import atomic_write
from pytest_modeleval.records import ItemKey, Kind, Outcome
from pytest_modeleval.results import RunSummary
from pytest_modeleval.store.contents import Contents
from pytest_modeleval.store.journal import read_line
from pytest_modeleval.store.requests import expand_request
from pytest_modeleval.store.run_folder import RunFolder

# The room of reports is loaded at the end, when there is something to report.
if TYPE_CHECKING:
    from pytest_modeleval.reports.page_data import SampleView

REPORT_FILE = "report.html"


def write_report(folder: RunFolder, summary: RunSummary) -> Path:
    """report.html of the run folder; raw replies are read for the items that it shows, and for no others."""
    from pytest_modeleval.reports.page import MAX_SHOWN, report_page  # noqa: PLC0415 - jinja2, only at the end
    from pytest_modeleval.reports.page_data import select_samples  # noqa: PLC0415

    contents = folder.reader.contents
    chosen = select_samples(views(contents, set()), MAX_SHOWN)
    shown = {view.key for group in chosen.groups.values() for view in group}
    page = report_page(
        summary, run=folder.run, samples=views(contents, shown), title=page_title(summary, folder.path.name)
    )
    path = folder.path / REPORT_FILE
    atomic_write(path, page.encode())
    return path


def page_title(summary: RunSummary, run_name: str) -> str:
    """What was evaluated, and which run it was: "gsm8k, mmlu and 3 more on MiniMax-M2 (2026-11-24T08-04-05Z)"."""
    names = [entry.benchmark for entry in summary.benchmarks]
    listed = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"{listed} on {summary.model} ({run_name})" if names else f"{summary.model} ({run_name})"


def write_for_github(summary: RunSummary) -> list[str]:
    """Append to GitHub's step summary if there is one; the annotations to print, none outside of GitHub."""
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return []
    from pytest_modeleval.reports import github  # noqa: PLC0415

    target = os.environ.get("GITHUB_STEP_SUMMARY")
    if target:
        with Path(target).open("a", encoding="utf-8") as file:
            file.write(github.step_summary(summary))
    return github.annotations(summary)


def views(contents: Contents, with_content: Set[ItemKey]) -> Iterator[SampleView]:
    """Every item of a run as a reader sees it; messages are read only for those in with_content."""
    from pytest_modeleval.reports.page_data import SampleView  # noqa: PLC0415

    repeated = {plan.benchmark for plan in contents.plans if plan.repeats > 1}
    for key, outcome in contents.outcomes.items():
        if outcome.kind is Kind.RIGHT:
            yield SampleView(key=key, kind=outcome.kind)
            continue
        line = _response_line(contents, outcome) if key in with_content else {}
        reply, request = line.get("reply") or {}, expand_request(line, contents)
        yield SampleView(
            key=key,
            kind=outcome.kind,
            value=outcome.value,
            answer=outcome.answer,
            cause=outcome.cause,
            explanation=outcome.explanation,
            target=outcome.target,
            request_messages=request.get("messages") or (),
            content=reply.get("content") or "",
            reasoning=reply.get("reasoning_content") or "",
            tool_calls=reply.get("tool_calls") or (),
            tools=request.get("tools") or (),
            finish_reason=outcome.finish_reason,
            tokens=outcome.completion_tokens,
            total_s=outcome.total_s,
            has_repeats=key.benchmark in repeated,
        )


def _response_line(contents: Contents, outcome: Outcome) -> dict[str, Any]:
    place = contents.responses.get(outcome.request_key)
    return read_line(place) if place is not None else {}
