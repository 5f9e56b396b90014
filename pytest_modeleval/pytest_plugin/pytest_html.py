"""What we do to the page of pytest-html: columns, scores on top, transcripts, and no more rows than a browser bears.

pytest-html has no paging: the page draws every row when it is opened, about a millisecond each, so that one of 14,000
rows takes half a minute. Larger runs therefore keep the gates, tests that are none of ours, and samples that are not
right; the counts stay those of all. What pytest-html counts and shows as expected failures is called by its kind.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, MutableMapping, MutableSequence, Set
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from pytest_modeleval.pytest_plugin.gate_reports import GATE
from pytest_modeleval.pytest_plugin.item_reports import ATTRIBUTE
from pytest_modeleval.records import ItemKey, Kind
from pytest_modeleval.reports.html_scores import html_summary, omitted_html, report_link
from pytest_modeleval.reports.page_data import SampleView, select_samples
from pytest_modeleval.reports.pytest_html_rows import details_html, html_header, html_row
from pytest_modeleval.reports.text_layout import counted
from pytest_modeleval.results import RunSummary

# Samples up to which every one has its row, and those that are not right which a larger run shows.
MOST_ROWS = 2000
MOST_SHOWN = 300

_XFAILED = "xfailed"

Rows = MutableMapping[str, list[dict[str, Any]]]


class PytestHtmlPage:
    """Hooks of pytest-html. Registered where --html is given, in the main process.

    summary(): the finished run's. views(keys): its items, those of `keys` with what was asked and said. place: where
    all samples are, in words. page(): the run's own report, which is linked if it exists.
    """

    def __init__(
        self,
        summary: Callable[[], RunSummary | None],
        views: Callable[[set[ItemKey]], Iterable[SampleView]],
        place: Callable[[], str],
        page: Callable[[], Path],
    ) -> None:
        self._summary = summary
        self._views = views
        self._place = place
        self._page = page
        self._seen: dict[str, SampleView] = {}
        # Samples that pytest reports as expected failures.
        self._lost: Counter[Kind] = Counter()
        self._data: Any = None
        self._outcomes: Any = None

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_report_title(self, report: Any) -> None:
        """Keep what the page is made of: rows are taken out of it, and transcripts put into it, at the end."""
        self._data = getattr(report, "data", None)
        self._outcomes = getattr(report, "outcomes", None)
        collapsed = self._data.get("renderCollapsed") if isinstance(self._data, dict) else None
        if collapsed == ["passed"]:
            # pytest-html's own default leaves every wrong answer open, and a page of them is no list any more.
            collapsed.append(_XFAILED)

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_header(self, cells: MutableSequence[str]) -> None:
        """Add our columns."""
        html_header(cells)

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_row(self, report: Any, cells: MutableSequence[str]) -> None:
        """Fill our columns."""
        facts = getattr(report, ATTRIBUTE, None)
        if facts is not None:
            key = ItemKey(facts["benchmark"], facts["subset"], facts["sample"], facts["repeat"])
            view = self._seen[report.nodeid] = SampleView(key=key, kind=Kind(facts["kind"]))
            self._lost[view.kind] += hasattr(report, "wasxfail")
        html_row(facts, cells, gate=getattr(report, GATE, ""))

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_summary(self, prefix: MutableSequence[str], session: pytest.Session) -> None:
        """Gates and scores stand first. Afterwards the page is written, so now its rows are chosen."""
        summary = self._summary()
        if summary is None:
            return
        prefix.extend(html_summary(summary))
        prefix.extend(_link(Path(session.config.getoption("htmlpath")), self._page()))
        rows = self._data.get("tests") if isinstance(self._data, dict) else None
        if not isinstance(rows, MutableMapping):
            # Another pytest-html than the ones we know: the page is complete, and slow if it is long.
            return
        name_losses(self._outcomes, self._lost)
        name_results(rows, self._seen)
        chosen = select_samples(self._seen.values(), MOST_SHOWN)
        shown = {view.key for group in chosen.groups.values() for view in group}
        if len(self._seen) > MOST_ROWS:
            filter_rows(rows, self._seen, shown)
            prefix.append(omitted_html(len(self._seen), chosen.not_right, chosen.shown, self._place()))
        add_details(rows, self._seen, {view.key: view for view in self._views(shown) if view.key in shown})


def _link(here: Path, page: Path) -> list[str]:
    """A link to the run's own report, relative, so that both can be copied together; nothing where there is none."""
    if not page.exists():
        return []
    target = os.path.relpath(page.absolute(), here.absolute().parent)
    return [report_link(quote(target.replace(os.sep, "/")), target)]


def name_losses(outcomes: Any, lost: Mapping[Kind, int]) -> None:
    """In the counts of a page, call samples that are not right by their kinds, and no longer "Expected failures".

    outcomes: pytest-html's, of which the label and value of "xfailed" are known. lost: samples that were counted there.
    """
    entry = outcomes.get(_XFAILED) if isinstance(outcomes, Mapping) else None
    words = [f"{count:,} {kind.label}" for kind, count in lost.items() if count]
    if not isinstance(entry, MutableMapping) or not words:
        return
    others = int(entry.get("value") or 0) - sum(lost.values())
    if others > 0:
        words.append(counted(others, "expected failure"))
    entry["label"] = words[0].partition(" ")[2] if len(words) == 1 else f"not right: {', '.join(words)}"


def name_results(rows: Rows, seen: Mapping[str, SampleView]) -> None:
    """Call the result of a sample that is not right by its kind. pytest-html sorts and filters by another field."""
    for nodeid, view in seen.items():
        for entry in rows.get(nodeid, ()):
            cells = entry.get("resultsTableRow")
            if cells and str(entry.get("result", "")).lower() == _XFAILED:
                cells[0] = cells[0].replace(entry["result"], escape(view.kind.label))


def filter_rows(rows: Rows, seen: Mapping[str, SampleView], shown: Set[ItemKey]) -> None:
    """Take the rows of all samples that are not shown out of a page. seen: the samples, by node id."""
    for nodeid, view in seen.items():
        if view.key not in shown:
            rows.pop(nodeid, None)


def add_details(rows: Rows, seen: Mapping[str, SampleView], views: Mapping[ItemKey, SampleView]) -> None:
    """Give every row of these items its transcript, as an extra of pytest-html. views: with what was asked and said."""
    for nodeid, plain in seen.items():
        view, entries = views.get(plain.key), rows.get(nodeid)
        if view is None or not entries:
            continue
        entry = entries[-1]
        # A row that is collapsed is a fold itself; where it starts open, the transcript does not.
        fold = details_html(view, is_open=str(entry.get("result", "")).lower() == _XFAILED)
        extra = {"name": "transcript", "format_type": "html", "content": fold, "mime_type": None, "extension": None}
        entry["extras"] = [*(entry.get("extras") or ()), extra]
