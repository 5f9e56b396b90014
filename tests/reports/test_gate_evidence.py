"""The evidence of gates as text: terminal, GitHub's step summary, JUnit, pytest-html."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modeleval.gate_evidence import ChangedQuestion, GateEvidence
from pytest_modeleval.pytest_plugin.gate_reports import gate_reports
from pytest_modeleval.reports import github
from pytest_modeleval.reports.evidence_text import evidence_lines, listed_gates
from pytest_modeleval.reports.html_scores import html_summary
from pytest_modeleval.reports.terminal import summary_parts
from pytest_modeleval.reports.text_layout import HIDDEN
from pytest_modeleval.results import GateVerdict, RunSummary
from tests.support.report_cases import HOSTILE_TEXT, full_summary

COMPARE = "modeleval compare base.json runs/one"


def a_gate(count: int, *, verdict: str = "failed", name: str = "g", shown: int = 5000, **more: Any) -> GateVerdict:
    """A regression gate with so many newly wrong questions."""
    wrong = tuple(
        ChangedQuestion("quiz", "part", f"part-{number:04d}", "right 'A'", "wrong 'B'") for number in range(count)
    )
    fields = {"newly_wrong": wrong[:shown], "compare": COMPARE, **more}
    return GateVerdict(name, verdict, "quiz fell", newly_wrong=count, evidence=GateEvidence(**fields))


def test_the_first_ten_are_listed_with_both_results_and_the_command() -> None:
    """The head counts all; ids, both results, then the command on a line of its own."""
    lines = evidence_lines(a_gate(112))
    assert lines[0] == "newly wrong, the first 10 of 112:"
    assert lines[1] == "  part-0000: right 'A' -> wrong 'B'"
    assert len(lines) == 12
    assert lines[-1] == f"both sides: {COMPARE}"
    assert evidence_lines(a_gate(2))[0] == "newly wrong:"
    assert evidence_lines(a_gate(3, note="no answers here"))[-2] == "(no answers here)"


def test_nothing_is_said_where_nothing_changed() -> None:
    """A passed gate without changes, a gate without evidence; one that failed still names the command."""
    assert evidence_lines(a_gate(0, verdict="passed")) == []
    assert evidence_lines(GateVerdict("f", "passed", "ok")) == []
    assert evidence_lines(a_gate(0)) == [f"both sides: {COMPARE}"]
    assert evidence_lines(a_gate(0, compare="", show="pytest -x")) == ["replies: pytest -x"]


def test_the_terminal_lists_five_gates_and_failed_ones_first() -> None:
    """Of 30 gates the failed one at the end is listed; the others name the command only, which is never wrapped."""
    gates = [a_gate(12, verdict="passed", name=f"g{number}") for number in range(29)] + [a_gate(12, name="last")]
    assert listed_gates(gates) == {"last", "g0", "g1", "g2", "g3"}
    lines = [text for text, _ in summary_parts(RunSummary("M", True, (), tuple(gates)), width=50)]
    assert sum("newly wrong" in line for line in lines) == 5
    assert lines.count(f"  both sides: {COMPARE}") == 30


def test_the_step_summary_begins_with_a_table_of_gates() -> None:
    """Verdict, figure, change in points and what is newly wrong, to be read at a glance."""
    gate = replace(a_gate(12), score=0.5, drop=0.25, newly_right=3)
    text = github.step_summary(RunSummary("M", True, (), (gate,)))
    assert "\n| **failed** | g | 0.5 | -25.0 points | 12 | 3 |\n" in text


def test_the_step_summary_folds_the_evidence() -> None:
    """A table in a fold that is open unless the gate is passed, and the command in a block of its own."""
    text = github.step_summary(RunSummary("M", True, (), (a_gate(12), a_gate(1, verdict="passed", name="p"))))
    assert "<details open><summary>g: newly wrong, the first 10 of 12</summary>\n\n| Sample | Baseline |" in text
    assert "\n| part-0009 | right 'A' | wrong 'B' |\n\n~~~text\n" + COMPARE + "\n~~~\n\n</details>" in text
    assert "<details><summary>p: newly wrong</summary>" in text
    assert "part-0010" not in text
    floor = a_gate(0, compare="", show="pytest --eval-only wrong")
    assert "<summary>g: how to see more</summary>\n\n~~~text\npytest" in github.step_summary(
        RunSummary("M", True, (), (floor,))
    )


hostile = st.one_of(st.text(max_size=30), st.sampled_from([HOSTILE_TEXT, "</details>\n~~~\n| a | b |", "::error::x"]))


@settings(max_examples=80, deadline=None)
@given(hostile, hostile, hostile, hostile)
def test_answers_and_ids_stay_inert(sample: str, old: str, new: str, command: str) -> None:
    """Whatever the ids, answers and paths are: no hidden character, no further row or cell, no HTML."""
    question = ChangedQuestion("quiz", sample, new, old, new)
    gate = GateVerdict(
        sample or "g", "failed", old, newly_wrong=1, evidence=GateEvidence((question,), (), "modeleval " + command)
    )
    summary = RunSummary("M", True, (), (gate,))
    lines = evidence_lines(gate)
    assert len(lines) == 3
    assert not any(HIDDEN.search(line) or "\n" in line for line in lines)
    markdown = github.step_summary(summary)
    rows = [line for line in markdown.split("\n") if line.startswith("| ")]
    assert len(rows) == 6
    row = rows[-1]
    assert row.replace("\\\\", "").replace("\\|", "").count("|") == 4
    assert markdown.count("</details>") == 1 + ("</details>" in command)
    page = "".join(html_summary(summary))
    assert "<script" not in page
    assert page.count("</details>") == 1


def test_junit_holds_reason_and_evidence_and_the_terminal_the_reason() -> None:
    """The failure as a text has both, its headline and the terminal's section only the sentence."""

    class Writer:
        """Keeps lines."""

        def __init__(self) -> None:
            self.lines: list[str] = []

        def line(self, text: str) -> None:
            """As pytest's."""
            self.lines.append(text)

    call = gate_reports(a_gate(1), "gates.toml")[1]
    failure: Any = call.longrepr
    assert str(failure).splitlines() == ["quiz fell", *evidence_lines(a_gate(1))]
    assert (failure.reprcrash.path, failure.reprcrash.message) == ("gates.toml", "quiz fell")
    writer = Writer()
    failure.toterminal(writer)
    assert writer.lines == ["quiz fell"]
    assert dict(call.user_properties)["evidence"] == "\n".join(evidence_lines(a_gate(1)))
    assert "evidence" not in dict(gate_reports(full_summary().gates[0], "gates.toml")[1].user_properties)
