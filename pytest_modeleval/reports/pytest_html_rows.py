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
from pytest_modeleval.reports.page_data import SampleView
from pytest_modeleval.reports.table_rows import score_text
from pytest_modeleval.reports.text_layout import one_line, visible

# After Result and Test, before Duration and Links.
_AT = 2
_COLUMNS = ("Benchmark", "Subset", "Kind", "Grade", "Tokens", "Response")
_TEST_ID = re.compile(r'(<td class="col-testId">)(.*)(</td>)\Z', re.DOTALL)


def html_header(cells: MutableSequence[str]) -> None:
    """For pytest_html_results_table_header: add our columns, all sortable."""
    cells[_AT:_AT] = [f'<th class="sortable" data-column-type="{name.lower()}">{name}</th>' for name in _COLUMNS]


def html_row(report_facts: Mapping[str, Any] | None, cells: MutableSequence[str], *, gate: str = "") -> None:
    """For pytest_html_results_table_row: the cells of one item; empty ones for a test that is no benchmark's.

    report_facts: what rides on the report: "benchmark", "subset", "kind" (a kind's value), "value" (credit, 0 to 1),
    "completion_tokens", "total_s". gate: the verdict where the row is a gate's. A row that another plugin has emptied
    stays empty.
    """
    if not cells:
        return
    facts = report_facts or {}
    kind = Kind(facts["kind"]) if facts.get("kind") in set(Kind) else None
    tokens, seconds = facts.get("completion_tokens"), facts.get("total_s")
    values = (
        _safe(str(facts.get("benchmark", ""))),
        _safe(str(facts.get("subset", ""))),
        _safe(kind.label if kind is not None else f"gate {gate}" if gate else ""),
        score_text(float(facts.get("value") or 0.0)) if kind is not None and kind.is_verdict else "",
        _number(float(tokens), f"{tokens:,}") if tokens is not None else "",
        _number(float(seconds), f"{seconds:.1f} s") if seconds is not None else "",
    )
    cells[_AT:_AT] = [
        f'<td class="col-{name.lower()}">{value}</td>' for name, value in zip(_COLUMNS, values, strict=True)
    ]
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
        yield "expected", transcript.clip(transcript.words(view.target), 400, 0)
    yield "answer", transcript.clip(view.answer if view.answer is not None else "(none found)", 400, 0)
    for sent in view.request_messages:
        yield str(sent.get("role") or "message"), transcript.clip(transcript.message(sent))
    yield "thinking", transcript.clip(view.reasoning)
    said = [view.content, *map(transcript.call, view.tool_calls)]
    yield "reply", transcript.clip("\n".join(filter(None, said)))


def _block(text: str) -> str:
    return f'<pre dir="auto">{escape(visible(text))}</pre>' if text.strip() else "(empty)"


def _number(value: float, text: str) -> str:
    """A cell's number. pytest-html sorts a cell's HTML as text, so what it is sorted by stands first, unseen."""
    return f"<span hidden>{value:015.3f}</span>{text}"


def _safe(text: str) -> str:
    return escape(one_line(text))
