"""What stands on top of pytest-html's page: gates, scores with intervals as a chart, remarks. HTML strings, escaped."""

from __future__ import annotations

from html import escape

from pytest_modeleval.reports.columns import ITEM_COLUMNS, SCORE, SCORE_COLUMNS, Column
from pytest_modeleval.reports.evidence_text import evidence_lines
from pytest_modeleval.reports.page_data import CHART_WIDTH, Chart, axis_ticks, chart
from pytest_modeleval.reports.remarks import remarks
from pytest_modeleval.reports.table import gate_text
from pytest_modeleval.reports.table_rows import ScoreRow, counts_sentence, score_rows
from pytest_modeleval.reports.text_layout import counted, one_line
from pytest_modeleval.results import CANNOT_JUDGE, FAILED, PASSED, GateVerdict, RunSummary

# The chart of the interval stands between the score and the interval.
_CHART_AT = SCORE_COLUMNS.index(SCORE) + 1
_COLORS = {PASSED: "#2a7f4f", FAILED: "#c0392f", CANNOT_JUDGE: "#a86500"}
_STYLE = (
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    "<style>.modeleval{color:#222;font-size:13px}table.modeleval{border-collapse:collapse;margin:8px 0}"
    ".modeleval th,.modeleval td{padding:3px 10px;border-bottom:1px solid #e6e6e6;text-align:left;"
    "overflow-wrap:anywhere}"
    ".modeleval .figure{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}"
    ".modeleval .aggregate{font-weight:bold;background:#f4f4f4}.modeleval svg{display:block;width:220px;height:16px}"
    ".modeleval .interval{stroke:#2457a6;stroke-width:5;stroke-opacity:.38;stroke-linecap:round}"
    ".modeleval .bound{stroke:#777;stroke-width:2;stroke-dasharray:3 4}.modeleval .grid{stroke:#ddd}"
    ".modeleval .dot{fill:#2457a6}.modeleval text{font-size:11px;fill:#777;text-anchor:middle}"
    "p.modeleval.gate{border-left:4px solid;padding:4px 10px;margin:6px 0;font-size:14px}"
    "p.modeleval.left{border:1px solid #d8a531;background:#fff7e3;padding:6px 10px;font-size:14px}"
    # pytest-html is 800 pixels wide at least; on a phone its tables scroll by themselves.
    "@media(max-width:800px){body{min-width:0}table.modeleval,#results-table,#environment{display:block;"
    "overflow-x:auto;max-width:100%}.summary__data,.controls,.filters{flex-wrap:wrap}"
    ".modeleval,.logwrapper,h1,p{overflow-wrap:anywhere}}"
    "details.modeleval{padding:6px 10px}.modeleval summary{cursor:pointer;font-weight:bold}"
    ".modeleval dt{color:#777;margin-top:6px}.modeleval dd{margin:2px 0}"
    ".modeleval pre{white-space:pre-wrap;overflow-wrap:anywhere;max-height:22em;overflow:auto;margin:0;padding:6px 8px;"
    "background:#f4f4f4}"
    + ",".join(f"#results-table td.col-{column.head.lower()}" for column in ITEM_COLUMNS if column.align == "right")
    + "{text-align:right}</style>"
)


def html_summary(summary: RunSummary) -> list[str]:
    """For the prefix of pytest_html_results_summary: gates, the table of scores, counts and remarks."""
    gates = [_gate(gate) for gate in summary.gates]
    if not summary.benchmarks:
        return [_STYLE, *gates] if gates else []
    heads = [_head(column) for column in SCORE_COLUMNS]
    heads.insert(_CHART_AT, f'<th class="figure">{_axis()}</th>')
    head = "".join(heads)
    rows = "".join(_row(row) for row in score_rows(summary))
    state = "complete" if summary.is_complete else "incomplete"
    table = (
        f"<p>Model <strong>{_safe(summary.model)}</strong>, {state} run. {_safe(counts_sentence(summary))}</p>"
        f'<table class="modeleval"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
    )
    said = "".join(f"<li>{_safe(remark.text)}</li>" for remark in remarks(summary))
    return [_STYLE, *gates, table, *([f'<ul class="modeleval">{said}</ul>'] if said else [])]


def _gate(gate: GateVerdict) -> str:
    color = _COLORS.get(gate.verdict, "inherit")
    text = f'<p class="modeleval gate" style="color:{color}"><b>{_safe(" ".join(gate_text(gate)))}</b></p>'
    lines = evidence_lines(gate)
    if not lines:
        return text
    is_open = "" if gate.verdict == PASSED else " open"
    evidence = "\n".join(escape(line) for line in lines)
    return f'{text}<details class="modeleval"{is_open}><summary>Evidence</summary><pre>{evidence}</pre></details>'


def report_link(address: str, path: str) -> str:
    """A link to the run's own report. address: quoted as a URL; path: as it is shown."""
    text = "every sample, with search, filters and transcripts"
    return f'<p class="modeleval"><a href="{escape(address)}">{_safe(path)}</a>: {text}</p>'


def omitted_html(total: int, not_right: int, shown: int, place: str) -> str:
    """What a page that does not show every sample says about it. place: where all of them are."""
    kept = (
        f"all {not_right:,} samples that are not right"
        if shown == not_right
        else f"{shown:,} of the {not_right:,} samples that are not right, as evenly from every subset as there are"
    )
    text = (
        f"{counted(total, 'sample')} are more than this page could draw in reasonable time: below are the gates, other "
        f"tests, and {kept}. The {total - not_right:,} right ones are left out; all are in {place}."
    )
    return f'<p class="modeleval left">{_safe(text)}</p>'


def _head(column: Column[ScoreRow]) -> str:
    return f'<th{_figure(column)} title="{escape(column.hint)}">{escape(column.head)}</th>'


def _row(row: ScoreRow) -> str:
    cells = [f"<td{_figure(column)}>{_safe(column.grouped(row))}</td>" for column in SCORE_COLUMNS]
    cells.insert(_CHART_AT, f'<td class="figure">{_drawing(chart(row))}</td>')
    return f"<tr{' class=aggregate' if row.is_aggregate else ''}>{''.join(cells)}</tr>"


def _drawing(drawn: Chart) -> str:
    parts = [f'<line class="grid" x1="{x}" y1="0" x2="{x}" y2="16"></line>' for x, _ in axis_ticks()]
    if drawn.low is not None and drawn.high is not None:
        name = "bound" if drawn.is_bound else "interval"
        parts.append(f'<line class="{name}" x1="{drawn.low}" y1="8" x2="{drawn.high}" y2="8"></line>')
    if drawn.dot is not None:
        parts.append(f'<circle class="dot" cx="{drawn.dot}" cy="8" r="4"></circle>')
    return f'<svg viewBox="0 0 {CHART_WIDTH} 16" aria-hidden="true">{"".join(parts)}</svg>'


def _axis() -> str:
    labels = "".join(f'<text x="{x}" y="12">{label}</text>' for x, label in axis_ticks())
    return f'<svg viewBox="0 0 {CHART_WIDTH} 16" aria-hidden="true">{labels}</svg>'


def _figure(column: Column[ScoreRow]) -> str:
    return ' class="figure"' if column.align == "right" else ""


def _safe(text: str) -> str:
    return escape(one_line(text))
