"""A finished summary as coloured terminal lines: (text, markup) pairs that the plugin hands to pytest's reporter.

Imports no pytest: `for text, markup in summary_parts(...): terminalreporter.write_line(text, **markup)`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_modeleval.reports.evidence_text import MOST_SHOWN, evidence_lines, listed_gates
from pytest_modeleval.reports.point_text import point_lines
from pytest_modeleval.reports.remarks import Replies
from pytest_modeleval.reports.request_rows import request_sentences
from pytest_modeleval.reports.table import gate_text, note_lines, score_table
from pytest_modeleval.reports.text_layout import wrap
from pytest_modeleval.results import CANNOT_JUDGE, FAILED, PASSED, GateVerdict, RunSummary

# Text, and keyword arguments of TerminalWriter.line: {"red": True, "bold": True}.
Line = tuple[str, dict[str, bool]]

VERDICT_MARKUP = {PASSED: {"green": True}, FAILED: {"red": True, "bold": True}, CANNOT_JUDGE: {"yellow": True}}


def summary_parts(
    summary: RunSummary,
    *,
    width: int,
    replies: Replies | None = None,
    places: Sequence[tuple[str, str]] = (),
    model_column: bool = True,
    fold: str = "",
    has_requests: bool = False,
) -> Iterator[Line]:
    """Table, operating points, counts and notes, requests, gates, places, with an empty line between.

    Nothing without benchmarks.

    width: columns. replies: raw replies of suspicious subsets, up to three are shown.
    places: (what, where) pairs for the end, such as ("report", path) or ("show the wrong ones", command); never
    broken or shortened, so that they can be copied. fold: as of `score_table`. has_requests: show times
    and tokens of the requests, and all figures of operating points.
    """
    blocks = [
        _table(summary, width, model_column=model_column, fold=fold),
        _points(summary, width, has_all=has_requests),
        _notes(summary, width, replies),
        _requests(summary, width) if has_requests else [],
        list(_gates(summary.gates, width)),
        _places(places),
    ]
    is_first = True
    for block in blocks:
        if block and not is_first:
            yield "", {}
        is_first = is_first and not block
        yield from block


def _table(summary: RunSummary, width: int, *, model_column: bool, fold: str) -> list[Line]:
    lines = score_table(summary, width=width, model_column=model_column, fold=fold)
    # Header and rules are light, rows are plain: the figures are what is read.
    return [(line, {"bold": True} if "Dataset" in line and "Metric" in line else {}) for line in lines]


def _points(summary: RunSummary, width: int, *, has_all: bool) -> list[Line]:
    points = [point for entry in summary.benchmarks for point in entry.points]
    return [(line, {}) for line in point_lines(points, width=width, has_all=has_all)]


def _requests(summary: RunSummary, width: int) -> list[Line]:
    return [(line, {}) for text in request_sentences(summary) for line in wrap(text, width, indent=2)]


def _notes(summary: RunSummary, width: int, replies: Replies | None) -> list[Line]:
    found: list[Line] = []
    for line, remark in note_lines(summary, width=width, replies=replies):
        is_raw = line.startswith(("  | ", "  : "))
        found.append((line, {"yellow": True} if remark is not None and remark.is_warning and not is_raw else {}))
    return found


def _gates(gates: Sequence[GateVerdict], width: int) -> Iterator[Line]:
    listed = listed_gates(gates)
    for gate in gates:
        for line in gate_text(gate, width=width):
            yield line, dict(VERDICT_MARKUP.get(gate.verdict, {}))
        for line in evidence_lines(gate, most=MOST_SHOWN if gate.name in listed else 0):
            yield f"  {line}", {}


def _places(places: Sequence[tuple[str, str]]) -> list[Line]:
    size = max((len(what) for what, _ in places), default=0)
    return [(f"{what + ':':<{size + 1}} {where}", {}) for what, where in places]
