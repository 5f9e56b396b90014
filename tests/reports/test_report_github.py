"""The step summary and the annotations of GitHub Actions."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings

from pytest_modeleval.reports import github
from pytest_modeleval.reports.table_rows import score_rows
from pytest_modeleval.reports.text_layout import HIDDEN
from pytest_modeleval.results import GateVerdict, RunSummary
from pytest_modeleval.run_figures import Quantiles, RequestFigures
from tests.support.report_cases import clean_summary, full_summary, summaries


def test_step_summary_is_a_markdown_table() -> None:
    """A clean run, whole."""
    assert github.step_summary(clean_summary()) == (
        "## MiniMax-M2: complete run\n\n"
        "| Dataset | Metric | Subset | Num | Score | 95 % interval | Truncated | No answer | Ungraded |\n"
        "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        "| iquiz | mean\\_acc | IQ | 40 | 0.8250 | 0.680-0.913 | 0 | 0 | 0 |\n"
        "| iquiz | mean\\_acc | EQ | 80 | 0.6375 | 0.528-0.734 | 0 | 0 | 0 |\n"
        "| iquiz | mean\\_acc | OVERALL | 120 | **0.7000** | 0.613-0.775 | - | - | - |\n\n"
        "120 items: 84 right, 36 wrong, 0 ungraded.\n"
    )


def test_step_summary_folds_times_and_tokens() -> None:
    """One row for each benchmark, in a fold below the remarks; a value that no reply states is a dash."""
    requests = RequestFigures("iquiz", 1200, 3, total_s=Quantiles(1.25, 140.0), tokens_in=36000)
    text = github.step_summary(replace(clean_summary(), requests=(requests,)))
    assert "<details><summary>Requests: times and tokens</summary>\n\n| Dataset | Requests | Repeated | " in text
    assert "\n| iquiz | 1,200 | 3 | - | - | 1.25 | 140 | - | - | 36,000 | - | - | - |\n\n</details>\n" in text


def test_step_summary_has_gates_and_remarks() -> None:
    """Verdicts stand above the table, what qualifies the scores below it."""
    text = github.step_summary(full_summary())
    assert "- **FAILED** iquiz-floor: iquiz OVERALL 0.7119" in text
    assert "| **failed** | iquiz-floor | - | - | - | - |\n| passed | no-cuts |" in text
    assert "- **cannot judge** bfcl: bfcl has no baseline; bless a run with --eval-bless." in text
    assert text.index("**FAILED**") < text.index("| Dataset") < text.index("- bfcl\\_v4 OVERALL partial: 1 of 5 groups")


@settings(max_examples=50)
@given(summaries())
def test_step_summary_is_one_table_row_for_each_score(summary: RunSummary) -> None:
    """No name breaks a row or adds a cell, and no HTML but the marks that break up links gets through."""
    text = github.step_summary(summary)
    gates = len(summary.gates) + 2 if summary.gates else 0
    rows = [line for line in text.split("\n") if line.startswith("| ")]
    assert all(row.replace("\\\\", "").replace("\\|", "").count("|") == 7 for row in rows[:gates])
    rows = rows[gates:]
    assert len(rows) == (len(score_rows(summary)) + 2 if summary.benchmarks and score_rows(summary) else 0)
    assert all(row.replace("\\\\", "").replace("\\|", "").count("|") == 10 for row in rows)
    assert "<" not in text.replace("<!-- -->", "")
    assert not HIDDEN.search(text)


def test_only_gates_that_did_not_pass_are_annotated() -> None:
    """An error for a failed gate, a warning for one that cannot be judged, none for the rest and none for samples."""
    assert github.annotations(full_summary()) == [
        "::error title=gate failed%3A iquiz-floor::iquiz OVERALL 0.7119 (95 %25 0.613-0.775, n=118) is below its "
        "floor 0.8.",
        "::warning title=gate cannot judge%3A bfcl::bfcl has no baseline; bless a run with --eval-bless.",
    ]


@settings(max_examples=50)
@given(summaries())
def test_annotations_cannot_be_broken_out_of(summary: RunSummary) -> None:
    """One line each; a name or reason cannot end the property, the message or the line."""
    lines = github.annotations(summary)
    assert len(lines) == sum(gate.verdict in ("failed", "cannot judge") for gate in summary.gates)
    for line in lines:
        assert line.isprintable() or not HIDDEN.search(line)
        assert "\n" not in line
        assert line.split("::")[1].count("=") >= 1
        assert "," not in line.split("::")[1]


def test_hostile_gate_names_are_escaped() -> None:
    """A name that tries to begin a command of its own stays a name."""
    gate = GateVerdict("x::stop-commands::\n::set-env name=A,b=c", "failed", "50% is\n::error::no")
    (line,) = github.annotations(RunSummary("M", True, (), (gate,)))
    assert line == (
        "::error title=gate failed%3A x%3A%3Astop-commands%3A%3A %3A%3Aset-env name=A%2Cb=c::50%25 is ::error::no."
    )
