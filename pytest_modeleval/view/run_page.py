"""The page of one run: that of report.html, with its samples over HTTP."""

from __future__ import annotations

from pathlib import Path

from pytest_modeleval.reports.page import assets
from pytest_modeleval.reports.page.document import page_parts
from pytest_modeleval.runs.finished_run import open_run
from pytest_modeleval.runs.report_files import page_title, raw_replies
from pytest_modeleval.store.summary_file import summary_json


def run_page(folder: Path, *, is_live: bool) -> tuple[bytes, str]:
    """The page and its content security policy. Raises RunFolderError for a folder that cannot be read."""
    opened = open_run(folder)
    parts = page_parts(
        opened.summary,
        summary_json=summary_json(opened.summary),
        run=opened.run,
        samples=None,
        title=page_title(opened.summary, folder.name),
        replies=raw_replies(opened.summary, opened.samples.contents),
        is_live=is_live,
    )
    return "".join(parts).encode(), f"{assets.policy(is_served=True)}; frame-ancestors 'none'"
