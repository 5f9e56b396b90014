"""report.html of a run folder: one page without scripts or remote resources that shows what went wrong and why.

Everything a model, a data file or a server said is hostile here. Every value is escaped (jinja2's autoescape) and its
reordering or hidden characters are shown by their escapes. Should that ever have a hole, the page's content security
policy still allows no script, no request and no style but the one sheet, by its hash: the page needs none itself.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_modeleval.records import Kind
from pytest_modeleval.reports import transcript
from pytest_modeleval.reports.columns import COUNT_COLUMNS, NAME_COLUMNS, SCORE, SCORE_COLUMNS, Column, kind_column
from pytest_modeleval.reports.page_data import (
    SampleView,
    Selection,
    axis_ticks,
    chart,
    count_bar,
    run_sections,
    select_samples,
)
from pytest_modeleval.reports.remarks import remarks
from pytest_modeleval.reports.table_rows import ScoreRow, counts_sentence, run_counts, score_rows
from pytest_modeleval.reports.text_layout import HIDDEN, escape_of, sentences, visible
from pytest_modeleval.results import RunSummary
from pytest_modeleval.samples import message_text

if TYPE_CHECKING:
    from jinja2 import Environment

MAX_SHOWN = 500
_FOLDER = Path(__file__).parent
_EXCERPT = 400
_REPLY_EXCERPT = 1500


def report_page(
    summary: RunSummary,
    *,
    run: Mapping[str, Any],
    samples: Iterable[SampleView],
    title: str,
) -> str:
    """The whole page, UTF-8 text without lone surrogates.

    run: run.json, for "what was sent". samples: every item of the run, read once and not kept, but for those that are
    shown: the ones that are not right, at most MAX_SHOWN, shared out fairly between subsets.
    """
    from markupsafe import Markup  # noqa: PLC0415 - jinja2 and its kin are needed by this one report only

    selection = select_samples(samples, MAX_SHOWN)
    css = (_FOLDER / "report.css").read_text(encoding="utf-8")
    template = _environment().from_string((_FOLDER / "report.html.j2").read_text(encoding="utf-8"))
    counts = run_counts(summary)
    rows = score_rows(summary)
    return template.render(
        title=visible(title),
        summary=summary,
        css=Markup(css),  # noqa: S704 - our own file, not a value
        csp=_policy(css),
        gates=[(gate.verdict, gate.label, gate.name, sentences(gate.reason)) for gate in summary.gates],
        rows=[(row, chart(row), selection.anchor(row.dataset, row.subset)) for row in rows],
        # The dataset, metric and subset are headings of rows here.
        columns=[column for column in SCORE_COLUMNS if column not in (*NAME_COLUMNS, *COUNT_COLUMNS)],
        score_column=SCORE,
        count_columns=_count_columns(rows, counts),
        ticks=axis_ticks(),
        counts=counts,
        bar=count_bar(counts),
        counts_sentence=counts_sentence(summary),
        remarks=remarks(summary, _replies(summary, selection)),
        sections=run_sections(run),
        selection=selection,
        shown_kinds=[kind for kind in Kind if selection.shown_of(kind)],
    )


def _count_columns(rows: Sequence[ScoreRow], counts: Mapping[Kind, int]) -> list[tuple[Column[ScoreRow], str]]:
    """(column, the CSS class of a count that is not 0): right, wrong, and those that are not 0 in every row."""
    verdicts = [kind for kind in Kind if kind.is_verdict]
    shown = [kind for kind in verdicts if counts[kind] or kind in (Kind.RIGHT, Kind.WRONG)]
    heads = {kind_column(kind).head for kind in verdicts}
    further = [column for column in COUNT_COLUMNS if column.head not in heads and any(map(column.number, rows))]
    return [
        *((kind_column(kind), f"k-{kind.value}") for kind in shown),
        *((column, f"k-{Kind.NOT_RUN.value}") for column in further),
    ]


def _replies(summary: RunSummary, selection: Selection) -> dict[tuple[str, str], list[str]]:
    found = {}
    for entry in summary.benchmarks:
        for score in entry.subsets:
            if score.is_suspicious:
                views = selection.samples_of(entry.benchmark, score.subset)
                found[entry.benchmark, score.subset] = [_raw_reply(view) for view in views if view.kind.is_verdict]
    return found


def _raw_reply(view: SampleView) -> str:
    return "\n".join(filter(None, [view.content, *map(message_text.call_text, view.tool_calls)]))


def _policy(css: str) -> str:
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _environment() -> Environment:
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415 - see report_page

    # finalize sees every printed value before it is escaped: no value can be forgotten in the template.
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_marked
    )
    environment.filters.update(
        clip=transcript.clip,
        excerpt=lambda text: transcript.clip(text, _EXCERPT, 0),
        reply=lambda text: transcript.clip(text, _REPLY_EXCERPT, 0),
        value_text=message_text.value_text,
        breakable=_breakable,
        question_text=message_text.question_text,
        message_text=message_text.message_text,
        call_text=message_text.call_text,
        tool_text=transcript.tool_text,
    )
    return environment


def _marked(value: Any) -> Any:
    """A value as safe HTML: escaped, hidden characters as small marks with their escape. None is empty."""
    import markupsafe  # noqa: PLC0415

    if value is None:
        return ""
    if isinstance(value, markupsafe.Markup):
        return value
    text = str(value).replace("\r\n", "\n")
    if not HIDDEN.search(text):
        return text
    pieces, end = [], 0
    for found in HIDDEN.finditer(text):
        mark = markupsafe.Markup('<span class="hidden-char">{}</span>').format(escape_of(found.group()))
        pieces += [markupsafe.escape(text[end : found.start()]), mark]
        end = found.end()
    return markupsafe.Markup("").join([*pieces, markupsafe.escape(text[end:])])


def _breakable(name: str) -> Any:
    """A name that a narrow column may break after an underscore, dash or slash."""
    from markupsafe import Markup  # noqa: PLC0415

    pieces = re.split(r"(?<=[_/-])", name)
    return Markup("<wbr>").join(_marked(piece) for piece in pieces if piece)
