"""A gate's verdict as the reports of a test of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from pytest_modeleval.reports.evidence_text import evidence_lines
from pytest_modeleval.results import CANNOT_JUDGE, FAILED, PASSED, GateVerdict

# The attribute of a gate's report that holds its verdict.
GATE = "modeleval_gate"


@dataclass(frozen=True, slots=True)
class FailedAt:
    """Where reporters find the headline of a failure, by the names that pytest gives it."""

    path: str
    lineno: int
    message: str


@dataclass(frozen=True, slots=True)
class GateFailure:
    """Why a gate failed: the sentence in the terminal, where the evidence stands below the table; both as a text."""

    reprcrash: FailedAt
    evidence: tuple[str, ...]

    def toterminal(self, writer: Any) -> None:
        """Called by pytest's terminal."""
        writer.line(self.reprcrash.message)

    def __str__(self) -> str:
        return "\n".join([self.reprcrash.message, *self.evidence])


def gate_reports(gate: GateVerdict, file: str) -> list[pytest.TestReport]:
    """A gate as a test of its own: setup, call, teardown, as every reporter expects them."""
    outcome: Any = {PASSED: "passed", FAILED: "failed"}.get(gate.verdict, "skipped")
    location = (file, None, gate.name)
    nodeid = f"{file}::gate[{gate.name}]"
    evidence = evidence_lines(gate)
    properties = [("gate", gate.name), ("verdict", gate.verdict)]
    if evidence:
        properties.append(("evidence", "\n".join(evidence)))
    reports = []
    for when in ("setup", "call", "teardown"):
        report = pytest.TestReport(
            nodeid=nodeid,
            location=location,
            keywords={},
            outcome=outcome if when == "call" else "passed",
            longrepr=_longrepr(gate, file, outcome, evidence) if when == "call" else None,
            when=when,
            user_properties=properties,
        )
        setattr(report, GATE, gate.verdict)
        reports.append(report)
    return reports


def _longrepr(gate: GateVerdict, file: str, outcome: str, evidence: list[str]) -> Any:
    if outcome == "failed":
        return GateFailure(FailedAt(file, 1, gate.reason), tuple(evidence))
    return (file, 0, f"{CANNOT_JUDGE}: {gate.reason}") if outcome == "skipped" else None
