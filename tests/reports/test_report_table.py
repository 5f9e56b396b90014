"""The table of scores, its notes and the gates, at 80 columns."""

from __future__ import annotations

import dataclasses
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modeleval.advice import Advice
from pytest_modeleval.records import Kind
from pytest_modeleval.reports.columns import COUNT_COLUMNS
from pytest_modeleval.reports.remarks import remarks
from pytest_modeleval.reports.table import MIN_WIDTH, gate_text, notes, score_table
from pytest_modeleval.reports.table_rows import interval_text, score_rows, score_text
from pytest_modeleval.reports.terminal import summary_parts
from pytest_modeleval.reports.text_layout import HIDDEN, display_width
from pytest_modeleval.results import BenchmarkSummary, RunSummary
from tests.support.report_cases import a_score, clean_summary, full_summary, iquiz, summaries

WIDTHS = st.integers(20, 160)


def test_clean_run_shows_the_table_of_the_field() -> None:
    """Without losses there are seven columns, and the whole fits 80 columns."""
    assert score_table(clean_summary(), width=80) == [
        "Model       Dataset  Metric    Subset   Num   Score  95 % interval",
        "----------  -------  --------  -------  ---  ------  -------------",
        "MiniMax-M2  iquiz    mean_acc  IQ        40  0.8250    0.680-0.913",
        "MiniMax-M2  iquiz    mean_acc  EQ        80  0.6375    0.528-0.734",
        "MiniMax-M2  iquiz    mean_acc  OVERALL  120  0.7000    0.613-0.775",
    ]


def test_losses_add_columns_and_the_model_gives_way() -> None:
    """At 80 columns the model moves above the table, names break, figures stay; a partial aggregate has no score."""
    assert score_table(full_summary(), width=80) == [
        "Model: MiniMaxAI/MiniMax-M2",
        "                                                     95 %  Trun-      No     Un-",
        "Dataset  Metric    Subset       Num    Score     interval  cated  answer  graded",
        "-------  --------  -----------  ---  -------  -----------  -----  ------  ------",
        "iquiz    mean_acc  IQ            40   0.8250  0.680-0.913      0       0       0",
        "iquiz    mean_acc  EQ            78   0.6538  0.543-0.750      4       3       2",
        "iquiz    mean_acc  OVERALL      118   0.7119  0.613-0.775      -       -       -",
        "-------  --------  -----------  ---  -------  -----------  -----  ------  ------",
        "bfcl_v4  acc       parallel_      3   0.6667  0.208-0.939      0       0       0",
        "                   multiple",
        "bfcl_v4  acc       simple_        3   0.0000  0.000-0.561      0       3       0",
        "                   javascript",
        "bfcl_v4  acc       NON_LIVE       6   0.3333  0.097-0.700      -       -       -",
        "bfcl_v4  acc       OVERALL        6  partial            -      -       -       -",
    ]


def test_a_long_model_name_stands_above_the_table() -> None:
    """The model's name is never shortened: where its column does not fit, it has a line of its own."""
    summary = RunSummary("some-organisation/a-model-with-a-very-long-name-Instruct-FP8", True, (iquiz(),))
    lines = score_table(summary, width=80)
    assert lines[0] == "Model: some-organisation/a-model-with-a-very-long-name-Instruct-FP8"
    assert lines[1].startswith("Dataset")
    assert max(map(len, lines)) <= 80
    assert score_table(summary, width=80, model_column=False) == lines[1:]
    wide = score_table(summary, width=140)
    assert wide[0].startswith("Model  ")
    assert wide[2].startswith(f"{summary.model}  iquiz")


def test_at_fifty_columns_counts_stand_below_their_row() -> None:
    """No line is wider than the terminal, and counts of 0 take no line."""
    lines = score_table(full_summary(), width=50)
    assert max(map(len, lines)) <= 50
    assert lines[:8] == [
        "Model: MiniMaxAI/MiniMax-M2",
        "                                              95 %",
        "Dataset Metric   Subset    Num   Score    interval",
        "------- -------- --------- --- ------- -----------",
        "iquiz   mean_acc IQ         40  0.8250 0.680-0.913",
        "iquiz   mean_acc EQ         78  0.6538 0.543-0.750",
        "  4 truncated, 3 no answer, 2 ungraded",
        "iquiz   mean_acc OVERALL   118  0.7119 0.613-0.775",
    ]


