"""The document of report.html: the overview as plain HTML, every sample packed, and the scripts that show them.

Everything a model, a data file or a server said is hostile here. Every value of the overview is escaped (jinja2's
autoescape) and its reordering or hidden characters are shown by their escapes; samples are data in elements that run
nothing, and `scripts/safe_text.js` makes elements of them. Should that ever have a hole, the page's content security
policy still allows no script, no request and no style but our own.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pytest_modeleval.gate_evidence import ChangedQuestion
from pytest_modeleval.records import Kind
from pytest_modeleval.reports import transcript
from pytest_modeleval.reports.columns import COUNT_COLUMNS, NAME_COLUMNS, SCORE, SCORE_COLUMNS, Column, kind_column
from pytest_modeleval.reports.page import assets
from pytest_modeleval.reports.page.images import ReadImage, SmallImages
from pytest_modeleval.reports.page.packing import SampleIndex, json_line, pack
from pytest_modeleval.reports.page_data import axis_ticks, chart, count_bar, run_sections
from pytest_modeleval.reports.point_plots import workload_plots
from pytest_modeleval.reports.point_rows import figure_rows, ordered, point_sentence
from pytest_modeleval.reports.remarks import remarks
from pytest_modeleval.reports.request_rows import REQUEST_COLUMNS
from pytest_modeleval.reports.table_rows import ScoreRow, counts_sentence, run_counts, score_rows
from pytest_modeleval.reports.text_layout import HIDDEN, escape_of, sentences, visible
from pytest_modeleval.results import RunSummary

if TYPE_CHECKING:
    from jinja2 import Environment, Template

_REPLY_EXCERPT = 1500
# Of a gate, in each direction, in the overview; the list of samples has all of them.
_MOST_CHANGES = 10
# Every value of the document is escaped, so none can hold this.
_DATA_PLACE = "<!--the data-->"


def page_parts(
    summary: RunSummary,
    *,
    summary_json: Mapping[str, Any],
    run: Mapping[str, Any],
    samples: Iterable[Mapping[str, Any]] | None,
    title: str,
    replies: Mapping[tuple[str, str], Sequence[str]] | None = None,
    is_live: bool = False,
    read_image: ReadImage | None = None,
) -> Iterator[str]:
    """The page in pieces, valid UTF-8; the samples are read once, and no more than one chunk of them is in memory.

    summary_json: summary.json. run: run.json, for "what was sent". samples: SampleRecord.to_json of every item; None
    for a page that a server sends, which gets them from there. replies: raw replies of suspicious subsets.
    is_live: the run is under way; only with samples=None.
    read_image: name of a picture of the run -> its bytes, None where it is missing.
    """
    head, tail = _shell(summary, run=run, title=title, replies=replies or {}, is_served=samples is None).split(
        _DATA_PLACE
    )
    yield head
    meta = {
        "schema": 1,
        "source": "http" if samples is None else "embedded",
        "live": is_live,
        "title": visible(title),
        "summary": dict(summary_json),
        "curl": _curl(run),
        "texts": assets.texts(),
    }
    yield _data_element("page-meta", "application/json", _inside_script(json_line(meta).decode()))
    if samples is not None:
        yield from _packed_elements(samples, read_image)
    yield _data_element("worker-code", "text/plain", assets.worker_script())
    for script in assets.scripts():
        yield f"<script>{script}</script>\n"
    yield tail


def _packed_elements(samples: Iterable[Mapping[str, Any]], read_image: ReadImage | None) -> Iterator[str]:
    index, pictures = SampleIndex(), SmallImages()
    if read_image is not None:
        samples = pictures.collected(samples)
    for number, chunk in enumerate(pack(samples, index)):
        yield _data_element(f"chunk-{number}", "application/octet-stream", base64.b64encode(chunk).decode())
    packed = base64.b64encode(index.packed()).decode()
    yield _data_element("sample-index", "application/octet-stream", packed)
    for name, data in pictures.chosen(read_image) if read_image is not None else ():
        yield _data_element(f"image-{name}", "application/octet-stream", base64.b64encode(data).decode())


def _data_element(name: str, kind: str, text: str) -> str:
    return f'<script type="{kind}" id="{name}">{text}</script>\n'


def _inside_script(text: str) -> str:
    r"""JSON that neither ends nor opens a script element: < as \u003c."""
    return text.replace("<", "\\u003c")


def _curl(run: Mapping[str, Any]) -> dict[str, Any]:
    """For a command that repeats a request: the server's address. A key is no part of a run."""
    urls = run.get("urls")
    url = urls[0] if isinstance(urls, Sequence) and not isinstance(urls, str) and urls else ""
    return {"url": visible(str(url))}


def _shell(
    summary: RunSummary,
    *,
    run: Mapping[str, Any],
    title: str,
    replies: Mapping[tuple[str, str], Sequence[str]],
    is_served: bool,
) -> str:
    from markupsafe import Markup  # noqa: PLC0415 - jinja2 and its kin are needed by this one report only

    counts = run_counts(summary)
    rows = score_rows(summary)
    points = [point for entry in summary.benchmarks for point in entry.points]
    return _template().render(
        title=visible(title),
        summary=summary,
        css=Markup(assets.style()),  # noqa: S704 - our own file, not a value
        csp=assets.policy(is_served=is_served),
        is_served=is_served,
        data=Markup(_DATA_PLACE),  # noqa: S704 - a constant
        t={key: texts[0] for key, texts in assets.texts().items()},
        gates=[(gate, sentences(gate.reason)) for gate in summary.gates],
        most_changes=_MOST_CHANGES,
        rows=[(row, chart(row)) for row in rows],
        # The dataset, metric and subset are headings of rows here.
        columns=[column for column in SCORE_COLUMNS if column not in (*NAME_COLUMNS, *COUNT_COLUMNS)],
        score_column=SCORE,
        count_columns=_count_columns(rows, counts),
        ticks=axis_ticks(),
        counts=counts,
        bar=count_bar(counts),
        counts_sentence=counts_sentence(summary),
        remarks=remarks(summary, replies),
        request_columns=REQUEST_COLUMNS[1:],
        point_plots=workload_plots(points),
        point_tables=[(point, point_sentence(point), figure_rows(point, has_all=True)) for point in ordered(points)],
        sections=run_sections(run),
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


@cache
def _template() -> Template:
    return _environment().from_string((assets.FOLDER / "page.html.j2").read_text(encoding="utf-8"))


def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 - see _shell

    # finalize sees every printed value before it is escaped: no value can be forgotten in the template.
    environment = Environment(
        loader=FileSystemLoader(assets.FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_marked,
    )
    environment.filters.update(reply=lambda text: transcript.clip(text, _REPLY_EXCERPT, 0), breakable=_breakable)
    environment.filters["sample_address"] = _sample_address
    return environment


def _sample_address(change: ChangedQuestion, flip: str) -> str:
    """The page's address of a sample among those that changed alike; its script encodes parts in the same way."""
    parts = (change.benchmark, change.subset, change.id)
    whole = (part.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for part in parts)
    return f"#samples?flip={flip}&s=" + "/".join(quote(part, safe="!'()*~") for part in whole)


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
