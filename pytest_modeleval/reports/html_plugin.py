"""What pytest-html 4 shows of an evaluation: three more columns, and the table of scores on top. HTML strings, escaped.

pytest-html marks every cell and every prefix as safe and sets rows through innerHTML, so nothing may leave here
unescaped. Its rows are for looking at single items; report.html of the run folder is the report that stays quick at
twenty thousand of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableSequence
from html import escape, unescape
from typing import Any

from pytest_modeleval.records import Kind
from pytest_modeleval.reports.remarks import remarks
from pytest_modeleval.reports.rows import NONE, ScoreRow, counts_sentence, score_rows, score_text
from pytest_modeleval.reports.table import gate_text
from pytest_modeleval.reports.text import one_line
from pytest_modeleval.results import RunSummary

# After Result and Test, before Duration and Links.
_AT = 2
_TEST_ID = re.compile(r'(<td class="col-testId">)(.*)(</td>)\Z', re.DOTALL)
_COLORS = {"passed": "#2a7f4f", "failed": "#c0392f", "cannot judge": "#a86500"}
_STYLE = (
    "<style>.modeleval{color:#222;font-size:13px}table.modeleval{border-collapse:collapse;margin:8px 0}"
    ".modeleval th,.modeleval td{padding:3px 10px;border-bottom:1px solid #e6e6e6;text-align:left;white-space:nowrap}"
    ".modeleval .figure{text-align:right;font-variant-numeric:tabular-nums}.modeleval .aggregate{font-weight:bold}"
    "</style>"
)


def html_header(cells: MutableSequence[str]) -> None:
    """For pytest_html_results_table_header: add the columns Benchmark, Kind and Credit, all sortable."""
    cells[_AT:_AT] = [
        '<th class="sortable" data-column-type="benchmark">Benchmark</th>',
        '<th class="sortable" data-column-type="kind">Kind</th>',
        '<th class="sortable" data-column-type="credit">Credit</th>',
    ]


def html_row(report_facts: Mapping[str, Any] | None, cells: MutableSequence[str]) -> None:
    """For pytest_html_results_table_row: the cells of one item; empty ones for a test that is no benchmark's.

    report_facts: what rides on the report: "benchmark", "subset", "kind" (a kind's value), "value" (credit, 0 to 1).
    A row that another plugin has emptied stays empty.
    """
    if not cells:
        return
    facts = report_facts or {}
    kind = Kind(facts["kind"]) if facts.get("kind") in set(Kind) else None
    benchmark = f"{facts.get('benchmark', '')} {facts.get('subset', '')}"
    credit = score_text(float(facts.get("value") or 0.0)) if kind is not None and kind.is_verdict else ""
    cells[_AT:_AT] = [
        f'<td class="col-benchmark">{_safe(benchmark)}</td>',
        f'<td class="col-kind">{_safe(kind.label if kind is not None else "")}</td>',
        f'<td class="col-credit">{credit}</td>',
    ]
    if facts:
        # pytest-html (4.2) puts the test's id into the page as it is, and ids come from data files. Unescaping first
        # keeps this right on the day when it escapes them itself.
        cells[1] = _TEST_ID.sub(lambda found: found[1] + escape(unescape(found[2])) + found[3], cells[1])


def html_summary(summary: RunSummary) -> list[str]:
    """For the prefix of pytest_html_results_summary: gates, the table of scores, counts and remarks."""
    gates = [
        f'<p style="color:{_COLORS.get(gate.verdict, "inherit")}"><b>{_safe(" ".join(gate_text(gate)))}</b></p>'
        for gate in summary.gates
    ]
    if not summary.benchmarks:
        return gates
    heads = ["Dataset", "Metric", "Subset", "Num", "Score", "95 % interval", "Truncated", "No answer", "Ungraded"]
    head = "".join(f"<th{_figure(number)}>{name}</th>" for number, name in enumerate(heads))
    rows = "".join(_row(row) for row in score_rows(summary))
    state = "complete" if summary.is_complete else "incomplete"
    table = (
        f"{_STYLE}<p>Model <strong>{_safe(summary.model)}</strong>, {state} run. {_safe(counts_sentence(summary))}</p>"
        f'<table class="modeleval"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
    )
    said = "".join(f"<li>{_safe(remark.text)}</li>" for remark in remarks(summary))
    return [*gates, table, *([f'<ul class="modeleval">{said}</ul>'] if said else [])]


def _row(row: ScoreRow) -> str:
    counts = [NONE if count is None else str(count) for count in (row.truncated, row.no_answer, row.ungraded)]
    cells = [row.dataset, row.metric, row.subset, str(row.num), row.score, row.interval, *counts]
    inner = "".join(f"<td{_figure(number)}>{_safe(cell)}</td>" for number, cell in enumerate(cells))
    return f"<tr{' class=aggregate' if row.is_aggregate else ''}>{inner}</tr>"


def _figure(number: int) -> str:
    return ' class="figure"' if number > 2 else ""


def _safe(text: str) -> str:
    return escape(one_line(text))
