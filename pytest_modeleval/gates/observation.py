"""What a gate of any kind claims of a planned run. Pure."""

from __future__ import annotations

from pytest_modeleval.gates.kinds import KINDS, is_against_baseline
from pytest_modeleval.gates.regression import baseline_obstacle, lacks_baseline
from pytest_modeleval.gates.scope import Claim, PlannedScope, impossible

# No bound on how small a p-value can be.
_UNBOUNDED = 1e-9


def observe(planned: PlannedScope) -> Claim:
    """The claim of a gate. One over a measure is judged at the end only: its figure is no mean that could be bet on."""
    gate, baseline = planned.gate, planned.baseline
    if not planned.is_measured:
        return KINDS[gate.kind].observe(planned)
    obstacle = baseline_obstacle(gate, baseline, planned.identity) if is_against_baseline(gate) else ""
    if obstacle:
        return impossible(planned.questions, obstacle, lacks_baseline=lacks_baseline(gate, baseline))
    return Claim(planned.questions, lambda _question, _outcomes: None, _UNBOUNDED, 1.0, is_whole_set=True)
