"""Gates at the end of a run: judged once, in the main process, and reported as test items of their own."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest

from pytest_modeleval.errors import SettingsError
from pytest_modeleval.evaluation.identity import identities_of
from pytest_modeleval.evaluation.plan import aggregate_from_json
from pytest_modeleval.evaluation.summary import merge_plans
from pytest_modeleval.results import GateVerdict, RunSummary
from pytest_modeleval.session.outcomes import GATE
from pytest_modeleval.settings import Limit, Settings
from pytest_modeleval.store.baseline import read_baseline, write_baseline
from pytest_modeleval.store.journal import Contents, utc_now

if TYPE_CHECKING:
    from pytest_modeleval.gates import Baseline, Evidence, GateFile

INTERRUPTED = "The run did not come to its end, so nothing is judged; the same command goes on with it."


class Judge:
    """Reads gates and baseline at the start, so that a mistake is told before anything is asked."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.gates: GateFile | None = None
        self._baseline: Baseline | None = None
        if settings.gates_file is None and settings.baseline_file is None and settings.bless_file is None:
            return
        # numpy comes with the gates: only where they are asked for.
        from pytest_modeleval.gates import read_gates  # noqa: PLC0415

        if settings.gates_file is not None:
            self.gates = read_gates(settings.gates_file)
        if settings.baseline_file is not None and settings.baseline_file.exists():
            # One that is not there yet is no mistake: its gates cannot be judged, and say how to make it.
            self._baseline = read_baseline(settings.baseline_file)

    def verdicts(self, summary: RunSummary, contents: Contents) -> tuple[GateVerdict, ...]:
        """The verdict of every gate over a run that came to its end."""
        if self.gates is None:
            return ()
        from pytest_modeleval.gates import judge  # noqa: PLC0415

        return judge(
            self.gates,
            evidence(summary, contents),
            self._baseline,
            max_ungraded=_ungraded(self._settings.max_ungraded),
        )

    def unjudged(self) -> tuple[GateVerdict, ...]:
        """The verdicts of a run that was stopped."""
        if self.gates is None:
            return ()
        return tuple(GateVerdict(gate.name, "cannot judge", INTERRUPTED) for gate in self.gates.gates)

    def bless(self, summary: RunSummary, contents: Contents) -> str:
        """Write the run as a baseline, if it was asked for and the run is complete; a line for the user."""
        target = self._settings.bless_file
        if target is None:
            return ""
        if not summary.is_complete:
            return f"not blessed: the run is incomplete, and {target} is as it was"
        from pytest_modeleval.gates.noise import flip_rates  # noqa: PLC0415

        write_baseline(
            target,
            evidence(summary, contents),
            made_utc=utc_now(),
            flip_rates=flip_rates(contents.outcomes),
            facts=dict(summary.facts),
        )
        return f"blessed: {target} holds this run as a baseline; review it and commit it"


def check_targets(settings: Settings, known: Mapping[str, tuple[list[str], list[str]]]) -> None:
    """Every gate names a benchmark, subset and aggregate that exist. Raises SettingsError."""
    if settings.gates_file is None:
        return
    from pytest_modeleval.gates import read_gates, unknown_targets  # noqa: PLC0415

    found = unknown_targets(read_gates(settings.gates_file), known)
    if found:
        raise SettingsError("\n".join(found))


def evidence(summary: RunSummary, contents: Contents) -> Evidence:
    """A run as gates see it, from its journals."""
    from pytest_modeleval.gates import Evidence  # noqa: PLC0415

    plans = merge_plans(contents.plans)
    return Evidence(
        summary,
        contents.outcomes,
        identities=identities_of(plans),
        aggregates={plan["benchmark"]: [aggregate_from_json(entry) for entry in plan["aggregates"]] for plan in plans},
    )


def with_gates(summary: RunSummary, gates: tuple[GateVerdict, ...]) -> RunSummary:
    """The summary with verdicts."""
    return dataclasses.replace(summary, gates=gates)


def gate_reports(gate: GateVerdict, file: str) -> list[pytest.TestReport]:
    """A gate as a test of its own: setup, call, teardown, as every reporter expects them."""
    outcome: Any = {"passed": "passed", "failed": "failed"}.get(gate.verdict, "skipped")
    location = (file, None, gate.name)
    nodeid = f"{file}::gate[{gate.name}]"
    reports = []
    for when in ("setup", "call", "teardown"):
        is_call = when == "call"
        longrepr: Any = None
        if is_call and outcome == "failed":
            longrepr = gate.reason
        elif is_call and outcome == "skipped":
            longrepr = (file, 0, f"cannot judge: {gate.reason}")
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


def _ungraded(limit: Limit) -> float:
    return float(limit.rows) if limit.rows is not None else float(limit.fraction or 0.0)
