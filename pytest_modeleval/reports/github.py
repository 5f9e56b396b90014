"""GitHub Actions: a Markdown page for GITHUB_STEP_SUMMARY, and an annotation for each gate that did not pass.

Never one annotation per sample: GitHub shows ten of a step, and the gate is what failed.
"""

# No `from __future__ import annotations` here: it would take the name of `annotations` below. Import the module.
import re
from collections.abc import Sequence
from html import escape

from pytest_modeleval.reports.columns import NAME_COLUMNS, SCORE, SCORE_COLUMNS, Column, RowT
from pytest_modeleval.reports.evidence_markdown import evidence_blocks, gate_table
from pytest_modeleval.reports.folding import folded_rows
from pytest_modeleval.reports.point_text import point_table
from pytest_modeleval.reports.remarks import remarks
from pytest_modeleval.reports.request_rows import REQUEST_COLUMNS
from pytest_modeleval.reports.table_rows import ScoreRow, counts_sentence, score_rows
from pytest_modeleval.reports.text_layout import one_line, sentences
from pytest_modeleval.results import CANNOT_JUDGE, FAILED, PASSED, GateVerdict, RunSummary

# Characters that GitHub's Markdown gives a meaning inside a line or a table cell; a list mark only begins one.
_SPECIAL = re.compile(r"[\\`*_\[\]#|~$]|^[-+]")
# What would become a mention or a link even where it is escaped: a comment in between breaks it up.
_LINKS = re.compile(r"@(?=\w)|:(?=//)|www(?=\.)", re.IGNORECASE)
_MARKS = {PASSED: "**passed**", FAILED: "**FAILED**", CANNOT_JUDGE: "**cannot judge**"}
_COMMANDS = {FAILED: "error", CANNOT_JUDGE: "warning"}


def step_summary(summary: RunSummary) -> str:
    """The run as Markdown of GitHub: gates, scores, counts, points, remarks, requests. Ends with a line break."""
    state = "complete" if summary.is_complete else "incomplete"
    blocks = [f"## {_text(summary.model)}: {state} run"]
    if summary.gates:
        blocks += [gate_table(summary.gates, _text), "\n".join(_gate(gate) for gate in summary.gates)]
        blocks += [block for gate in summary.gates for block in evidence_blocks(gate, _text)]
    folded = folded_rows(summary)
    if folded.rows:
        blocks.append(_table(folded.rows))
        if folded.left:
            blocks += ["<details><summary>All subsets</summary>", _table(score_rows(summary)), "</details>"]
        blocks.append(_text(counts_sentence(summary)))
    points = [point for entry in summary.benchmarks for point in entry.points]
    if points:
        blocks.append(point_table(points, _text))
    said = [f"- {_text(remark.text)}" for remark in remarks(summary)]
    if said:
        blocks.append("\n".join(said))
    if summary.requests:
        blocks += ["<details><summary>Requests: times and tokens</summary>", _requests(summary), "</details>"]
    return "\n\n".join(blocks) + "\n"


def _table(rows: Sequence[ScoreRow]) -> str:
    lines = [
        *_heads(SCORE_COLUMNS),
        *(_line([_cell(column, row) for column in SCORE_COLUMNS]) for row in rows),
    ]
    return "\n".join(lines)


def _requests(summary: RunSummary) -> str:
    name, *figures = REQUEST_COLUMNS
    rows = [_line([_text(name.value(row)), *(each.value(row) for each in figures)]) for row in summary.requests]
    return "\n".join([*_heads(REQUEST_COLUMNS), *rows])


def _heads(columns: Sequence[Column[RowT]]) -> list[str]:
    aligned = ["---:" if column.align == "right" else "---" for column in columns]
    return [_line([column.head for column in columns]), _line(aligned)]


def annotations(summary: RunSummary) -> list[str]:
    """Workflow commands: `::error` for each failed gate, `::warning` for each that cannot be judged."""
    return [
        f"::{_COMMANDS[gate.verdict]} title={_property(f'gate {gate.verdict}: {one_line(gate.name)}')}"
        f"::{_message(sentences(one_line(gate.reason)))}"
        for gate in summary.gates
        if gate.verdict in _COMMANDS
    ]


def _gate(gate: GateVerdict) -> str:
    verdict = _MARKS.get(gate.verdict, _text(gate.verdict)) + _text(gate.label.removeprefix(gate.verdict))
    return f"- {verdict} {_text(gate.name)}: {_text(sentences(gate.reason))}"


def _cell(column: Column[ScoreRow], row: ScoreRow) -> str:
    if column in NAME_COLUMNS:
        return _text(column.value(row))
    return f"**{column.value(row)}**" if column is SCORE and row.is_aggregate else column.value(row)


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _text(text: str) -> str:
    """Text that Markdown shows as it is."""
    escaped = _SPECIAL.sub(r"\\\g<0>", escape(one_line(text), quote=False))
    return _LINKS.sub(r"\g<0><!-- -->", escaped)


def _message(text: str) -> str:
    """The data of a workflow command, escaped as the runner reads it back."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
