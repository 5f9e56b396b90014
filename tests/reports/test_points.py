"""Operating points in the terminal, in Markdown and on the page: every figure with its number and its interval."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modeleval.reports.github import step_summary
from pytest_modeleval.reports.page import assets
from pytest_modeleval.reports.plot import BOTTOM, LEFT, RIGHT, TOP
from pytest_modeleval.reports.plot_axis import Axis
from pytest_modeleval.reports.point_plots import workload_plots
from pytest_modeleval.reports.point_rows import ordered
from pytest_modeleval.reports.point_text import point_lines
from pytest_modeleval.reports.terminal import summary_parts
from pytest_modeleval.stress.point import PointFigure, PointResult
from tests.support.page_cases import Document, report_page
from tests.support.point_cases import a_figure, a_point, stressed_summary
from tests.support.report_cases import HOSTILE_TEXT

SWEEP = (*(a_point(f"c{busy}", busy=busy) for busy in (64, 1, 16)), a_point("rate4", busy=12))
SLOW = a_point(
    "c256", busy=256, unjudged="this client was too slow: 99 % of its delays are below 31 ms, 10 ms are allowed"
)


def test_the_terminal_has_a_table_for_each_point() -> None:
    """What was sent and came back, then each main figure with its number and interval; lightest load first."""
    lines = [text for text, _ in summary_parts(stressed_summary(*SWEEP), width=100)]
    heads = [line.split(":")[0] for line in lines if line.startswith("chat-512-128@") and "complete" in line]
    assert heads == ["chat-512-128@c1", "chat-512-128@c16", "chat-512-128@c64", "chat-512-128@rate4"]
    text = "\n".join(lines)
    assert "64 of 66 requests complete, failed: 2 http_503, 1 ended early, 4 of the warm-up;\n" in text
    assert re.search(r"^  Measure +Num +Value +95 % interval$", text, re.MULTILINE)
    assert re.search(r"^  ttft_p95 +64 +171 ms +162-180$", text, re.MULTILINE)
    assert re.search(r"^  goodput +64 +0\.900 +0\.820-0\.950$", text, re.MULTILINE)
    assert "send_lag_p99" not in text
    assert "response_p95" in text.split("@rate4: ")[1]
    assert "e2e_p95" not in text.split("@rate4: ")[1]


def test_the_result_of_a_search_comes_last_and_says_its_rate() -> None:
    """Below the rates that were tried, with the interval of the estimate."""
    found = replace(a_point("rate6", busy=12), point="chat-512-128@slo", load="slo", rate=6.0)
    slo_rate = PointFigure(value=6.25, low=5.5, high=7.0, num=640, unit="req/s")
    tried = [replace(a_point(f"rate{rate}", busy=12), rate=float(rate)) for rate in (4, 8)]
    lines = point_lines(
        [tried[0], replace(found, figures={**found.figures, "slo_rate": slo_rate}), tried[1]], width=100
    )
    heads = [line.split(":")[0] for line in lines if "complete" in line]
    assert heads == ["chat-512-128@rate4", "chat-512-128@rate8", "chat-512-128@slo"]
    assert any(re.match(r"  slo_rate +640 +6\.25 req/s +5\.50-7\.00$", line) for line in lines), lines


def test_all_figures_are_shown_where_asked() -> None:
    """With -v also those that are not the main ones."""
    lines = point_lines([a_point()], width=100, has_all=True)
    assert any(re.match(r"  send_lag_p99 +64 +0\.40 ms +-$", line) for line in lines)


def test_a_point_that_cannot_be_judged_shows_its_reason_and_no_figure() -> None:
    """Named in the terminal and in Markdown, in no curve; its figures stand in the page's table alone."""
    text = "\n".join(point_lines([SLOW], width=400))
    assert text.endswith(
        "Cannot be judged: this client was too slow: 99 % of its delays are below 31 ms, 10 ms are allowed"
    )
    assert "ttft" not in text
    markdown = step_summary(stressed_summary(*SWEEP, SLOW))
    (row,) = [
        line
        for line in markdown.splitlines()
        if line.startswith("| chat-512-128") and "c256" in line and "client" in line
    ]
    assert " ms (" not in row
    (group,) = workload_plots([*SWEEP, SLOW])
    assert group.undrawn == (("chat-512-128@c256", SLOW.unjudged),)
    assert not any("c256" in dot[2] for plot in group.curves for line in plot.lines for dot in line.dots)


def test_a_figure_without_a_value_says_why() -> None:
    """One sentence for all main measures with the same reason."""
    missing = a_figure(None, missing="the 95th percentile needs 59 requests, found 24", num=24)
    point = a_point()
    lines = point_lines([a_point(figures={**point.figures, "ttft_p95": missing, "tpot_p95": missing})], width=200)
    assert lines[-1] == "chat-512-128@c16: no ttft_p95, tpot_p95: the 95th percentile needs 59 requests, found 24"
    assert not any(line.startswith("  ttft_p95") for line in lines)


