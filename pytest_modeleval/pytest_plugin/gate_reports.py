"""A gate's verdict as the reports of a test of its own."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_modeleval.results import CANNOT_JUDGE, FAILED, PASSED, GateVerdict

# The attribute of a gate's report that holds its verdict.
GATE = "modeleval_gate"


def gate_reports(gate: GateVerdict, file: str) -> list[pytest.TestReport]:
    """A gate as a test of its own: setup, call, teardown, as every reporter expects them."""
    outcome: Any = {PASSED: "passed", FAILED: "failed"}.get(gate.verdict, "skipped")
    location = (file, None, gate.name)
    nodeid = f"{file}::gate[{gate.name}]"
    reports = []
    for when in ("setup", "call", "teardown"):
        is_call = when == "call"
        longrepr: Any = None
        if is_call and outcome == "failed":
            longrepr = gate.reason
        elif is_call and outcome == "skipped":
            longrepr = (file, 0, f"{CANNOT_JUDGE}: {gate.reason}")
        report = pytest.TestReport(
            nodeid=nodeid,
            location=location,
            keywords={},
            outcome=outcome if is_call else "passed",
            longrepr=longrepr,
            when=when,
            user_properties=[("gate", gate.name), ("verdict", gate.verdict)],
        )
        setattr(report, GATE, gate.verdict)
        reports.append(report)
    return reports
