"""The report page as a parsed document: what it holds, and that nothing in it is active but its own scripts."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modeleval.records import ItemKey, Kind
from pytest_modeleval.reports.columns import Column
from pytest_modeleval.reports.page import assets, document
from pytest_modeleval.reports.page.packing import SampleIndex, json_line, pack
from pytest_modeleval.reports.page_data import SampleView, run_sections, select_samples
from pytest_modeleval.reports.table_rows import ScoreRow
from pytest_modeleval.reports.text_layout import HIDDEN
from pytest_modeleval.results import AggregateScore, RunSummary
from tests.support.page_cases import (
    RUN,
    Document,
    embedded,
    hostile_answers,
    hostile_samples,
    many_samples,
    report_page,
    unpacked,
)
from tests.support.report_cases import clean_summary, full_summary, summaries

ALLOWED = set(
    re.findall(
        r"\w+",
        "html head meta title style body header nav h1 h2 h3 h4 p span svg rect line circle text ul li b main section "
        "article div table thead tbody tr th td details summary dl dt dd label input button pre a wbr footer script "
        "noscript dialog kbd figure figcaption desc g polyline",
    )
)
ROOT = Path(__file__).parents[2]


def test_page_shows_gates_scores_counts_remarks_and_run_facts() -> None:
    """Everything that a reader needs of the whole run is there without a script, gates before scores."""
    html = report_page(full_summary(), samples=many_samples(100), title="iquiz on MiniMax-M2")
    text = Document(html).text
    for said in (
        "iquiz on MiniMax-M2",
        "incomplete",
        "failediquiz-floor",
        "iquiz OVERALL 0.7119 (95 % 0.613-0.775, n=118) is below its floor 0.8.",
        "0.6538",
        "0.543-0.750",
        "partial",
        "126 items: 86 right, 28 wrong, 6 no answer, 4 truncated, 2 ungraded (1 server error, 1 timeout).",
        "bfcl_v4 OVERALL partial: 1 of 5 groups (NON_LIVE)",
        "max_tokens",
        "16384",
        "iquiz.data.IQ.jsonl",
        "ab" * 32,
        "pytest --model MiniMax-M2",
        "suspicious",
    ):
        assert said in text, said
    places = [html.index(f'<section id="{name}">') for name in ("gates", "scores", "notes", "run")]
    assert places == sorted(places)


def test_every_declared_column_reaches_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """A column that is added to the declared ones stands on the page, with its head, hint and cells."""
    for kind in ("SCORE_COLUMNS", "COUNT_COLUMNS"):
        added: Column[ScoreRow] = Column(
            "Extra " + kind, lambda row: f"<{row.num}>", "right", "Added in a test.", lambda row: 7
        )
        monkeypatch.setattr(document, kind, (*getattr(document, kind), added))
    html = report_page(full_summary())
    assert html.count('title="Added in a test."') == 2
    assert html.count('data-label="Extra SCORE_COLUMNS">7<') == html.count('data-label="extra count_columns">7<') > 1


def test_chart_marks_interval_and_score_at_their_places() -> None:
    """0 lies at 10, 1 at 210; a partial aggregate has a dashed line and no mark."""
    page = Document(report_page(full_summary(), run={}))
    dots = [float(attrs["cx"] or 0) for tag, attrs in page.tags if tag == "circle"]
    assert dots[0] == 10 + 200 * 0.825
    assert len(dots) == 6
    assert page.count("line", class_="interval") == 6
    assert page.count("line", class_="bound") == 1


def test_every_sample_is_in_the_page_and_comes_back_as_it_was() -> None:
    """Chunks hold all samples in their order; the index says where, and has the light columns."""
    samples = list(many_samples(500))
    html = report_page(clean_summary(), samples=samples)
    (index,) = unpacked(html, "sample-index")
    found = [sample for number in range(len(index["chunks"])) for sample in unpacked(html, f"chunk-{number}")]
    assert found == samples
    assert index["count"] == 500
    assert index["columns"]["id"] == [sample["id"] for sample in samples]
    kinds = [index["names"]["kind"][code] for code in index["columns"]["kind"]]
    assert kinds == [sample["kind"] for sample in samples]
    assert index["names"]["kind"] == [kind.value for kind in Kind]
    assert index["columns"]["question"][3] == "Which is larger, 9.8 or 9.11? Number 3."


@given(st.integers(1, 60), st.integers(1, 4000))
def test_chunks_are_bounded_and_follow_each_other(count: int, most: int) -> None:
    """A chunk ends as soon as it has its bytes, so that no more than one sample goes beyond them."""
    index = SampleIndex()
    chunks = list(pack(many_samples(count), index, chunk_bytes=most))
    entries = index.to_json()["chunks"]
    assert [entry["start"] for entry in entries] == [
        sum(entry["count"] for entry in entries[:number]) for number in range(len(chunks))
    ]
    assert sum(entry["count"] for entry in entries) == count
    assert len({entry["id"] for entry in entries}) == len(chunks)


def test_any_value_becomes_a_line_of_json() -> None:
    """Lone surrogates, NaN, huge integers and deep nesting are written in a form that a browser reads."""
    deep: list[object] = []
    for _ in range(5000):
        deep = [deep]
    for value in ("\ud800", float("nan"), 2**70, deep, {"x": {"\ud800": float("inf")}, "y": "\ud800"}):
        line = json_line({"id": "a", "target": value})
        assert line.endswith(b"\n")
        assert line.count(b"\n") == 1
        found = json.loads(line, parse_constant=pytest.fail)
        assert found["id"] == "a"


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=200), st.integers(1, 30))
def test_selection_is_fair_and_bounded(items: list[tuple[int, bool]], most: int) -> None:
    """At most `most`, all if they fit; no subset has two more than another that still had some left out."""
    views = [
        SampleView(key=ItemKey("b", str(subset), str(number)), kind=Kind.RIGHT if is_right else Kind.WRONG)
        for number, (subset, is_right) in enumerate(items)
    ]
    chosen = select_samples(views, most)
    wrong = Counter(view.key.subset for view in views if view.kind is Kind.WRONG)
    assert chosen.total == len(views)
    assert chosen.not_right == sum(wrong.values())
    assert chosen.shown == min(most, chosen.not_right)
    shown = {subset: len(chosen.samples_of("b", subset)) for subset in wrong}
    cut = [shown[subset] for subset in wrong if shown[subset] < wrong[subset]]
    if cut:
        assert max(shown.values()) <= min(cut) + 1
    for subset in wrong:
        names = [view.key.sample for view in views if view.kind is Kind.WRONG and view.key.subset == subset]
        assert [view.key.sample for view in chosen.samples_of("b", subset)] == names[: shown[subset]]


def test_suspicious_subset_shows_raw_replies() -> None:
    """Those that the caller read from the journal."""
    html = report_page(full_summary(), replies={("bfcl_v4", "simple_javascript"): ["raw 0", "raw 1", "lookup(1)"]})
    assert "Its first 3 raw replies: raw 0 raw 1 lookup(1)" in Document(html).text


def test_policy_allows_only_our_scripts_and_our_style_sheet() -> None:
    """Scripts and style by their hashes are all that the policy lets through; a page from disk reaches nothing."""
    html = report_page(full_summary(), samples=many_samples(10))
    (css,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)

    def hash_of(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    (policy,) = [attrs["content"] for tag, attrs in Document(html).tags if "http-equiv" in attrs]
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules.pop("script-src").split() == [hash_of(script) for script in scripts]
    assert rules.pop("style-src") == hash_of(css)
    assert rules == {
        "default-src": "'none'",
        "worker-src": "blob:",
        "img-src": "'self' blob:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "dompurify modeleval-worker",
    }
    assert assets.policy(is_served=True).count("connect-src 'self'; ") == 1


def test_vendored_scripts_are_as_they_were_fetched() -> None:
    """Every file has its recorded digest, its package, version and licence; no other script lies there."""
    entries = json.loads((assets.VENDOR / "vendor.json").read_text())
    for entry in entries:
        data = (assets.VENDOR / entry["file"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == entry["sha256"], entry["file"]
        assert re.fullmatch(r"\d+\.\d+\.\d+", entry["version"])
        assert (assets.VENDOR / entry["licence_file"]).stat().st_size > 500
    assert {file.name for file in assets.VENDOR.glob("*.js")} == {entry["file"] for entry in entries}
    assert sum(map(len, assets.scripts())) < 800_000


def test_no_script_holds_what_would_end_or_open_a_script_element() -> None:
    """Their text stands inside of script elements as it is."""
    for script in (*assets.scripts(), assets.worker_script()):
        assert not re.search(r"<!--|</?script", script, re.IGNORECASE)
        assert "import {" not in script
        assert "\nexport " not in script
    declared = re.findall(r"^(?:async )?(?:function|class|const|let) (\w+)", assets.script(), re.MULTILINE)
    assert [name for name, count in Counter(declared).items() if count > 1] == []


def test_every_text_of_the_page_is_in_the_table_in_both_languages() -> None:
    """Each key that the scripts and the template name has English and Chinese, with the same places for values."""
    sources = "".join(file.read_text() for file in sorted(assets.FOLDER.glob("scripts/*.js")))
    template = (assets.FOLDER / "page.html.j2").read_text()
    used = set(re.findall(r'\bt\("([^"]+)"', sources)) | set(re.findall(r'data-t(?:-\w+)?="([a-z_.]+)"', template))
    texts = assets.texts()
    assert used <= set(texts), used - set(texts)
    for key, (english, chinese) in texts.items():
        assert sorted(re.findall(r"\{\d\}", english)) == sorted(re.findall(r"\{\d\}", chinese)), key
        assert not re.search("[\u4e00-\u9fff]", english), key
    assert {f"kind.{kind.value}" for kind in Kind} <= set(texts)
    assert all(texts[f"kind.{kind.value}"][0] == kind.label for kind in Kind)


def test_hostile_texts_stay_texts() -> None:
    """Hostile answers in every field: only our elements, no handler, no address, no hidden character."""
    title = hostile_answers("http://127.0.0.1:9")[11]
    summary = RunSummary(title, True, full_summary().benchmarks, full_summary().gates)
    samples = hostile_samples("http://127.0.0.1:9")
    html = report_page(summary, run={**RUN, title: title}, samples=samples, title=title)
    page = Document(html)
    assert {tag for tag, _ in page.tags} <= ALLOWED
    for tag, attrs in page.tags:
        assert not any(name.startswith("on") or name in ("src", "style", "action", "srcset") for name in attrs), (
            tag,
            attrs,
        )
        assert (attrs.get("href") or "#").startswith("#")
    assert page.count("script") == len(assets.scripts()) + html.count('<script type="')
    assert "<" not in embedded(html, "page-meta")
    html.encode("utf-8")
    (index,) = unpacked(html, "sample-index")
    found = [sample for number in range(len(index["chunks"])) for sample in unpacked(html, f"chunk-{number}")]
    assert [sample["explanation"] for sample in found] == [sample["explanation"] for sample in samples]


@settings(max_examples=8, deadline=None)
@given(summaries(), st.text(max_size=80), st.dictionaries(st.text(max_size=20), st.text(max_size=40), max_size=5))
def test_any_summary_makes_an_inert_page(summary: RunSummary, text: str, run: dict[str, str]) -> None:
    """Whatever names, reasons and texts hold, the page has only our elements and can be stored."""
    samples = [
        {"benchmark": text, "subset": text, "id": text, "kind": kind.value, "target": text, "question": text}
        for kind in Kind
    ]
    html = report_page(summary, run=run, samples=samples, title=text)
    overview = html.partition('<script type="application/json"')[0]
    assert {tag for tag, _ in Document(overview).tags} <= ALLOWED
    assert not HIDDEN.search(overview)
    assert json.loads(embedded(html, "page-meta"))["summary"]["model"] is not None
    html.encode("utf-8")


def test_run_facts_never_show_a_key() -> None:
    """A field that is named like a secret is masked; token counts are no secrets; long lists are bounded."""
    run = {
        "server": {"api_key": "sk-1", "Authorization": "Bearer sk-2"},
        "params": {"max_tokens": 16, "hf_token": "sk-3"},
    }
    rows = dict(row for _, rows in run_sections(run) for row in rows)
    assert rows == {
        "server.api_key": "***",
        "server.Authorization": "***",
        "params.max_tokens": "16",
        "params.hf_token": "***",
    }
    (_, rows_of_data), *_ = run_sections({"benchmarks": {str(number): "x" for number in range(500)}})
    assert len(rows_of_data) == 81
    assert rows_of_data[-1] == ("...", "420 more lines in run.json")
    assert "sk-do-not-show" not in report_page(full_summary())


def test_the_first_of_several_repeats_is_named_as_pytest_names_it() -> None:
    """A sample that is asked several times has "-r0" in the name of its first repeat, as in the item's id."""
    key = ItemKey("b", "s", "x-1", 0)
    assert SampleView(key=key, kind=Kind.WRONG, has_repeats=True).name == "x-1-r0"
    assert SampleView(key=key, kind=Kind.WRONG).name == "x-1"


