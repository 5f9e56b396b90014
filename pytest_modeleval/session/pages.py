"""What is written at the end beside summary.json: report.html, pytest-html's columns, GitHub's page."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, MutableSequence
from pathlib import Path
from typing import Any

import pytest

from pytest_modeleval.records import Kind, Outcome
from pytest_modeleval.reports import github
from pytest_modeleval.reports.html_plugin import html_header, html_row, html_summary
from pytest_modeleval.results import RunSummary
from pytest_modeleval.session.outcomes import ATTRIBUTE
from pytest_modeleval.store.files import write_whole
from pytest_modeleval.store.journal import Contents, read_place
from pytest_modeleval.store.run_folder import RunFolder

REPORT_FILE = "report.html"


class HtmlColumns:
    """Hooks of pytest-html: our columns, and the table of scores on top. Registered where --html is given."""

    def __init__(self, summary: Callable[[], RunSummary | None]) -> None:
        self._summary = summary

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_header(self, cells: MutableSequence[str]) -> None:
        """Add our columns."""
        html_header(cells)

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_row(self, report: Any, cells: MutableSequence[str]) -> None:
        """Fill our columns."""
        html_row(getattr(report, ATTRIBUTE, None), cells)

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_summary(self, prefix: MutableSequence[str]) -> None:
        """Scores stand first."""
        summary = self._summary()
        if summary is not None:
            prefix.extend(html_summary(summary))


def write_report(folder: RunFolder, summary: RunSummary) -> Path:
    """report.html of the run folder; raw replies are read for the items that it shows, and for no others."""
    from pytest_modeleval.reports.page import MAX_SHOWN, report_page  # noqa: PLC0415 - jinja2, only at the end
    from pytest_modeleval.reports.page_parts import select_samples  # noqa: PLC0415

    contents = folder.reader.contents
    chosen = select_samples(_views(contents, set()), MAX_SHOWN)
    shown = {view.key for group in chosen.groups.values() for view in group}
    page = report_page(
        summary, run=folder.run, samples=_views(contents, shown), title=f"{summary.model}: {folder.path.name}"
    )
    path = folder.path / REPORT_FILE
    write_whole(path, page.encode())
    return path


def write_for_github(summary: RunSummary) -> list[str]:
    """Append to GitHub's step summary if there is one; the annotations to print, none outside of GitHub."""
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return []
    target = os.environ.get("GITHUB_STEP_SUMMARY")
    if target:
        with Path(target).open("a", encoding="utf-8") as file:
            file.write(github.step_summary(summary))
    return github.annotations(summary)


def _views(contents: Contents, with_content: set[Any]) -> Iterator[Any]:
    from pytest_modeleval.reports.page_parts import SampleView  # noqa: PLC0415

    for key, outcome in contents.outcomes.items():
        if outcome.kind is Kind.RIGHT:
            yield SampleView(key=key, kind=outcome.kind)
            continue
        line = _response_line(contents, outcome) if key in with_content else {}
        reply = line.get("reply") or {}
        yield SampleView(
            key=key,
            kind=outcome.kind,
            value=outcome.value,
            answer=outcome.answer,
            cause=outcome.cause,
            explanation=outcome.explanation,
            target=outcome.target,
            request_messages=(line.get("request") or {}).get("messages") or (),
            content=reply.get("content") or "",
            reasoning=reply.get("reasoning_content") or "",
            tool_calls=reply.get("tool_calls") or (),
            finish_reason=outcome.finish_reason,
            tokens=outcome.completion_tokens,
            total_s=outcome.total_s,
        )


def _response_line(contents: Contents, outcome: Outcome) -> dict[str, Any]:
    place = contents.responses.get(outcome.request_key)
    return read_place(place) if place is not None else {}