def test_wide_characters_keep_columns_straight() -> None:
    """A subset with Chinese characters shifts nothing."""
    entry = BenchmarkSummary(
        "ceval", "1", "acc", (a_score("中国历史", 0.5, 0.3, 0.7, right=5, wrong=5), *iquiz().subsets)
    )
    lines = score_table(RunSummary("M", True, (entry,)), width=80)
    assert {display_width(line) for line in lines} == {display_width(lines[0])}


@settings(max_examples=50)
@given(summaries(), WIDTHS)
def test_no_line_of_the_table_is_too_wide(summary: RunSummary, width: int) -> None:
    """Whatever the names, every line fits the width, or 50 columns on a narrower terminal, and drives no terminal."""
    for line in score_table(summary, width=width):
        assert display_width(line) <= max(width, MIN_WIDTH)
        assert not HIDDEN.search(line)


@settings(max_examples=50)
@given(summaries(), WIDTHS)
def test_no_figure_is_ever_cut(summary: RunSummary, width: int) -> None:
    """Each row's figures stand together, whole and in order, in the table."""
    lines = [line.split() for line in score_table(summary, width=width)]
    rows = score_rows(summary)
    extra = [column for column in COUNT_COLUMNS if any(column.number(row) for row in rows)]
    for row in rows:
        counts = [column.value(row) for column in extra]
        figures = [str(row.num), row.score, row.interval]
        below = ", ".join(f"{column.value(row)} {column.head.lower()}" for column in extra if column.number(row))
        in_line = [*figures, *counts]
        assert any(
            line[-len(in_line) :] == in_line
            or (line[-3:] == figures and below in " ".join(word for later in lines[place + 1 :] for word in later))
            for place, line in enumerate(lines)
        )


@settings(max_examples=50)
@given(summaries(), WIDTHS)
def test_partial_aggregates_never_print_a_number(summary: RunSummary, width: int) -> None:
    """The word partial stands in the place of the score, once for each partial aggregate."""
    partial = sum(score.is_partial for entry in summary.benchmarks for score in entry.aggregates)
    assert [row.score for row in score_rows(summary)].count("partial") == partial
    assert all(row.interval == "-" for row in score_rows(summary) if row.is_partial)


@settings(max_examples=50)
@given(summaries(), st.integers(40, 160))
def test_every_planned_item_is_accounted_for(summary: RunSummary, width: int) -> None:
    """The counts that are printed add up to all planned items, and ungraded ones to their reasons."""
    if not summary.benchmarks:
        assert notes(summary, width=width) == []
        return
    scores = [score for entry in summary.benchmarks for score in entry.subsets]
    planned = sum(max(score.items, score.planned * score.repeats) for score in scores)
    line = " ".join(" ".join(notes(summary, width=10_000)).split(".")[0].split()).replace(",", "")
    total, *counts = map(int, re.findall(r"\d+", line.split("(")[0]))
    assert total == planned == sum(counts)
    if "(" in line:
        assert counts[-1] == sum(map(int, re.findall(r"\d+", line.split("(")[1])))


@settings(max_examples=50)
@given(summaries(), st.integers(40, 160), st.lists(st.text(max_size=300), max_size=5))
def test_notes_fit_and_never_drive_the_terminal(summary: RunSummary, width: int, replies: list[str]) -> None:
    """Every line of notes and gates fits, whatever names, reasons and raw replies hold; at most three replies show."""
    shown = {(entry.benchmark, score.subset): replies for entry in summary.benchmarks for score in entry.subsets}
    lines = notes(summary, width=width, replies=shown) + [
        line for gate in summary.gates for line in gate_text(gate, width=width)
    ]
    for line in lines:
        assert display_width(line) <= width
        assert not HIDDEN.search(line)
        assert "\n" not in line
    suspicious = sum(score.is_suspicious for entry in summary.benchmarks for score in entry.subsets)
    assert sum(line.startswith("  | ") for line in lines) <= 3 * suspicious


