"""The columns and the table in a real pytest-html report, in one process and under xdist."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from pytest_modeleval.pytest_plugin.pytest_html import name_losses
from pytest_modeleval.records import Kind
from pytest_modeleval.reports.html_scores import html_summary, omitted_html
from pytest_modeleval.reports.pytest_html_rows import details_html, html_header, html_row
from pytest_modeleval.reports.table_rows import score_rows
from pytest_modeleval.reports.text_layout import HIDDEN
from pytest_modeleval.results import RunSummary
from tests.support.page_cases import Document, hostile_views
from tests.support.report_cases import HOSTILE_TEXT, full_summary, summaries

ROOT = Path(__file__).parents[2]
OWN_CELLS = ["col-benchmark", "col-subset", "col-kind", "col-grade", "col-tokens", "col-response"]

CONFTEST = """
import pytest
from pytest_modeleval.reports.pytest_html_rows import html_header, html_row
from pytest_modeleval.reports.html_scores import html_summary
from tests.support.report_cases import full_summary

@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if "kind" in item.fixturenames:
        facts = {"benchmark": "iquiz", "subset": "<b>IQ</b>", "kind": item.callspec.params["kind"], "value": 0.5}
        report.user_properties.append(("facts", facts))

def facts_of(report):
    return dict(report.user_properties).get("facts")

def pytest_html_results_table_header(cells):
    html_header(cells)

def pytest_html_results_table_row(report, cells):
    html_row(facts_of(report), cells)

def pytest_html_results_summary(prefix, summary, postfix, session):
    prefix.extend(html_summary(full_summary()))
"""

TESTS = """
import pytest

@pytest.mark.parametrize(
    "kind", ["right", "wrong", "timeout"], ids=["a", "<img src=x onerror=document.title='owned'>", "c&amp;d"]
)
def test_sample(kind):
    assert kind != "wrong"

def test_other():
    pass
"""


def written_report(folder: Path, *options: str) -> str:
    """The HTML that pytest-html writes for a small suite; only the plugins that are named take part."""
    for plugin in ("pytest_html", "xdist"):
        pytest.importorskip(plugin, reason=f"{plugin} is not installed")
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_toy.py").write_text(TESTS)
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    # What this test run was told must not reach the inner one.
    inner = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "MODELEVAL_"))}
    inner |= {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    plugins = [
        "-p",
        "pytest_html.plugin",
        "-p",
        "pytest_metadata.plugin",
        "-p",
        "xdist.plugin",
        "-p",
        "no:cacheprovider",
    ]
    command = [sys.executable, "-m", "pytest", *plugins, "--html=report.html", "--self-contained-html", *options]
    done = subprocess.run(command, cwd=folder, env=inner, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    return (folder / "report.html").read_text(encoding="utf-8")


def rows_of(html: str) -> list[list[str]]:
    """The cells of every row of the results table."""
    blobs = [attrs["data-jsonblob"] for _, attrs in Document(html).tags if "data-jsonblob" in attrs]
    found: dict[str, list[dict[str, Any]]] = json.loads(blobs[0] or "")["tests"]
    return [entry["resultsTableRow"] for entries in found.values() for entry in entries]


@pytest.mark.parametrize("options", [(), ("-n2",)], ids=["one process", "xdist"])
def test_real_report_has_columns_and_table(tmp_path: Path, options: tuple[str, ...]) -> None:
    """Columns stand in header and rows alike, ids from the data are escaped, the table of scores is on top."""
    html = written_report(tmp_path, *options)
    document = Document(html)
    types = [attrs["data-column-type"] for _, attrs in document.tags if "data-column-type" in attrs]
    own = [name.removeprefix("col-") for name in OWN_CELLS]
    assert types == ["result", "testId", *own, "duration"]
    rows = sorted(rows_of(html), key=lambda row: row[1])
    assert len(rows) == 4
    assert {len(row) for row in rows} == {10}
    sample, other = rows[-2], rows[0]
    assert other[2:8] == [f'<td class="{name}"></td>' for name in OWN_CELLS]
    assert '<td class="col-subset">&lt;b&gt;IQ&lt;/b&gt;</td>' in sample
    kinds = {row[4] for row in rows[1:]}
    assert kinds == {f'<td class="col-kind">{kind}</td>' for kind in ("right", "wrong", "timeout")}
    assert {row[5] for row in rows[1:]} == {'<td class="col-grade">0.5000</td>', '<td class="col-grade"></td>'}
    assert not any("<img" in cell for row in rows for cell in row)
    assert (
        html.index("gate failed: iquiz-floor")
        < html.index('<table class="modeleval">')
        < html.index('id="results-table"')
    )


def test_header_and_row_grow_alike() -> None:
    """Six columns after the test's id, whether a test belongs to a benchmark or not; an emptied row stays empty."""
    header = ["<th>Result</th>", "<th>Test</th>", "<th>Duration</th>", "<th>Links</th>"]
    html_header(header)
    for facts in (None, {}, {"benchmark": "b", "subset": "s", "kind": "wrong", "value": 0.0}, {"kind": "no such kind"}):
        cells = ["<td>1</td>", '<td class="col-testId">t</td>', "<td>3</td>", "<td>4</td>"]
        html_row(facts, cells)
        assert len(cells) == len(header) == 10
        assert [cells[0], *cells[-2:]] == ["<td>1</td>", "<td>3</td>", "<td>4</td>"]
    empty: list[str] = []
    html_row({"kind": "right"}, empty)
    assert empty == []


