"""How an item's outcome rides on pytest's reports, and how pytest counts it.

A wrong answer is reported as an expected failure is (outcome skipped, wasxfail set): every reporting plugin then
counts it apart and nothing turns red (docs/kinds.md); under --eval-strict it is an ordinary failure.
"""

from __future__ import annotations

from typing import Any, Literal

import pytest

from pytest_modeleval._support.shorten import shorten
from pytest_modeleval.collection.items import SampleItem
from pytest_modeleval.evaluation.verdict import outcome_with_verdict, outcome_without_verdict
from pytest_modeleval.pytest_plugin.compatibility import is_timeout
from pytest_modeleval.pytest_plugin.gate_reports import GATE
from pytest_modeleval.pytest_plugin.skipped_by_gate import SkippedByGate
from pytest_modeleval.pytest_private import FixtureNames
from pytest_modeleval.records import Kind, Outcome
from pytest_modeleval.reports.text_layout import visible
from pytest_modeleval.store.outcome_codec import KINDS, brief_outcome_to_json

ATTRIBUTE = "modeleval"
LETTERS = {Kind.WRONG: "w", Kind.NO_ANSWER: "n", Kind.TRUNCATED: "t"}
MAX_LINE = 300
# What says that an answer is wrong, when a test body raises it.
FAILED_ASSERTION = (AssertionError, pytest.fail.Exception)
# The keywords that all items of a benchmark share, by the id of its fixtures' description, which they share too.
_KEYWORDS = pytest.StashKey[dict[int, dict[str, Literal[1]]]]()
# Since pytest 9.2 an item has its id in parts; put together for a report it would have to be taken apart again.
_HAS_PARTS = hasattr(pytest.Item, "id")


def outcome_of(item: SampleItem, call: pytest.CallInfo[None]) -> Outcome | None:
    """What this phase says about the item: None if nothing (a passed setup, a skip, a teardown)."""
    if call.when not in ("setup", "call"):
        return None
    planned = item.planned
    key, sample = planned.key, planned.sample
    result = item.result
    request_key = result.request_key if result is not None else ""
    error = call.excinfo.value if call.excinfo is not None else None
    if error is None:
        if call.when == "setup":
            return None
    elif isinstance(error, SkippedByGate):
        return Outcome(key, Kind.NOT_RUN, cause=error.cause, explanation=str(error.msg))
    elif isinstance(error, pytest.skip.Exception):
        return None
    elif call.when == "setup" or not isinstance(error, FAILED_ASSERTION) or is_timeout(call):
        return outcome_without_verdict(key, error, request_key=request_key)
    return outcome_with_verdict(
        key,
        has_passed=error is None,
        grade=item.grade,
        response=result.last if result is not None else None,
        is_single_request=planned.plan.benchmark.request is not None,
        failure=str(error).partition("\n")[0] if error is not None else "",
        target=sample.target,
        cluster=sample.cluster,
        request_key=request_key,
        prompt=result.prompt if result is not None else "",
    )


def report_of_verdict(item: SampleItem, call: pytest.CallInfo[None]) -> pytest.TestReport:
    """What TestReport.from_item_and_call makes of an item that has a verdict, at a fifth of its cost."""
    return pytest.TestReport(
        item.id if _HAS_PARTS else item.nodeid,
        item.location,
        _keywords_of(item),
        "passed" if call.excinfo is None else "failed",
        None if call.excinfo is None else item.failure_line,
        "call",
        duration=call.duration,
        start=call.start,
        stop=call.stop,
        user_properties=item.user_properties,
    )


def _keywords_of(item: SampleItem) -> dict[str, Literal[1]]:
    """As pytest's reports have them: the names of what the item inherits, and its own."""
    assert item.parent is not None
    if "keywords" in vars(item):
        return dict.fromkeys(item.keywords, 1)
    # They were never read, so none was added: except for the name they are those of the whole benchmark.
    shared = item.parent.stash.setdefault(_KEYWORDS, {})
    key = FixtureNames.key(item)
    found = shared.get(key)
    if found is None:
        found = shared[key] = dict.fromkeys(item.keywords, 1)
        del found[item.name]
    return {**found, item.name: 1}


def line_of(outcome: Outcome) -> str:
    """One line for people. The model's words in it are made harmless for a terminal."""
    label = outcome.kind.label
    if outcome.kind.is_verdict and 0.0 < outcome.value < 1.0:
        label += f", credit {outcome.value:.2g}"
    reason = outcome.explanation or outcome.cause
    if not reason:
        return label
    text = visible(reason).replace("\n", " ")
    line = f"{label}: {text}" if text else label
    return shorten(line, MAX_LINE)


def properties_of(outcome: Outcome) -> list[tuple[str, object]]:
    """What JUnit and other reporters keep about the item."""
    key = outcome.key
    found: list[tuple[str, object]] = [
        ("benchmark", key.benchmark),
        ("subset", key.subset),
        ("sample", key.sample),
        ("repeat", key.repeat),
        ("kind", outcome.kind._value_),
    ]
    if outcome.kind.is_verdict:
        found.append(("grade", outcome.value))
    if outcome.cause:
        found.append(("cause", outcome.cause))
    return found


def shape_report(report: pytest.TestReport, outcome: Outcome, *, is_strict: bool) -> None:
    """Make the report say what became of the item."""
    setattr(report, ATTRIBUTE, brief_outcome_to_json(outcome))
    if outcome.total_s is not None:
        # The test itself takes no time: its answer is there before it begins.
        report.duration = outcome.total_s
    if outcome.kind is Kind.RIGHT or outcome.kind is Kind.GRADER_ERROR:
        return
    line = line_of(outcome)
    if outcome.kind is Kind.NOT_RUN:
        # Not a failure: the next run asks it.
        path, number, _ = report.location
        report.outcome = "skipped"
        report.longrepr = (path, number or 0, f"Skipped: {line}")
        return
    report.longrepr = line
    if not outcome.kind.is_verdict:
        return
    if is_strict:
        report.outcome = "failed"
    else:
        report.outcome = "skipped"
        report.wasxfail = line


def status_of(report: Any, *, is_verbose: bool) -> tuple[str, str, Any] | None:
    """Category, letter and word of a sample's report; no letters but where each item has a line of its own."""
    facts = getattr(report, ATTRIBUTE, None)
    if facts is None:
        return _status_of_gate(report)
    if getattr(report, "when", None) == "teardown":
        return None
    category, letter, word = _status_of_sample(KINDS[facts["kind"]], report)
    return category, letter if is_verbose else "", word


def _status_of_sample(kind: Kind, report: Any) -> tuple[str, str, Any]:
    if kind is Kind.RIGHT and report.passed:
        return "passed", ".", "PASSED"
    if kind.is_verdict and report.skipped:
        return kind.label, LETTERS[kind], (kind.label.upper(), {"yellow": True})
    if kind.is_verdict:
        return "failed", "F", ("FAILED", {"red": True})
    if kind is Kind.NOT_RUN:
        return "skipped", "s", "SKIPPED"
    return "error", "E", ("ERROR", {"red": True})


def _status_of_gate(report: Any) -> tuple[str, str, Any] | None:
    if not hasattr(report, GATE) or report.when != "call":
        return None
    # The sentence stands below the table; a letter here would stand alone.
    return report.outcome, "", {"passed": "PASSED", "failed": ("FAILED", {"red": True})}.get(report.outcome, "SKIPPED")