def test_markdown_has_a_row_for_each_point() -> None:
    """Value, interval and number in each cell."""
    markdown = step_summary(stressed_summary(*SWEEP))
    rows = [line for line in markdown.splitlines() if line.startswith("| chat-512-128") and " ms (" in line]
    assert len(rows) == 4
    assert "| 114 ms (108-120, n=64) |" in rows[1]
    assert "response\\_p95" in markdown


def test_the_page_draws_curves_with_titles_and_the_same_numbers_as_tables() -> None:
    """Each drawing has a title, a description and a table; no point that lies outside; nothing but inert elements."""
    html = report_page(stressed_summary(*SWEEP, SLOW))
    page = Document(html)
    drawings = page.count("figure", class_="curve")
    assert drawings == 3 + 4 + 2 * 5
    assert page.count("desc") == drawings
    assert html.count('data-t="chart.numbers"') >= drawings
    for said in (
        "Operating points: speed under load",
        "Throughput against latency",
        "First token against rate",
        "chat-512-128@c16",
        "114 ms (108-120, n=64)",
        "the 99th percentile needs 299 requests, found 64",
        SLOW.unjudged,
        "slo: ttft=1s tpot=50ms",
    ):
        assert said in page.text, said
    assert '<section id="points">' not in report_page(stressed_summary())


def test_hostile_names_stay_text() -> None:
    """A server's cause, a measure and a point's name reach neither the terminal nor the page as they are."""
    hostile = a_point(
        workload=HOSTILE_TEXT, unjudged=HOSTILE_TEXT, failures={HOSTILE_TEXT: 1}, facts={HOSTILE_TEXT: HOSTILE_TEXT}
    )
    page = Document(report_page(stressed_summary(hostile)))
    assert "document.title='x'" in page.text
    assert not any("\x1b" in line or "\u202e" in line for line in point_lines([hostile], width=80))


@pytest.mark.parametrize("width", [50, 60, 80])
def test_lines_fit_the_terminal(width: int) -> None:
    """Sentences are broken; rows of the table are at most 60 columns wide."""
    assert max(map(len, point_lines([*SWEEP, SLOW], width=width))) <= max(width, 60)


values = st.floats(1e-6, 1e6)


@given(st.lists(values, min_size=1, max_size=20), st.booleans())
def test_an_axis_holds_its_values(found: list[float], may_be_log: bool) -> None:
    """Every value lies between the ends, larger ones further along; two to seven marks, the ends among them."""
    axis = Axis.over(found, 0.0, 100.0, may_be_log=may_be_log)
    assert axis.low <= min(found)
    assert axis.high >= max(found) * (1 - 1e-9)
    places = [axis.at(value) for value in sorted(found)]
    assert places == sorted(places)
    marks = axis.marks()
    assert 2 <= len(marks) <= 7
    assert marks == sorted(marks)
    assert marks[0] == axis.low


figures = st.builds(
    lambda value, span: a_figure(
        value, low=None if span is None else value * (1 - span), high=None if span is None else value * (1 + span)
    ),
    values,
    st.none() | st.floats(0, 0.9),
)
points = st.builds(
    lambda busy, load, changed, unjudged: a_point(
        load.format(busy), busy=busy, figures=a_point(busy=busy).figures | changed, unjudged=unjudged
    ),
    st.integers(1, 500),
    st.sampled_from(["c{}", "rate{}"]),
    st.dictionaries(
        st.sampled_from(["req_s", "ttft_p50", "e2e_p50", "tpot_p95", "output_tok_s"]), figures | st.just(a_figure(None))
    ),
    st.sampled_from(["", "", "the server is gone"]),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(points, max_size=9))
def test_every_drawn_point_lies_within_its_drawing(found: list[PointResult]) -> None:
    """Whatever the figures are."""
    assert sorted(map(id, ordered(found))) == sorted(map(id, found))
    for group in workload_plots(found):
        for plot in (*group.curves, *group.timelines):
            assert {plot.key, plot.x_key, plot.y_key} <= assets.texts().keys()
            assert all(TOP <= mark <= BOTTOM for mark, _ in plot.y_marks)
            spots = [(x, y) for line in plot.lines for x, y, _ in line.dots]
            spots += [tuple(map(float, pair.split(","))) for line in plot.lines for pair in line.path.split()]  # type: ignore[misc]
            spots += [(x, y) for line in plot.lines for x1, y1, x2, y2 in line.bars for x, y in ((x1, y1), (x2, y2))]
            assert all(LEFT <= x <= RIGHT and TOP <= y <= BOTTOM for x, y in spots)