def test_a_legend_without_a_line_is_left_out() -> None:
    """The dashed line is explained where one is drawn."""
    partial = AggregateScore("OVERALL", 0, None, None, None, is_partial=True)
    summary = clean_summary()
    benchmark = dataclasses.replace(summary.benchmarks[0], aggregates=(partial,))
    for aggregate, is_explained in ((partial, False), (dataclasses.replace(partial, at_least=0.1, at_most=0.4), True)):
        shown = dataclasses.replace(summary, benchmarks=(dataclasses.replace(benchmark, aggregates=(aggregate,)),))
        text = Document(report_page(shown, run={})).text
        assert ("A dashed line" in text) is is_explained


def test_parameters_are_listed_as_what_was_asked() -> None:
    """Parameters of the profile and of the user are no "Other", and one identity is enough."""
    run = {"identity": "abc", "server": {"kind": "x", "identity": "abc"}, "user_params": {"top_p": 0.5}}
    sections = dict(run_sections(run))
    assert sections["What was asked"] == [("user_params.top_p", "0.5")]
    assert sections["Model and server"] == [("server.kind", "x"), ("identity", "abc")]
    assert "Other" not in sections


def test_no_two_scripts_of_the_page_define_the_same_name() -> None:
    """Its modules become one script, in which a second function of a name silently takes the place of the first."""
    texts = [(assets.FOLDER / "scripts" / f"{name}.js").read_text(encoding="utf-8") for name in assets.MODULES]
    found = re.findall(r"^(?:export )?(?:async )?(?:function|class|const|let) (\w+)", "\n".join(texts), re.MULTILINE)
    assert [name for name, count in Counter(found).items() if count > 1] == []
