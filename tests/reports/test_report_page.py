"""The report page as a parsed document: what it holds, what it leaves out, and that nothing in it is active."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modeleval.records import ItemKey, Kind, ToolCall
from pytest_modeleval.reports import page
from pytest_modeleval.reports.columns import Column
from pytest_modeleval.reports.page import report_page
from pytest_modeleval.reports.page_data import SampleView, run_sections, select_samples
from pytest_modeleval.reports.table_rows import ScoreRow
from pytest_modeleval.reports.text_layout import HIDDEN, visible
from pytest_modeleval.results import AggregateScore, RunSummary
from tests.support.page_cases import RUN, Document, hostile_answers, hostile_views, many_views
from tests.support.report_cases import clean_summary, full_summary, summaries

ALLOWED = set(
    re.findall(
        r"\w+",
        "html head meta title style body header h1 h2 h3 h4 p span svg rect line circle text ul li b main section "
        "article div table thead tbody tr th td details summary dl dt dd fieldset legend label input pre a wbr footer",
    )
)


def test_page_shows_gates_scores_counts_remarks_and_run_facts() -> None:
    """Everything a reader needs is there, gates before scores before items."""
    html = report_page(full_summary(), run=RUN, samples=many_views(100), title="iquiz on MiniMax-M2")
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
    ):
        assert said in text, said
    places = [html.index(f'<section id="{name}">') for name in ("gates", "scores", "notes", "run", "items")]
    assert places == sorted(places)


def test_every_declared_column_reaches_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """A column that is added to the declared ones stands on the page, with its head, hint and cells."""
    for kind in ("SCORE_COLUMNS", "COUNT_COLUMNS"):
        added: Column[ScoreRow] = Column(
            "Extra " + kind, lambda row: f"<{row.num}>", "right", "Added in a test.", lambda row: 7
        )
        monkeypatch.setattr(page, kind, (*getattr(page, kind), added))
    html = report_page(full_summary(), run=RUN, samples=[], title="t")
    assert html.count('title="Added in a test."') == 2
    assert html.count('data-label="Extra SCORE_COLUMNS">7<') == html.count('data-label="extra count_columns">7<') > 1


def test_chart_marks_interval_and_score_at_their_places() -> None:
    """0 lies at 10, 1 at 210; a partial aggregate has a dashed line and no mark."""
    document = Document(report_page(full_summary(), run={}, samples=[], title="t"))
    dots = [float(attrs["cx"] or 0) for tag, attrs in document.tags if tag == "circle"]
    assert dots[0] == 10 + 200 * 0.825
    assert len(dots) == 6
    assert document.count("line", class_="interval") == 6
    assert document.count("line", class_="bound") == 1


def test_every_item_that_is_not_right_is_shown_or_counted() -> None:
    """20,000 items: 500 are shown, both subsets have their share, and the page says how many are not shown."""
    document = Document(report_page(clean_summary(), run={}, samples=many_views(20_000), title="t"))
    assert document.count("article", class_="item") == 500
    assert "500 of 4,000 are shown, shared out between the subsets; 3,500 are not shown here" in document.text
    assert "4,000wrong_letter" in document.text
    shown = Counter(re.findall(r"\b(IQ|EQ)-\d{5}", document.text))
    assert shown["EQ"] == 200
    assert shown["IQ"] == 300


def test_small_run_shows_all_of_them() -> None:
    """Fewer than the limit: all are shown; none: the page says that all are right."""
    document = Document(report_page(clean_summary(), run={}, samples=many_views(50), title="t"))
    assert document.count("article", class_="item") == 10
    assert "10 of 50 items; all of them are shown." in document.text
    right = [view for view in many_views(50) if view.kind is Kind.RIGHT]
    assert (
        "Every one of the 40 items is right."
        in Document(report_page(clean_summary(), run={}, samples=right, title="t")).text
    )


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
    assert chosen.not_right == sum(wrong.values()) == sum(chosen.causes.values())
    assert chosen.shown == min(most, chosen.not_right)
    shown = {subset: len(chosen.samples_of("b", subset)) for subset in wrong}
    cut = [shown[subset] for subset in wrong if shown[subset] < wrong[subset]]
    if cut:
        assert max(shown.values()) <= min(cut) + 1
    for subset in wrong:
        names = [view.key.sample for view in views if view.kind is Kind.WRONG and view.key.subset == subset]
        assert [view.key.sample for view in chosen.samples_of("b", subset)] == names[: shown[subset]]


def test_an_item_shows_its_question_in_full_its_target_and_the_functions_offered() -> None:
    """A question of 2,000 characters is not cut, nor is the target; functions are shown with their parameters."""
    question = "word " * 399 + "the end?"
    tool = {
        "type": "function",
        "function": {
            "name": "look_up",
            "description": "Finds a page.",
            "parameters": {"type": "object", "properties": {"page": {"type": "string"}, "count": {"type": "integer"}}},
        },
    }
    view = SampleView(
        key=ItemKey("bfcl_v4", "simple_python", "simple_python_0"),
        kind=Kind.WRONG,
        target=[{"look_up": {"page": [str(number) for number in range(200)]}}],
        request_messages=[{"role": "user", "content": question}],
        tools=[tool, {"name": "bare"}, ["neither"]],
    )
    page = report_page(clean_summary(), run={}, samples=[view], title="t")
    text = Document(page).text.split("Items that are not right")[1]
    assert text.count(question) == 2
    assert '"199"' in text
    assert "look_up(page, count): Finds a page." in text
    assert "bare()" in text
    rule = page.split(".question {")[1].split("}")[0]
    assert "max-height" not in rule


def test_item_shows_question_answers_cause_and_transcript() -> None:
    """One item with everything, its transcript in a fold."""
    view = SampleView(
        has_repeats=True,
        key=ItemKey("iquiz", "IQ", "IQ-0007", 2),
        kind=Kind.WRONG,
        value=0.25,
        answer="B",
        cause="wrong_letter",
        explanation="expected A, found B",
        target={"letter": "A"},
        request_messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Which one?"}],
        content="It is B.",
        reasoning="Perhaps B.",
        tool_calls=[
            ToolCall("look_up", '{"a": 1}'),
            {"id": "1", "type": "function", "function": {"name": "wired", "arguments": "{}"}},
            {"name": "bare", "arguments": "[]", "id": ""},
            ["neither"],
        ],
        finish_reason="stop",
        tokens=1234,
        total_s=2.25,
    )
    document = Document(report_page(clean_summary(), run={}, samples=[view], title="t"))
    text = document.text.split("Items that are not right")[1]
    for said in (
        "IQ-0007-r2",
        "wrong",
        "credit 0.25",
        "wrong_letter",
        "Which one?",
        '{"letter": "A"}',
        "expected A, found B",
    ):
        assert said in text, said
    for said in (
        "1,234 tokens",
        "2.2 s",
        "finish reason stop",
        "Be brief.",
        "Perhaps B.",
        "It is B.",
        'look_up({"a": 1})',
        "wired({})",
        "bare([])",
        '["neither"]',
    ):
        assert said in text, said


def test_long_texts_are_cut_in_the_middle() -> None:
    """A reply of a megabyte shows its beginning and its end, and how much is left out."""
    view = SampleView(key=ItemKey("b", "s", "1"), kind=Kind.TRUNCATED, content="start" + "x" * 1_000_000 + "the end")
    html = report_page(clean_summary(), run={}, samples=[view], title="t")
    assert "start" in html
    assert "the end" in html
    assert "[... 996,012 characters are not shown; the journal has them ...]" in html
    assert len(html) < 60_000


def test_suspicious_subset_shows_raw_replies() -> None:
    """Those of its shown items."""
    views = [
        SampleView(key=ItemKey("bfcl_v4", "simple_javascript", str(n)), kind=Kind.NO_ANSWER, content=f"raw {n}")
        for n in range(5)
    ]
    text = Document(report_page(full_summary(), run={}, samples=views, title="t")).text
    assert "Its first 3 raw replies: raw 0 raw 1 raw 2" in text


def test_policy_allows_only_our_style_sheet() -> None:
    """The style element's hash is the only thing the policy lets through, and there is no second one."""
    html = report_page(full_summary(), run=RUN, samples=[], title="t")
    (css,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    (policy,) = [attrs["content"] for tag, attrs in Document(html).tags if "http-equiv" in attrs]
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def test_hostile_texts_stay_texts() -> None:
    """A hundred hostile answers in every field: only our elements, no handler, no address, no hidden character."""
    title = hostile_answers("http://127.0.0.1:9")[11]
    summary = RunSummary(title, True, full_summary().benchmarks, full_summary().gates)
    views = hostile_views("http://127.0.0.1:9")
    html = report_page(summary, run={**RUN, title: title}, samples=views, title=title)
    document = Document(html)
    assert {tag for tag, _ in document.tags} <= ALLOWED
    for tag, attrs in document.tags:
        assert not any(name.startswith("on") or name in ("src", "style", "action", "srcset") for name in attrs), (
            tag,
            attrs,
        )
        assert (attrs.get("href") or "#").startswith("#")
    assert not HIDDEN.search(html)
    html.encode("utf-8")
    for view in views:
        assert " ".join(visible(view.content).split()) in document.text


@settings(max_examples=20, deadline=None)
@given(summaries(), st.text(max_size=80), st.dictionaries(st.text(max_size=20), st.text(max_size=40), max_size=5))
def test_any_summary_makes_an_inert_page(summary: RunSummary, text: str, run: dict[str, str]) -> None:
    """Whatever names, reasons and texts hold, the page has only our elements and can be stored."""
    views = [
        SampleView(key=ItemKey(text, text, text), kind=kind, content=text, answer=text, target=text) for kind in Kind
    ]
    html = report_page(summary, run=run, samples=views, title=text)
    assert {tag for tag, _ in Document(html).tags} <= ALLOWED
    assert not HIDDEN.search(html)
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


def test_targets_of_any_shape_can_be_shown() -> None:
    """Expected answers are any JSON value, and an unsound one does not end the report."""
    loop: list[object] = []
    loop.append(loop)
    views = [
        SampleView(key=ItemKey("b", "s", str(number)), kind=Kind.WRONG, target=target)
        for number, target in enumerate((0, False, ["甲"], {"a": None}, loop, float("nan"), object))
    ]
    text = Document(report_page(clean_summary(), run={}, samples=views, title="t")).text
    for said in ("Expected0", "Expectedfalse", 'Expected["甲"]', 'Expected{"a": null}', "a list that cannot be shown"):
        assert said in text.replace("Expected ", "Expected"), said


def test_the_first_of_several_repeats_is_named_as_pytest_names_it() -> None:
    """A sample that is asked several times has "-r0" in the name of its first repeat, as in the item's id."""
    key = ItemKey("b", "s", "x-1", 0)
    assert SampleView(key=key, kind=Kind.WRONG, has_repeats=True).name == "x-1-r0"
    assert SampleView(key=key, kind=Kind.WRONG).name == "x-1"


def test_a_suspicious_subset_shows_the_calls_of_its_replies() -> None:
    """A reply that holds nothing but a call is not shown as empty."""
    call = {"function": {"name": "lookup", "arguments": '{"q": 1}'}}
    views = [SampleView(key=ItemKey("bfcl_v4", "simple_javascript", "1"), kind=Kind.NO_ANSWER, tool_calls=[call])]
    text = Document(report_page(full_summary(), run={}, samples=views, title="t")).text
    assert 'Its first raw reply: lookup({"q": 1})' in text
    assert "(an empty reply)" not in text


def test_a_legend_without_a_line_is_left_out() -> None:
    """The dashed line is explained where one is drawn."""
    partial = AggregateScore("OVERALL", 0, None, None, None, is_partial=True)
    summary = clean_summary()
    benchmark = dataclasses.replace(summary.benchmarks[0], aggregates=(partial,))
    for aggregate, is_explained in ((partial, False), (dataclasses.replace(partial, at_least=0.1, at_most=0.4), True)):
        shown = dataclasses.replace(summary, benchmarks=(dataclasses.replace(benchmark, aggregates=(aggregate,)),))
        text = Document(report_page(shown, run={}, samples=[], title="t")).text
        assert ("A dashed line" in text) is is_explained


def test_parameters_are_listed_as_what_was_asked() -> None:
    """Parameters of the profile and of the user are no "Other", and one identity is enough."""
    run = {"identity": "abc", "server": {"kind": "x", "identity": "abc"}, "user_params": {"top_p": 0.5}}
    sections = dict(run_sections(run))
    assert sections["What was asked"] == [("user_params.top_p", "0.5")]
    assert sections["Model and server"] == [("server.kind", "x"), ("identity", "abc")]
    assert "Other" not in sections
