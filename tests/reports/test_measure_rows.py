"""Measures are read for what they are: tokens and seconds never look like a share, and lower is better is said."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]
import pytest

from pytest_modeleval.metrics import macro, mean, micro, quantile
from pytest_modeleval.metrics.scaled_aggregates import combine_in_scale
from pytest_modeleval.plan import Plan
from pytest_modeleval.reports.github import step_summary
from pytest_modeleval.reports.html_scores import html_summary
from pytest_modeleval.reports.page_data import chart
from pytest_modeleval.reports.table import score_table
from pytest_modeleval.reports.table_rows import figure_text, metric_text, score_rows
from pytest_modeleval.results import SHARE, BenchmarkSummary, MeasureScore, RunSummary, Scale
from pytest_modeleval.store.summary_file import SCHEMA_FILE, summary_json
from tests.support.page_cases import report_page
from tests.support.report_cases import a_score

TOKENS = Scale(0.0, None, is_higher_better=False, unit="tokens")
SECONDS = Scale(0.0, None, is_higher_better=False, unit="s")


def measured() -> RunSummary:
    """A subset with tokens, seconds and an error from 0 to 1; and a benchmark whose metric is a mark from 1 to 10."""
    whole = a_score("a", 0.5, 0.4, 0.6, right=5, wrong=5)
    measures = (
        MeasureScore("length", "mean", a_score("a", 312.44, 300.0, 325.5, right=10), TOKENS),
        MeasureScore("wait", "quantile", a_score("a", 1.7, 1.25, 2.0, right=10), SECONDS),
        MeasureScore("error", "calibration", a_score("a", 0.12, 0.1, 0.2, right=10), Scale(is_higher_better=False)),
    )
    marks = Scale(1.0, 10.0)
    parts = (a_score("x", 7.0, 6.0, 8.0, right=10), a_score("y", 9.0, 8.5, 9.5, right=30))
    aggregates = combine_in_scale([micro("OVERALL"), macro("MACRO")], parts, ["x", "y"], marks)
    return RunSummary(
        "M",
        True,
        (
            BenchmarkSummary("quiz", "1", "acc", (whole,), measures=measures),
            BenchmarkSummary("bench", "1", "mark", parts, aggregates, scale=marks),
        ),
    )


def test_every_report_shows_unit_range_and_direction() -> None:
    """Terminal, page, pytest-html and GitHub say tokens, seconds and the direction."""
    summary = measured()
    page = report_page(summary, run={}).partition('<script type="application/json"')[0]
    reports = ["\n".join(score_table(summary, width=140)), page, "".join(html_summary(summary))]
    for report in [*reports, step_summary(summary).replace("\\", "")]:
        assert "312.4 tokens" in report
        assert "1.700 s" in report
        assert report.count("from 0, lower is better") >= 2
        assert "error (lower is better)" in report.replace("<wbr>", "")
        assert "0.5000" in report


def test_a_narrow_terminal_holds_them() -> None:
    """80 columns suffice, and nothing is cut."""
    lines = score_table(measured(), width=80)
    assert max(map(len, lines)) <= 80
    assert any("312.4 tokens" in line for line in lines)


def test_aggregates_of_a_measure_stay_in_its_range() -> None:
    """Not cut at 1; a partial one lies between the ends of the range, and has no bounds where one end is open."""
    entry = measured().benchmarks[1]
    assert [round(found.score or 0.0, 6) for found in entry.aggregates] == [8.5, 8.0]
    assert all(found.low is not None and 6.0 < found.low < (found.score or 0.0) for found in entry.aggregates)
    one = entry.subsets[:1]
    (closed,) = combine_in_scale([macro("ALL")], one, ["x", "y"], Scale(1.0, 10.0))
    assert closed.is_partial
    assert closed.at_least == pytest.approx(4.0)
    assert closed.at_most == pytest.approx(8.5)
    (open_ended,) = combine_in_scale([macro("ALL")], one, ["x", "y"], TOKENS)
    assert open_ended.is_partial
    assert (open_ended.score, open_ended.at_least, open_ended.at_most) == (None, None, None)
    (whole,) = combine_in_scale([macro("ALL")], one, ["x"], TOKENS)
    assert whole.score == pytest.approx(7.0)


def test_shares_are_drawn_and_other_figures_are_not() -> None:
    """The axis of the charts is that of a share."""
    drawn = {row.metric: chart(row).dot is not None for row in score_rows(measured())}
    assert drawn["acc"]
    assert not drawn["length (from 0, lower is better)"]


def test_summary_json_follows_its_schema() -> None:
    """Scores beyond 1 are valid, with the range beside them."""
    made = json.loads(json.dumps(summary_json(measured())))
    jsonschema.validate(made, json.loads(Path(SCHEMA_FILE).read_text()))
    assert made["benchmarks"][0]["measures"][0]["range"] == [0.0, None]
    assert made["benchmarks"][0]["measures"][0]["unit"] == "tokens"
    assert made["benchmarks"][1]["range"] == [1.0, 10.0]
    assert "range" not in made["benchmarks"][0]


def test_texts() -> None:
    """Four significant digits, whatever the size; a share keeps its four decimals."""
    assert figure_text(0.5, SHARE) == "0.5000"
    assert figure_text(None, TOKENS) == "-"
    assert figure_text(123456.0, TOKENS) == "123,456 tokens"
    assert figure_text(0.0, SECONDS) == "0.0 s"
    assert figure_text(0.00123, SECONDS) == "0.001230 s"
    assert metric_text("acc", SHARE) == "acc"
    assert metric_text("mark", Scale(1.0, 10.0)) == "mark (1 to 10)"


def test_a_plan_keeps_the_unit() -> None:
    """And one of an earlier version, without it, is read."""
    measures = (mean("length", high=None, unit="tokens"), quantile("wait", of="s", q=0.95, unit="s"))
    plan = Plan(benchmark="b", version="1", metric="acc", measures=measures)
    line = json.loads(json.dumps(plan.to_json()))
    assert Plan.from_json(line).measures == measures
    for entry in line["measures"]:
        del entry["unit"]
    assert [found.unit for found in Plan.from_json(line).measures] == ["", ""]
