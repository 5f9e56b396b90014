"""What pytest-html 4 shows of single items: six more columns, and a fold with the transcript. HTML strings, escaped.

pytest-html marks every cell and every extra as safe and sets rows through innerHTML, so nothing may leave here
unescaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, MutableSequence
from html import escape, unescape
from typing import Any

from pytest_modeleval.records import Kind
from pytest_modeleval.reports import transcript
from pytest_modeleval.reports.columns import ITEM_COLUMNS, Column, ItemRow
from pytest_modeleval.reports.page_data import SampleView
from pytest_modeleval.reports.text_layout import one_line, visible
from pytest_modeleval.samples import message_text

# After Result and Test, before Duration and Links.
_AT = 2
_TEST_ID = re.compile(r'(<td class="col-testId">)(.*)(</td>)\Z', re.DOTALL)


def html_header(cells: MutableSequence[str]) -> None:
    """For pytest_html_results_table_header: add our columns, all sortable."""
    cells[_AT:_AT] = [
        f'<th class="sortable" data-column-type="{column.head.lower()}" title="{escape(column.hint)}">'
        f"{escape(column.head)}</th>"
        for column in ITEM_COLUMNS
    ]


def html_row(report_facts: Mapping[str, Any] | None, cells: MutableSequence[str], *, gate: str = "") -> None:
    """For pytest_html_results_table_row: the cells of one item; empty ones for a test that is no benchmark's.

    report_facts: what rides on the report: "benchmark", "subset", "kind" (a kind's value), "value" (credit, 0 to 1),
    "completion_tokens", "total_s". gate: the verdict where the row is a gate's. A row that another plugin has emptied
    stays empty.
    """
    if not cells:
        return
    facts = report_facts or {}
    row = ItemRow(
        benchmark=str(facts.get("benchmark", "")),
        subset=str(facts.get("subset", "")),
        kind=Kind(facts["kind"]) if facts.get("kind") in set(Kind) else None,
        value=float(facts.get("value") or 0.0),
        tokens=facts.get("completion_tokens"),
        seconds=facts.get("total_s"),
        gate=gate,
    )
    cells[_AT:_AT] = [f'<td class="col-{column.head.lower()}">{_cell(column, row)}</td>' for column in ITEM_COLUMNS]
    if facts or gate:
        # pytest-html (4.2) puts the test's id into the page as it is, and ids come from data files. Unescaping first
        # keeps this right on the day when it escapes them itself.
        cells[1] = _TEST_ID.sub(lambda found: found[1] + escape(unescape(found[2])) + found[3], cells[1])


def details_html(view: SampleView, *, is_open: bool) -> str:
    """The transcript of one item, for an extra of pytest-html: what was asked, expected, answered and said."""
    inner = "".join(
        f"<dt>{_safe(name)}</dt><dd>{_block(text)}</dd>" for name, text in _parts(view) if text or name == "reply"
    )
    head = f"{view.kind.label}: {view.explanation or view.cause}" if view.explanation or view.cause else view.kind.label
    return (
        f'<details class="modeleval"{" open" if is_open else ""}>'
        f"<summary>{_safe(transcript.clip(head, 300, 0))}</summary><dl>{inner}</dl></details>"
    )


def _parts(view: SampleView) -> Iterator[tuple[str, str]]:
    if view.target is not None:
        yield "expected", transcript.clip(message_text.value_text(view.target), 400, 0)
    yield "answer", transcript.clip(view.answer if view.answer is not None else "(none found)", 400, 0)
    for sent in view.request_messages:
        yield str(sent.get("role") or "message"), transcript.clip(message_text.message_text(sent))
    yield "thinking", transcript.clip(view.reasoning)
    said = [view.content, *map(message_text.call_text, view.tool_calls)]
    yield "reply", transcript.clip("\n".join(filter(None, said)))


def _block(text: str) -> str:
    return f'<pre dir="auto">{escape(visible(text))}</pre>' if text.strip() else "(empty)"


def _cell(column: Column[ItemRow], row: ItemRow) -> str:
    """pytest-html sorts a cell's HTML as text, so the number that it is sorted by comes first, hidden."""
    number = column.number(row)
    prefix = f"<span hidden>{float(number):015.3f}</span>" if number is not None else ""
    return prefix + _safe(column.value(row))


def _safe(text: str) -> str:
    return escape(one_line(text))