def test_notes_say_what_qualifies_the_scores() -> None:
    """Counts, slice, suspicion with raw replies, partial aggregate, bounds, truncation and advice, a sentence each."""
    replies = {
        ("bfcl_v4", "simple_javascript"): ["\x1b[31m<tool_call>\n{}\n</tool_call>\nmore", "", "z" * 500, "fourth"]
    }
    assert notes(full_summary(), width=80, replies=replies) == [
        "126 items: 86 right, 28 wrong, 6 no answer, 4 truncated, 2 ungraded (1 server",
        "  error, 1 timeout).",
        "Only the first 80 rows of each subset: a slice, not the benchmark's score.",
        "bfcl_v4 simple_javascript is suspicious: all 3 graded items hold no answer in",
        "  the asked form, which looks like a harness or wiring fault, not like a model.",
        "  Its first 3 raw replies:",
        "  | \\x1b[31m<tool_call>",
        "  : {}",
        "  : </tool_call>",
        "  : [about 4 more characters]",
        "  | (empty)",
        "  | " + "z" * 73 + "...",
        "bfcl_v4 OVERALL partial: 1 of 5 groups (NON_LIVE), at most 0.10 with the missing",
        "  counted as 0.",
        "iquiz EQ: 2 of 80 items ungraded (1 server error, 1 timeout); with them the",
        "  score lies between 0.6375 (all ungraded wrong) and 0.6625 (all ungraded",
        "  right).",
        "The run is incomplete: going on with it asks only for what is missing.",
        "iquiz EQ: 4 of 78 replies (5.13 %) were cut at the token limit and count as 0;",
        "  raise it with --eval-param max_tokens=N.",
        "bfcl_v4 simple_javascript: the tool-call parser of the server does not fit the",
        "  model.",
    ]


def test_clean_run_needs_no_notes_but_its_counts() -> None:
    """Nothing to qualify, one line."""
    assert notes(clean_summary(), width=80) == ["120 items: 84 right, 36 wrong, 0 ungraded."]


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        (5, "Only the first 5 rows of each subset"),
        ("1", "Only the first 1 row of each subset"),
        ("0.1", "Only the first 10 % of the rows of each subset"),
        (0.25, "Only the first 25 % of the rows of each subset"),
        (None, ""),
        ("None", ""),
        ("1.0", ""),
        ("", ""),
    ],
)
def test_limited_run_is_called_a_slice(limit: object, said: str) -> None:
    """A limit by rows or by fraction is told; no limit is not."""
    text = "\n".join(notes(dataclasses.replace(clean_summary(), facts={"limit": limit}), width=200))
    assert said in text
    assert ("a slice, not the benchmark's score" in text) == bool(said)


@pytest.mark.parametrize(("truncated", "is_told"), [(1, False), (2, True)])
def test_truncation_is_told_above_one_per_cent(truncated: int, is_told: bool) -> None:
    """One reply in a hundred passes, two do not."""
    score = a_score("s", 0.5, 0.4, 0.6, right=100 - truncated, truncated=truncated)
    text = "\n".join(notes(RunSummary("M", True, (BenchmarkSummary("b", "1", "acc", (score,)),)), width=80))
    assert ("max_tokens" in text) == is_told


def test_many_subsets_with_one_fault_are_not_told_one_by_one() -> None:
    """Three cases in full, then how many more there are."""
    subsets = tuple(a_score(f"s{number}", 0.5, 0.4, 0.6, right=9, timeout=1) for number in range(57))
    lines = notes(RunSummary("M", False, (BenchmarkSummary("mmlu", "1", "acc", subsets),)), width=200)
    assert [line.split(":")[0] for line in lines if "of 10 items ungraded" in line] == ["mmlu s0", "mmlu s1", "mmlu s2"]
    assert "... and 54 more subsets with ungraded items; summary.json has them all." in lines


def test_small_subsets_and_repeats_are_explained() -> None:
    """A missing interval has its reason, and repeats say what Num counts."""
    score = dataclasses.replace(a_score("s", 1.0, None, None, right=2), num=1, planned=1, repeats=2)
    lines = notes(RunSummary("M", True, (BenchmarkSummary("b", "1", "acc", (score,)),)), width=200)
    assert "Too few samples for an interval: b s (1)." in lines
    assert any(line.startswith("Each sample was asked 2 times: Num counts samples") for line in lines)


def test_lost_items_are_shown_and_not_dropped() -> None:
    """A summary whose counts do not reach what was planned says so."""
    score = dataclasses.replace(a_score("s", 1.0, 0.5, 1.0, right=7), planned=10)
    summary = RunSummary("M", False, (BenchmarkSummary("b", "1", "acc", (score,)),))
    assert notes(summary, width=200)[0] == "10 items: 7 right, 0 wrong, 3 ungraded (3 without a record)."
    assert score_table(summary, width=80)[-1].split()[-1] == "3"