@pytest.mark.parametrize(("kind", "credit"), [(kind, "0.2500" if kind.is_verdict else "") for kind in Kind])
def test_only_verdicts_have_a_credit(kind: Kind, credit: str) -> None:
    """An item without a verdict shows no number that could be taken for a score."""
    cells = ["", "", ""]
    html_row({"benchmark": "b", "subset": "s", "kind": kind.value, "value": 0.25}, cells)
    assert cells[4:6] == [f'<td class="col-kind">{kind.label}</td>', f'<td class="col-grade">{credit}</td>']


def test_numbers_sort_as_numbers_though_pytest_html_sorts_text() -> None:
    """Of the cells' HTML, which is what is compared, 9 comes before 10 and 1.5 s before 12 s."""
    rows = []
    for tokens, seconds in ((9, 1.5), (10, 12.0), (1300, 120.25)):
        cells = ["", "", ""]
        html_row({"kind": "wrong", "completion_tokens": tokens, "total_s": seconds}, cells)
        rows.append((cells[6], cells[7]))
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    assert [row[1] for row in rows] == sorted(row[1] for row in rows)
    assert Document(rows[2][0]).text == "00000001300.0001,300"


def test_a_gate_shows_its_verdict_where_samples_show_their_kind() -> None:
    """A gate's row belongs to no benchmark and says what became of it; its name is escaped."""
    cells = ["", '<td class="col-testId">gates.toml::gate[<b>]</td>', ""]
    html_row(None, cells, gate="cannot judge")
    assert cells[1] == '<td class="col-testId">gates.toml::gate[&lt;b&gt;]</td>'
    assert cells[4] == '<td class="col-kind">gate cannot judge</td>'


def test_fold_is_text_whatever_the_transcript_holds() -> None:
    """Question, expected and given answer, thinking and reply stand in it, and no element but ours."""
    for view in hostile_views("http://127.0.0.1:9"):
        fold = details_html(view, is_open=False)
        document = Document(fold)
        assert {tag for tag, _ in document.tags} == {"details", "summary", "dl", "dt", "dd", "pre"}
        assert not any(name.startswith("on") or name in ("src", "href") for _, attrs in document.tags for name in attrs)
        assert not HIDDEN.search(fold)
    shown = Document(fold).text
    assert [shown.index(part) for part in ("expected", "answer", "user", "thinking", "reply")] == sorted(
        shown.index(part) for part in ("expected", "answer", "user", "thinking", "reply")
    )


def test_what_is_left_out_is_said() -> None:
    """How many there are, how many are shown, where the rest is."""
    text = Document(omitted_html(14_042, 3_925, 300, "the journal of runs/<x>")).text
    assert "14,042 samples" in text
    assert "300 of the 3,925 samples that are not right" in text
    assert "The 10,117 right ones are left out; all are in the journal of runs/<x>." in text
    assert "all 7 samples that are not right" in Document(omitted_html(5_000, 7, 7, "the journal")).text


def test_row_escapes_every_fact_and_the_id_once() -> None:
    """Hostile names stay text, and an id that is escaped already is not escaped twice."""
    cells = ["", '<td class="col-testId">t[<img src=x>]</td>']
    html_row({"benchmark": HOSTILE_TEXT, "subset": "<i>", "kind": "wrong"}, cells)
    assert cells[1] == '<td class="col-testId">t[&lt;img src=x&gt;]</td>'
    assert not {"script", "i", "img"} & {tag for tag, _ in Document("".join(cells)).tags}
    again = ["", cells[1]]
    html_row({"kind": "wrong"}, again)
    assert again[1] == cells[1]


def test_summary_has_gates_table_and_remarks() -> None:
    """Gates first, then the scores, then what qualifies them."""
    text = Document("".join(html_summary(full_summary()))).text
    places = [
        text.index(said)
        for said in ("gate failed", "MiniMaxAI/MiniMax-M2", "incomplete run", "0.6538", "partial: 1 of 5")
    ]
    assert places == sorted(places)
    assert html_summary(RunSummary("M", True, ())) == []


def test_scores_are_drawn_with_their_intervals() -> None:
    """Each whole score is a dot on its interval, a partial aggregate a dashed line without one."""
    document = Document("".join(html_summary(full_summary())))
    rows = score_rows(full_summary())
    assert document.count("circle", class_="dot") == sum(row.value is not None for row in rows)
    assert document.count("line", class_="interval") == sum(not row.is_partial for row in rows)
    assert document.count("line", class_="bound") == sum(row.is_partial for row in rows) > 0


@settings(max_examples=50)
@given(summaries())
def test_summary_holds_only_our_elements(summary: RunSummary) -> None:
    """Whatever names and reasons hold, they are text."""
    html = "".join(html_summary(summary))
    allowed = {"meta", "style", "p", "b", "strong", "table", "thead", "tbody", "tr", "th", "td", "ul", "li"}
    allowed |= {"svg", "line", "circle", "text"}
    assert {tag for tag, _ in Document(html).tags} <= allowed
    assert not HIDDEN.search(html)


def test_counts_call_samples_by_their_kinds() -> None:
    """One kind by its name, several in a list, other expected failures apart; an unknown form stays as it is."""
    entry = {"label": "Expected failures", "value": 1_200}
    name_losses({"xfailed": entry}, {Kind.WRONG: 1_200, Kind.TRUNCATED: 0})
    assert entry == {"label": "wrong", "value": 1_200}
    name_losses({"xfailed": entry}, {Kind.WRONG: 1_190, Kind.NO_ANSWER: 9})
    assert entry["label"] == "not right: 1,190 wrong, 9 no answer, 1 expected failure"
    for unknown in (None, {}, {"xfailed": 7}):
        name_losses(unknown, {Kind.WRONG: 1})
    name_losses({"xfailed": entry}, {})
    assert entry["label"].startswith("not right")