def test_gate_lines_put_the_verdict_first() -> None:
    """One sentence for each gate; a reason that names its gate does not name it twice."""
    assert [line for gate in full_summary().gates for line in gate_text(gate)] == [
        "gate failed: iquiz-floor: iquiz OVERALL 0.7119 (95 % 0.613-0.775, n=118) is below its floor 0.8.",
        "gate passed: no-cuts: 4 of 118 replies are cut, at most 5 % are allowed.",
        "gate cannot judge: bfcl has no baseline; bless a run with --eval-bless.",
    ]
    assert [line for gate in full_summary().gates for line in gate_text(gate, width=80)][:2] == [
        "gate failed: iquiz-floor: iquiz OVERALL 0.7119 (95 % 0.613-0.775, n=118) is",
        "  below its floor 0.8.",
    ]


@given(st.floats(0.0, 1.0))
def test_only_whole_scores_print_as_whole(score: float) -> None:
    """0.0000 and 1.0000 mean exactly that; every other score is off by less than one in the fourth place."""
    text = score_text(score)
    assert (text == "1.0000") == (score == 1.0)
    assert (text == "0.0000") == (score == 0.0)
    assert abs(float(text) - score) <= 1e-4


def test_missing_numbers_are_a_dash() -> None:
    """None prints as a dash, never as 0."""
    assert (score_text(None), interval_text(None, 0.5), interval_text(0.25, 0.5)) == ("-", "-", "0.250-0.500")


def test_terminal_summary_has_its_blocks_in_order_and_in_colour() -> None:
    """Table, notes, gates and places, separated by empty lines; a failed gate is red, one not judged yellow."""
    places = [("run folder", "/tmp/x y"), ("report", "/tmp/x y/report.html")]
    parts = list(summary_parts(full_summary(), width=80, places=places))
    lines = [text for text, _ in parts]
    assert lines[-2:] == ["run folder: /tmp/x y", "report:     /tmp/x y/report.html"]
    assert lines.count("") == 3
    markup = {text: mark for text, mark in parts if text.startswith("gate")}
    assert [mark for _, mark in sorted(markup.items())] == [
        {"yellow": True},
        {"red": True, "bold": True},
        {"green": True},
    ]
    assert {"yellow": True} in [mark for text, mark in parts if "suspicious" in text]
    assert list(summary_parts(RunSummary("M", True, ()), width=80)) == []


def test_every_kind_has_its_place_in_the_counts() -> None:
    """No kind can be forgotten by the sentence of counts."""
    score = a_score("s", 0.5, 0.4, 0.6, **{kind.value: 10**number for number, kind in enumerate(Kind)})
    line = notes(RunSummary("M", False, (BenchmarkSummary("b", "1", "acc", (score,)),)), width=1000)[0]
    for number, kind in enumerate(Kind):
        assert f"{10**number:,} {kind.label}" in line


@pytest.mark.parametrize(("score", "is_given"), [(0.0, True), (0.49, True), (0.5, False), (0.9, False), (1.0, False)])
def test_advice_is_given_below_its_score(score: float, is_given: bool) -> None:
    """A sound model may get some questions wrong: advice with a threshold is silent from there on."""
    subset = a_score("letters", score, 0.0, 1.0, right=round(score * 100), wrong=100 - round(score * 100))
    entry = BenchmarkSummary("wiring", "1", "mean_acc", (subset,), advice={"letters": Advice("wrong weights?", 0.5)})
    found = [remark.text for remark in remarks(RunSummary("m", True, (entry,))) if remark.topic == "advice"]
    assert found == (["wiring letters: wrong weights?"] if is_given else [])


@pytest.mark.parametrize(("cause", "is_given"), [("context_exceeded", True), ("http_503", False)])
def test_prompts_beyond_the_context_get_a_remedy(cause: str, is_given: bool) -> None:
    """A longer context, or fewer worked examples; nothing for another failure."""
    summary = dataclasses.replace(clean_summary(), facts={"failed_attempts": {cause: 3}})
    found = " ".join(remark.text for remark in remarks(summary) if remark.topic == "server")
    assert f"Failed attempts: 3 (3 {cause})." in found
    assert ("--eval-option NAME.shots=0" in found) is is_given
